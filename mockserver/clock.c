/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <assert.h>
#include <time.h>

enum { PAIR_TRIES = 5 };

static int64_t read_ns(clockid_t clock)
{
    struct timespec now;
    int result = clock_gettime(clock, &now);
    assert(result == 0);
    (void)result;
    return now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

int64_t clock_monotonic_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t clock_realtime_ns(void)
{
    return read_ns(CLOCK_REALTIME);
}

struct clock_pair clock_pair_read(void)
{
    struct clock_pair best = {0};
    int64_t best_width = INT64_MAX;
    for (int i = 0; i < PAIR_TRIES; i++) {
        int64_t before = clock_monotonic_ns();
        int64_t realtime = clock_realtime_ns();
        int64_t width = clock_monotonic_ns() - before;
        if (width < best_width) {
            best_width = width;
            best = (struct clock_pair){before + width / 2, realtime};
        }
    }
    return best;
}
