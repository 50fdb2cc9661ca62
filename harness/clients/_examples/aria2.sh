# SPDX-License-Identifier: MIT
for url in "$@"; do
    aria2c --no-conf -q --allow-overwrite=true --dir=. --out=answer "$url"; echo "exit status $?"; cat answer
done
