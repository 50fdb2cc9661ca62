# SPDX-License-Identifier: MIT
for url in "$@"; do
    elinks -dump "$url"; echo "exit status $?"
done
