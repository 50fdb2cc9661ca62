/* SPDX-License-Identifier: MIT */
/* Who is woken when: absolute deadlines on the monotonic clock (clock.h), nothing relative.
 *
 *   struct conn { ... struct schedule_entry entry; ... }
 *                             |  heap index
 *   struct schedule_heap  [ 1 | 2 | 3 ... ]   earliest first; no clock, no loop: for tests
 *   struct schedule       heap + one timerfd + its watchers on the loop
 *
 * libev's own timers count whole milliseconds when they sleep; a timerfd is late by microseconds.
 */
#ifndef INTERIMSPEC_SCHEDULE_H
#define INTERIMSPEC_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULE_NEVER INT64_MAX

struct schedule_entry;
/* The entry is due and no longer set. May set and clear any entry, this one too, and may free the
 * owner of any entry that is clear. */
typedef void schedule_callback(struct schedule_entry *entry, int64_t now_ns);

/* Embedded in its owner (who comes from it by offsetof); must stay where it is while set. */
struct schedule_entry {
    schedule_callback *on_due;
    int64_t due_ns; /* as it was set; meaningless while clear */
    size_t index;   /* 1-based place in the heap, 0 while clear */
};

static inline void schedule_entry_init(struct schedule_entry *entry, schedule_callback *on_due)
{
    *entry = (struct schedule_entry){.on_due = on_due};
}

static inline bool schedule_is_set(const struct schedule_entry *entry)
{
    return entry->index != 0;
}

struct schedule_slot {
    int64_t key_ns;
    uint64_t order;               /* equal deadlines are run in the order in which they were set */
    struct schedule_entry *entry; /* borrowed */
};

/* All-zero is a valid empty heap. */
struct schedule_heap {
    struct schedule_slot *slots; /* owned */
    size_t count, cap;
    uint64_t orders;
    int64_t running_ns; /* `now` of the run under way */
    bool running;
};

/* Entries that are still set are left as they are: nobody runs them any more. */
void schedule_heap_fini(struct schedule_heap *heap);
/* Sets, or moves, the one deadline of the entry. */
void schedule_heap_set(struct schedule_heap *heap, struct schedule_entry *entry, int64_t due_ns);
/* Does nothing when it is not set. */
void schedule_heap_clear(struct schedule_heap *heap, struct schedule_entry *entry);
/* SCHEDULE_NEVER when nothing is set. */
int64_t schedule_heap_next_due_ns(const struct schedule_heap *heap);
/* Runs every entry due at `now`, earliest first, and returns how many. What a callback sets, even
 * to a moment in the past, waits for the next run: so a run ends, whatever its callbacks do. Called
 * from inside one of its callbacks it does nothing. */
size_t schedule_heap_run_due(struct schedule_heap *heap, int64_t now_ns);

struct schedule;
struct ev_loop;

/* Watches its timerfd on `loop` (borrowed; must outlive the schedule). NULL with errno when the
 * kernel gives no timerfd. The timer is armed in one place, just before the loop sleeps, and only
 * when the earliest deadline has become sooner than what it is armed for. */
struct schedule *schedule_new(struct ev_loop *loop) __attribute__((warn_unused_result));
void schedule_free(struct schedule *schedule);
void schedule_set(struct schedule *schedule, struct schedule_entry *entry, int64_t due_ns);
void schedule_clear(struct schedule *schedule, struct schedule_entry *entry);
int64_t schedule_next_due_ns(const struct schedule *schedule);
/* For the edge of other callbacks, so that a burst of them does not hold up what is due. Costs one
 * comparison when nothing is. */
size_t schedule_run_due(struct schedule *schedule, int64_t now_ns);

#endif
