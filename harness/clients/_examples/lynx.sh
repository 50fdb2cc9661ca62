# SPDX-License-Identifier: MIT
for url in "$@"; do
    lynx -nocolor -source "$url"; echo "exit status $?"
done
