# SPDX-License-Identifier: MIT
for url in "$@"; do
    w3m -dump_source "$url"; echo "exit status $?"
done
