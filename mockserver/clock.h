/* SPDX-License-Identifier: MIT */
/* The two clocks. Everything is scheduled on the monotonic one (the clock of schedule.h's timerfd);
 * real time is only for people and for matching a transcript with what a client noted. */
#ifndef INTERIMSPEC_CLOCK_H
#define INTERIMSPEC_CLOCK_H

#include <stdint.h>

#define CLOCK_NS_PER_US INT64_C(1000)
#define CLOCK_NS_PER_MS INT64_C(1000000)
#define CLOCK_NS_PER_S INT64_C(1000000000)

/* Both clocks at one instant. */
struct clock_pair {
    int64_t monotonic_ns;
    int64_t realtime_ns; /* since the epoch */
};

int64_t clock_monotonic_ns(void);
int64_t clock_realtime_ns(void);
/* The best of a few tries: the two readings lie well under a microsecond apart unless the host
 * took the processor away in every one of them. */
struct clock_pair clock_pair_read(void);

#endif
