/* SPDX-License-Identifier: MIT */
/* The heap against a plain model and without a clock; the timerfd on a real loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ev.h>
#include <stdlib.h>

#include "clock.h"
#include "schedule.h"

struct owner {
    struct schedule_entry entry;
    int ran;
    int64_t ran_at_ns;
    int place; /* in the order of all runs */
};

static int runs;

static void on_due(struct schedule_entry *entry, int64_t now_ns)
{
    struct owner *owner = (struct owner *)((char *)entry - offsetof(struct owner, entry));
    assert_false(schedule_is_set(entry));
    owner->ran++;
    owner->ran_at_ns = now_ns;
    owner->place = ++runs;
}

static struct owner new_owner(void)
{
    struct owner owner = {0};
    schedule_entry_init(&owner.entry, on_due);
    return owner;
}

static void empty(void **state)
{
    (void)state;
    struct schedule_heap heap = {0};
    struct owner owner = new_owner();
    assert_true(schedule_heap_next_due_ns(&heap) == SCHEDULE_NEVER);
    assert_int_equal(schedule_heap_run_due(&heap, INT64_MAX - 1), 0);
    schedule_heap_clear(&heap, &owner.entry);
    schedule_heap_fini(&heap);
}

static void runs_what_is_due_in_order(void **state)
{
    (void)state;
    struct schedule_heap heap = {0};
    static const int64_t due[] = {50, 10, 40, 10, 30, 60};
    static const int place[] = {5, 1, 4, 2, 3, 0};
    struct owner owners[6];
    runs = 0;
    for (int i = 0; i < 6; i++) {
        owners[i] = new_owner();
        schedule_heap_set(&heap, &owners[i].entry, due[i]);
    }
    assert_int_equal(schedule_heap_next_due_ns(&heap), 10);
    assert_int_equal(schedule_heap_run_due(&heap, 9), 0);
    assert_int_equal(schedule_heap_run_due(&heap, 50), 5);
    for (int i = 0; i < 6; i++)
        assert_int_equal(owners[i].place, place[i]);
    assert_int_equal(owners[0].ran_at_ns, 50);
    assert_int_equal(schedule_heap_next_due_ns(&heap), 60);
    assert_true(schedule_is_set(&owners[5].entry));
    schedule_heap_clear(&heap, &owners[5].entry);
    schedule_heap_fini(&heap);
}

static void setting_again_moves(void **state)
{
    (void)state;
    struct schedule_heap heap = {0};
    struct owner a = new_owner(), b = new_owner();
    schedule_heap_set(&heap, &a.entry, 10);
    schedule_heap_set(&heap, &b.entry, 20);
    schedule_heap_set(&heap, &a.entry, 30);
    assert_int_equal(heap.count, 2);
    assert_int_equal(schedule_heap_next_due_ns(&heap), 20);
    schedule_heap_set(&heap, &a.entry, 5);
    assert_int_equal(a.entry.due_ns, 5);
    assert_int_equal(schedule_heap_run_due(&heap, 5), 1);
    assert_int_equal(a.ran, 1);
    schedule_heap_clear(&heap, &b.entry);
    schedule_heap_clear(&heap, &b.entry);
    assert_int_equal(heap.count, 0);
    schedule_heap_fini(&heap);
}

/* An entry that sets itself anew, an entry that clears another, an entry that runs the heap. */
static struct schedule_heap *shared;
static struct owner *victim;

static void on_due_again(struct schedule_entry *entry, int64_t now_ns)
{
    on_due(entry, now_ns);
    schedule_heap_set(shared, entry, now_ns - 1000);
}

static void on_due_clear(struct schedule_entry *entry, int64_t now_ns)
{
    on_due(entry, now_ns);
    schedule_heap_clear(shared, &victim->entry);
    assert_int_equal(schedule_heap_run_due(shared, now_ns), 0);
}

static void set_in_a_run_waits_for_the_next(void **state)
{
    (void)state;
    struct schedule_heap heap = {0};
    shared = &heap;
    struct owner again = new_owner(), late = new_owner();
    again.entry.on_due = on_due_again;
    schedule_heap_set(&heap, &again.entry, 10);
    schedule_heap_set(&heap, &late.entry, 90);
    assert_int_equal(schedule_heap_run_due(&heap, 100), 2);
    assert_int_equal(late.ran, 1);
    assert_int_equal(again.ran, 1);
    assert_int_equal(again.entry.due_ns, -900);
    assert_int_equal(schedule_heap_run_due(&heap, 101), 1);
    assert_int_equal(again.ran, 2);
    schedule_heap_clear(&heap, &again.entry);
    schedule_heap_fini(&heap);
}

