/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <assert.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

enum { RAISED_NICE = -10 };

enum host_scheduling host_ask_scheduling(void)
{
    struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_RR)};
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) == 0)
        return HOST_SCHEDULING_RR;
    if (setpriority(PRIO_PROCESS, 0, RAISED_NICE) == 0)
        return HOST_SCHEDULING_NICE;
    return HOST_SCHEDULING_NORMAL;
}

const char *host_scheduling_name(enum host_scheduling scheduling)
{
    switch (scheduling) {
    case HOST_SCHEDULING_NORMAL:
        return "normal";
    case HOST_SCHEDULING_NICE:
        return "nice";
    case HOST_SCHEDULING_RR:
        return "rr";
    }
    assert(!"a scheduling of that number");
    return NULL;
}

int64_t host_run_queue_wait_ns(void)
{
    static int fd = -1;
    if (fd < 0)
        fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    char text[96];
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    if (len <= 0)
        return -1;
    text[len] = '\0';
    /* Time on the processor, time waiting for it, time slices. */
    unsigned long long on_cpu, waiting;
    return sscanf(text, "%llu %llu", &on_cpu, &waiting) == 2 ? (int64_t)waiting : -1;
}

int64_t host_cpu_ns(void)
{
    struct timespec used;
    int result = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    assert(result == 0);
    (void)result;
    return used.tv_sec * CLOCK_NS_PER_S + used.tv_nsec;
}

int64_t host_raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    struct rlimit raised = {limit.rlim_max, limit.rlim_max};
    if (limit.rlim_cur != limit.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0)
        limit = raised;
    return limit.rlim_cur == RLIM_INFINITY ? INT64_MAX : (int64_t)limit.rlim_cur;
}
