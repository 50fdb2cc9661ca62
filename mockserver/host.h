/* SPDX-License-Identifier: MIT */
/* What we ask of the host, and what it says about us. Nothing here fails: a refusal is an answer.
 */
#ifndef INTERIMSPEC_HOST_H
#define INTERIMSPEC_HOST_H

#include <stdbool.h>
#include <stdint.h>

enum host_scheduling {
    HOST_SCHEDULING_NORMAL,
    HOST_SCHEDULING_NICE, /* a raised priority among ordinary processes */
    HOST_SCHEDULING_RR,   /* SCHED_RR: before all ordinary processes */
};

/* Asks for SCHED_RR, else for a raised priority, and says what was got. Children do not inherit
 * SCHED_RR. */
enum host_scheduling host_ask_scheduling(void);
/* "rr", "nice", "normal". */
const char *host_scheduling_name(enum host_scheduling scheduling);

/* How long this thread was ready to run but had to wait for a processor, since it began; -1 where
 * the kernel does not say. The file it reads is opened once. */
int64_t host_run_queue_wait_ns(void);
/* Processor time of the whole process. */
int64_t host_cpu_ns(void);
/* Raises the soft limit of open files to the hard one; returns the soft limit as it is then. */
int64_t host_raise_files(void);

#endif
