# SPDX-License-Identifier: MIT
wget --no-config --no-hsts -S -O - --timeout=5 --post-data='twelve bytes' "$@"; echo "exit status $?"
