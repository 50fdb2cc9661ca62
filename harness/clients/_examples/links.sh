# SPDX-License-Identifier: MIT
for url in "$@"; do
    links -source "$url"; echo "exit status $?"
done
