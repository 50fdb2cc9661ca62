/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "clock.h"

static void monotonic_never_goes_back(void **state)
{
    (void)state;
    int64_t last = clock_monotonic_ns();
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_monotonic_ns();
        assert_true(now >= last);
        last = now;
    }
}

static void realtime_is_the_hosts(void **state)
{
    (void)state;
    int64_t before = time(NULL);
    int64_t now_s = clock_realtime_ns() / CLOCK_NS_PER_S;
    assert_true(now_s >= before - 1 && now_s <= time(NULL) + 1);
}

static void pair_lies_within_its_call(void **state)
{
    (void)state;
    int64_t before = clock_monotonic_ns();
    struct clock_pair pair = clock_pair_read();
    assert_true(pair.monotonic_ns >= before && pair.monotonic_ns <= clock_monotonic_ns());
    /* Two pairs agree on how far the clocks are apart, unless somebody sets the clock just now. */
    struct clock_pair again = clock_pair_read();
    int64_t drift =
        (again.realtime_ns - again.monotonic_ns) - (pair.realtime_ns - pair.monotonic_ns);
    assert_true(llabs(drift) < CLOCK_NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monotonic_never_goes_back),
        cmocka_unit_test(realtime_is_the_hosts),
        cmocka_unit_test(pair_lies_within_its_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