static void cleared_in_a_run_does_not_run(void **state)
{
    (void)state;
    struct schedule_heap heap = {0};
    shared = &heap;
    struct owner killer = new_owner(), dead = new_owner();
    victim = &dead;
    killer.entry.on_due = on_due_clear;
    schedule_heap_set(&heap, &killer.entry, 1);
    schedule_heap_set(&heap, &dead.entry, 2);
    assert_int_equal(schedule_heap_run_due(&heap, 5), 1);
    assert_int_equal(dead.ran, 0);
    schedule_heap_fini(&heap);
}

enum { MODEL = 300 };

/* Sets, moves, clears and runs at random, and compares with a walk over all owners. */
static void agrees_with_a_plain_model(void **state)
{
    (void)state;
    struct schedule_heap heap = {0};
    static struct owner owners[MODEL];
    srand(102);
    for (int i = 0; i < MODEL; i++)
        owners[i] = new_owner();
    for (int round = 0; round < 30000; round++) {
        struct owner *owner = &owners[rand() % MODEL];
        int what = rand() % 10;
        int64_t now = round;
        if (what < 6) {
            schedule_heap_set(&heap, &owner->entry, now + rand() % 500);
        } else if (what < 9) {
            schedule_heap_clear(&heap, &owner->entry);
        } else {
            size_t expected = 0;
            for (int i = 0; i < MODEL; i++)
                expected += schedule_is_set(&owners[i].entry) && owners[i].entry.due_ns <= now;
            assert_int_equal(schedule_heap_run_due(&heap, now), expected);
        }
        int64_t earliest = SCHEDULE_NEVER;
        for (int i = 0; i < MODEL && round % 10 == 0; i++) {
            if (schedule_is_set(&owners[i].entry) && owners[i].entry.due_ns < earliest)
                earliest = owners[i].entry.due_ns;
        }
        if (round % 10 == 0)
            assert_true(schedule_heap_next_due_ns(&heap) == earliest);
    }
    for (int i = 0; i < MODEL; i++)
        schedule_heap_clear(&heap, &owners[i].entry);
    assert_int_equal(heap.count, 0);
    schedule_heap_fini(&heap);
}

/* -- on a loop -- */

static struct ev_loop *loop;

static void on_due_stop(struct schedule_entry *entry, int64_t now_ns)
{
    on_due(entry, now_ns);
    ev_break(loop, EVBREAK_ALL);
}

static void timer_is_never_early(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    assert_non_null(loop);
    struct schedule *schedule = schedule_new(loop);
    assert_non_null(schedule);
    struct owner first = new_owner(), last = new_owner(), past = new_owner(), gone = new_owner();
    last.entry.on_due = on_due_stop;
    int64_t start = clock_monotonic_ns();
    runs = 0;
    schedule_set(schedule, &last.entry, start + 20 * CLOCK_NS_PER_MS);
    schedule_set(schedule, &first.entry, start + 5 * CLOCK_NS_PER_MS);
    schedule_set(schedule, &gone.entry, start + 1 * CLOCK_NS_PER_MS);
    schedule_set(schedule, &past.entry, start - CLOCK_NS_PER_S);
    schedule_clear(schedule, &gone.entry);
    ev_run(loop, 0);
    assert_int_equal(past.place, 1);
    assert_int_equal(first.place, 2);
    assert_int_equal(last.place, 3);
    assert_int_equal(gone.ran, 0);
    assert_true(first.ran_at_ns >= start + 5 * CLOCK_NS_PER_MS);
    assert_true(last.ran_at_ns >= start + 20 * CLOCK_NS_PER_MS);
    /* Generous, as tests share their host; the bench measures how late it is. */
    assert_true(last.ran_at_ns < start + 2 * CLOCK_NS_PER_S);
    /* A deadline that was set before boot, or for it, does not disarm the timer. */
    schedule_set(schedule, &last.entry, 0);
    ev_run(loop, 0);
    assert_int_equal(last.ran, 2);
    assert_true(schedule_next_due_ns(schedule) == SCHEDULE_NEVER);
    schedule_free(schedule);
    ev_loop_destroy(loop);
}

static void runs_at_the_edge_of_others(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    struct schedule *schedule = schedule_new(loop);
    assert_non_null(schedule);
    struct owner owner = new_owner();
    int64_t now = clock_monotonic_ns();
    schedule_set(schedule, &owner.entry, now);
    assert_int_equal(schedule_run_due(schedule, now - 1), 0);
    assert_int_equal(schedule_run_due(schedule, now), 1);
    assert_int_equal(owner.ran, 1);
    schedule_free(schedule);
    ev_loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty),
        cmocka_unit_test(runs_what_is_due_in_order),
        cmocka_unit_test(setting_again_moves),
        cmocka_unit_test(set_in_a_run_waits_for_the_next),
        cmocka_unit_test(cleared_in_a_run_does_not_run),
        cmocka_unit_test(agrees_with_a_plain_model),
        cmocka_unit_test(timer_is_never_early),
        cmocka_unit_test(runs_at_the_edge_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
