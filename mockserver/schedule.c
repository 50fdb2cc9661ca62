/* SPDX-License-Identifier: MIT */
#include "schedule.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"
#include "xmalloc.h"

/* Slot i (from 0) has its children at 2i+1 and 2i+2; its entry's index is i+1. */

static bool is_sooner(const struct schedule_slot *a, const struct schedule_slot *b)
{
    return a->key_ns != b->key_ns ? a->key_ns < b->key_ns : a->order < b->order;
}

static void put(struct schedule_heap *heap, size_t i, struct schedule_slot slot)
{
    heap->slots[i] = slot;
    slot.entry->index = i + 1;
}

static void sift_up(struct schedule_heap *heap, size_t i, struct schedule_slot slot)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (!is_sooner(&slot, &heap->slots[parent]))
            break;
        put(heap, i, heap->slots[parent]);
        i = parent;
    }
    put(heap, i, slot);
}

static void sift_down(struct schedule_heap *heap, size_t i, struct schedule_slot slot)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && is_sooner(&heap->slots[child + 1], &heap->slots[child]))
            child++;
        if (!is_sooner(&heap->slots[child], &slot))
            break;
        put(heap, i, heap->slots[child]);
        i = child;
    }
    put(heap, i, slot);
}

/* Puts a slot where the one at i was, which may be either way from where it belongs. */
static void settle(struct schedule_heap *heap, size_t i, struct schedule_slot slot)
{
    if (i > 0 && is_sooner(&slot, &heap->slots[(i - 1) / 2]))
        sift_up(heap, i, slot);
    else
        sift_down(heap, i, slot);
}

void schedule_heap_fini(struct schedule_heap *heap)
{
    assert(!heap->running);
    free(heap->slots);
    *heap = (struct schedule_heap){0};
}

void schedule_heap_set(struct schedule_heap *heap, struct schedule_entry *entry, int64_t due_ns)
{
    assert(entry->on_due != NULL && due_ns != SCHEDULE_NEVER);
    entry->due_ns = due_ns;
    struct schedule_slot slot = {due_ns, heap->orders++, entry};
    /* Kept out of the run under way: an entry that sets itself to the past would never end it. */
    if (heap->running && slot.key_ns <= heap->running_ns)
        slot.key_ns = heap->running_ns + 1;
    if (entry->index != 0) {
        assert(entry->index <= heap->count && heap->slots[entry->index - 1].entry == entry);
        settle(heap, entry->index - 1, slot);
        return;
    }
    if (heap->count == heap->cap) {
        heap->cap = heap->cap == 0 ? 64 : 2 * heap->cap;
        heap->slots = xreallocarray(heap->slots, heap->cap, sizeof *heap->slots);
    }
    sift_up(heap, heap->count++, slot);
}

void schedule_heap_clear(struct schedule_heap *heap, struct schedule_entry *entry)
{
    if (entry->index == 0)
        return;
    size_t i = entry->index - 1;
    assert(i < heap->count && heap->slots[i].entry == entry);
    entry->index = 0;
    heap->count--;
    if (i != heap->count)
        settle(heap, i, heap->slots[heap->count]);
}

int64_t schedule_heap_next_due_ns(const struct schedule_heap *heap)
{
    return heap->count == 0 ? SCHEDULE_NEVER : heap->slots[0].key_ns;
}

size_t schedule_heap_run_due(struct schedule_heap *heap, int64_t now_ns)
{
    if (heap->running || schedule_heap_next_due_ns(heap) > now_ns)
        return 0;
    heap->running = true;
    heap->running_ns = now_ns;
    size_t ran = 0;
    while (schedule_heap_next_due_ns(heap) <= now_ns) {
        struct schedule_entry *entry = heap->slots[0].entry;
        schedule_heap_clear(heap, entry);
        entry->on_due(entry, now_ns);
        ran++;
    }
    heap->running = false;
    return ran;
}

struct schedule {
    struct schedule_heap heap;
    struct ev_loop *loop; /* borrowed */
    int timer_fd;
    int64_t armed_ns; /* what the timerfd will fire for; SCHEDULE_NEVER: nothing */
    ev_io on_timer;
    ev_prepare before_sleep;
};

/* The one place that arms. A timer that fires for a deadline that was cleared meanwhile costs one
 * wake-up; re-arming for each of them would cost a system call per request. */
static void on_before_sleep(struct ev_loop *loop, ev_prepare *watcher, int revents)
{
    (void)loop;
    (void)revents;
    struct schedule *schedule = watcher->data;
    int64_t due_ns = schedule_heap_next_due_ns(&schedule->heap);
    if (due_ns >= schedule->armed_ns)
        return;
    /* Zero would disarm it; a moment that is past fires at once. */
    int64_t at_ns = due_ns > 0 ? due_ns : 1;
    struct itimerspec when = {
        .it_value = {.tv_sec = at_ns / CLOCK_NS_PER_S, .tv_nsec = at_ns % CLOCK_NS_PER_S}};
    int result = timerfd_settime(schedule->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    assert(result == 0);
    (void)result;
    schedule->armed_ns = due_ns;
}

static void on_timer(struct ev_loop *loop, ev_io *watcher, int revents)
{
    (void)loop;
    (void)revents;
    struct schedule *schedule = watcher->data;
    uint64_t fired;
    /* Not readable after all when it was armed anew since: then it will fire for that. */
    if (read(schedule->timer_fd, &fired, sizeof fired) == (ssize_t)sizeof fired)
        schedule->armed_ns = SCHEDULE_NEVER;
    schedule_heap_run_due(&schedule->heap, clock_monotonic_ns());
}

struct schedule *schedule_new(struct ev_loop *loop)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        return NULL;
    struct schedule *schedule = xcalloc(1, sizeof *schedule);
    schedule->loop = loop;
    schedule->timer_fd = fd;
    schedule->armed_ns = SCHEDULE_NEVER;
    ev_io_init(&schedule->on_timer, on_timer, fd, EV_READ);
    schedule->on_timer.data = schedule;
    ev_set_priority(&schedule->on_timer, EV_MAXPRI);
    ev_io_start(loop, &schedule->on_timer);
    ev_prepare_init(&schedule->before_sleep, on_before_sleep);
    schedule->before_sleep.data = schedule;
    /* After all other prepare watchers, which may set deadlines too. */
    ev_set_priority(&schedule->before_sleep, EV_MINPRI);
    ev_prepare_start(loop, &schedule->before_sleep);
    return schedule;
}

void schedule_free(struct schedule *schedule)
{
    if (schedule == NULL)
        return;
    ev_io_stop(schedule->loop, &schedule->on_timer);
    ev_prepare_stop(schedule->loop, &schedule->before_sleep);
    close(schedule->timer_fd);
    schedule_heap_fini(&schedule->heap);
    free(schedule);
}

void schedule_set(struct schedule *schedule, struct schedule_entry *entry, int64_t due_ns)
{
    schedule_heap_set(&schedule->heap, entry, due_ns);
}

void schedule_clear(struct schedule *schedule, struct schedule_entry *entry)
{
    schedule_heap_clear(&schedule->heap, entry);
}

int64_t schedule_next_due_ns(const struct schedule *schedule)
{
    return schedule_heap_next_due_ns(&schedule->heap);
}

size_t schedule_run_due(struct schedule *schedule, int64_t now_ns)
{
    return schedule_heap_run_due(&schedule->heap, now_ns);
}
