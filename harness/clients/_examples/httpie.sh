# SPDX-License-Identifier: MIT
for url in "$@"; do
    http --ignore-stdin --pretty=none --all GET "$url"; echo "exit status $?"
done
