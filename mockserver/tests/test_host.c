/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "host.h"

/* In a child, as priorities cannot always be given back. */
static int in_child(int (*what)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(what());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int ask_and_compare(void)
{
    switch (host_ask_scheduling()) {
    case HOST_SCHEDULING_RR:
        return (sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) != SCHED_RR;
    case HOST_SCHEDULING_NICE:
        return getpriority(PRIO_PROCESS, 0) >= 0;
    case HOST_SCHEDULING_NORMAL:
        return sched_getscheduler(0) != SCHED_OTHER;
    }
    return 1;
}

static void says_what_scheduling_was_got(void **state)
{
    (void)state;
    assert_int_equal(in_child(ask_and_compare), 0);
    assert_string_equal(host_scheduling_name(HOST_SCHEDULING_RR), "rr");
    assert_string_equal(host_scheduling_name(HOST_SCHEDULING_NICE), "nice");
    assert_string_equal(host_scheduling_name(HOST_SCHEDULING_NORMAL), "normal");
}

static int lower_and_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1;
    limit.rlim_cur = 64;
    if (limit.rlim_max < 64 || setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 2;
    int64_t got = host_raise_files();
    if (limit.rlim_max != RLIM_INFINITY && got != (int64_t)limit.rlim_max)
        return 3;
    return host_raise_files() == got ? 0 : 4;
}

static void raises_the_limit_of_files(void **state)
{
    (void)state;
    assert_int_equal(in_child(lower_and_raise), 0);
}

static void counts_processor_time(void **state)
{
    (void)state;
    int64_t before = host_cpu_ns();
    int64_t until = clock_monotonic_ns() + CLOCK_NS_PER_S;
    while (host_cpu_ns() < before + 2 * CLOCK_NS_PER_MS && clock_monotonic_ns() < until)
        continue;
    assert_true(host_cpu_ns() > before);
}

static void run_queue_wait_only_grows(void **state)
{
    (void)state;
    int64_t before = host_run_queue_wait_ns();
    if (before < 0)
        skip(); /* a kernel without schedstat */
    for (int i = 0; i < 100; i++) {
        sched_yield();
        int64_t now = host_run_queue_wait_ns();
        assert_true(now >= before);
        before = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_scheduling_was_got),
        cmocka_unit_test(raises_the_limit_of_files),
        cmocka_unit_test(counts_processor_time),
        cmocka_unit_test(run_queue_wait_only_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
