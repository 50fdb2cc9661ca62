#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the test programs of the builds named (release, asan) and sums up what cmocka says.
# A program that dies, hangs or says nothing counts as one failed test.
#   sh tests/run.sh BUILD_FOLDER BUILD...
root=$1
shift
passed=0 failed=0 skipped=0
for build in "$@"; do
    export MOCKSERVER="$root/$build/mockserver"
    for source in tests/test_*.c; do
        name=$(basename "$source" .c)
        log="$root/$build/tests/$name.log"
        timeout -k 5 "${TEST_SECONDS:-120}" "$root/$build/tests/$name" >"$log" 2>&1
        status=$?
        ok=$(grep -c '^\[       OK \]' "$log")
        bad=$(grep -c '^\[  FAILED  \] [A-Za-z_0-9]*$' "$log")
        ran=$(grep -c '^\[ RUN      \]' "$log")
        skip=$(grep -c '^\[  SKIPPED \] [A-Za-z_]' "$log")
        # cmocka lists each failed test a second time at the end.
        listed=$(sed -n '/^\[  FAILED  \] .* test(s), listed below/,$p' "$log" |
            grep -c '^\[  FAILED  \] [A-Za-z_0-9]*$')
        bad=$((bad - listed))
        if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$ok" -eq 0 ] && [ "$skip" -eq 0 ]; }; then
            bad=1
        fi
        printf '%s %s: %d passed' "$build" "$name" "$ok"
        [ "$skip" -ne 0 ] && printf ', %d skipped' "$skip"
        if [ "$bad" -ne 0 ]; then
            printf ', %d FAILED (exit status %d, %d begun)\n' "$bad" "$status" "$ran"
            grep -v -e '^\[ RUN  ' -e '^\[       OK' "$log"
        else
            printf '\n'
        fi
        passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
    done
done
[ "$skipped" -ne 0 ] && echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
