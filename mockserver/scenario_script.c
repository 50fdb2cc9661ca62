/* SPDX-License-Identifier: MIT */
#include "scenario_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

#define DEFAULT_WAIT_LIMIT_NS (INT64_C(30) * 1000 * 1000 * 1000)

/* What the steps read so far leave behind, as far as later steps depend on it. */
struct so_far {
    int open_line; /* of the respond whose body comes later, 0 if none is open */
    bool open_chunked;
    bool released;
    const char *ended_by; /* the verb after which no step can play, or NULL */
    int ended_line;
};

static const char *const step_keys[] = {"wait",  "respond", "body",   "end-body", "send",
                                        "sleep", "release", "stall",  "reading",  "close",
                                        "reset", "frames",  "window", "times",    "every",
                                        "split", "limit",   "as",     NULL};
enum { VERBS = STEP_WINDOW + 1 }; /* the first of step_keys, in the order of enum step_kind */

/* --- verbs --- */

static bool read_wait(struct loader *l, const struct node *value, struct step *step)
{
    static const char *const names[] = {"head", "request", "next-request", "client-fin", NULL};
    static const enum wait_for waits[] = {WAIT_HEAD, WAIT_REQUEST, WAIT_NEXT_REQUEST,
                                          WAIT_CLIENT_FIN};
    static const char *const keys[] = {"body", NULL};
    step->u.wait.limit_ns = DEFAULT_WAIT_LIMIT_NS;
    if (value->kind == NODE_MAP) {
        if (!loader_check_keys(l, value, keys, "wait"))
            return false;
        const struct node *octets = loader_require(l, value, "body", "wait");
        step->u.wait.what = WAIT_BODY_OCTETS;
        if (octets == NULL || !read_size(l, octets, MAX_SIZE, "body", &step->u.wait.octets))
            return false;
    } else {
        int index;
        if (!read_choice(l, value, names, "wait", &index))
            return false;
        step->u.wait.what = waits[index];
    }
    bool later = step->u.wait.what == WAIT_NEXT_REQUEST || step->u.wait.what == WAIT_CLIENT_FIN;
    if (l->in_on_connect && !later)
        return loader_fail(l, value,
                           "on-connect plays before any request: it can wait for next-request or "
                           "client-fin only");
    return true;
}

static bool read_send(struct loader *l, const struct node *value, struct step *step)
{
    struct buf octets = {0};
    bool good = true;
    if (l->scenario->transports & ~(unsigned)(TRANSPORT_H1 | TRANSPORT_H1S))
        return loader_fail(l, value->key,
                           "send is for the transports h1 and h1s alone; use respond, or list only "
                           "those");
    if (value->kind == NODE_LIST)
        for (const struct node *part = value->first; part != NULL && good; part = part->next)
            good = read_octets(l, part, "send", &octets);
    else
        good = read_octets(l, value, "send", &octets);
    if (good && buf_len(&octets) == 0)
        good = loader_fail(l, value, "send has no octets");
    step->u.send.bytes = take_bytes(&octets);
    return good;
}

static bool read_body(struct loader *l, const struct node *value, struct step *step)
{
    struct buf octets = {0};
    bool good = read_octets(l, value, "body", &octets);
    if (good && buf_len(&octets) == 0)
        good = loader_fail(l, value, "body has no octets");
    step->u.body = take_bytes(&octets);
    return good;
}

/* `yes`, or {trailers: [...]} */
static bool read_end_body(struct loader *l, const struct node *value, struct step *step)
{
    static const char *const keys[] = {"trailers", NULL};
    if (value->kind != NODE_MAP)
        return read_yes(l, value, "end-body");
    if (!loader_check_keys(l, value, keys, "end-body"))
        return false;
    const struct node *trailers = loader_require(l, value, "trailers", "end-body");
    return trailers != NULL && read_fields(l, trailers, "trailers", &step->u.trailers);
}

static bool read_close(struct loader *l, const struct node *value, struct step *step)
{
    static const char *const names[] = {"fin", "abrupt", NULL};
    int index;
    if (!read_choice(l, value, names, "close", &index))
        return false;
    step->u.close = index == 0 ? CLOSE_FIN : CLOSE_ABRUPT;
    if (step->u.close == CLOSE_ABRUPT &&
        !(l->scenario->transports & (TRANSPORT_H1S | TRANSPORT_H2)))
        return loader_fail(l, value,
                           "close: abrupt leaves out TLS's farewell; it needs the transport h1s or "
                           "h2");
    return true;
}

static bool read_reading(struct loader *l, const struct node *value, struct step *step)
{
    static const char *const names[] = {"off", "on", NULL};
    int index;
    if (!read_choice(l, value, names, "reading", &index))
        return false;
    step->u.reading = index == 1;
    return true;
}

static bool read_verb(struct loader *l, const struct node *value, struct step *step)
{
    const char *verb = step_keys[step->kind];
    switch (step->kind) {
    case STEP_WAIT:
        return read_wait(l, value, step);
    case STEP_RESPOND:
        return read_respond(l, value, &step->u.respond);
    case STEP_BODY:
        return read_body(l, value, step);
    case STEP_END_BODY:
        return read_end_body(l, value, step);
    case STEP_SEND:
        return read_send(l, value, step);
    case STEP_SLEEP:
        return read_duration(l, value, "sleep", &step->u.sleep);
    case STEP_RELEASE:
    case STEP_STALL:
    case STEP_RESET:
        return read_yes(l, value, verb);
    case STEP_READING:
        return read_reading(l, value, step);
    case STEP_CLOSE:
        return read_close(l, value, step);
    case STEP_FRAMES:
        return read_frames(l, value, &step->u.frames);
    case STEP_WINDOW:
        return read_window(l, value, &step->u.window);
    }
    assert(false);
    return false;
}

/* --- modifiers --- */

static bool has_octets(enum step_kind kind)
{
    return kind == STEP_RESPOND || kind == STEP_BODY || kind == STEP_SEND;
}

/* `split` cuts octets apart in the segments of the connection, where other streams may be. */
static bool can_be_split(struct loader *l, const struct node *split)
{
    if (split != NULL && l->scenario->transports & ~(unsigned)(TRANSPORT_H1 | TRANSPORT_H1S))
        return loader_fail(l, split->key,
                           "split is for the transports h1 and h1s alone; list only those");
    return true;
}

/* The modifier's value or NULL; *good is false when this verb cannot have it. */
static const struct node *modifier(struct loader *l, const struct node *map, const char *key,
                                   bool fits, const char *whose, bool *good)
{
    const struct node *value = node_get(map, key);
    if (*good && value != NULL && !fits)
        *good = loader_fail(l, value->key, "%s goes with %s only", key, whose);
    return *good ? value : NULL;
}

static bool read_times(struct loader *l, const struct node *times, const struct node *every,
                       struct step *step)
{
    step->times = (struct int_value){.literal = 1, .param = -1};
    step->every = (struct duration){.param = -1};
    step->forever = times != NULL && node_is(times, "forever");
    if (times != NULL && !step->forever &&
        !read_integer(l, times, 1, MAX_TIMES, "times", &step->times))
        return false;
    if (every != NULL && !read_duration(l, every, "every", &step->every))
        return false;
    if (every != NULL && times == NULL)
        return loader_fail(l, every->key, "every needs times: how often, or forever");
    if (step->forever && (every == NULL || (step->every.param < 0 && step->every.ns == 0)))
        return loader_fail(l, times,
                           "times: forever needs every with a pause, so as not to starve "
                           "other runs");
    return true;
}

/* The number of octets of the step where the file says it, or 0. */
static size_t known_len(const struct step *step)
{
    return step->kind == STEP_SEND   ? step->u.send.bytes.len
           : step->kind == STEP_BODY ? step->u.body.len
                                     : 0;
}

static bool read_split(struct loader *l, const struct node *value, struct step *step)
{
    size_t len = known_len(step);
    int64_t before = 0;
    if (node_is(value, "each-byte")) {
        step->split.each_byte = true;
        return true;
    }
    if (value->kind != NODE_LIST || value->count == 0)
        return loader_fail(l, value,
                           "split must be each-byte or a list of offsets such as [8, 15]");
    step->split.at = xcalloc(value->count, sizeof *step->split.at);
    for (const struct node *item = value->first; item != NULL; item = item->next) {
        struct int_value *at = &step->split.at[step->split.count++];
        if (!read_integer(l, item, 1, MAX_SIZE, "split", at))
            return false;
        int64_t highest = at->param < 0 ? at->literal : l->scenario->params[at->param].max;
        if (len != 0 && highest >= (int64_t)len)
            return loader_fail(l, item,
                               "split at %" PRId64 " leaves no second piece: the step has %zu "
                               "octets",
                               highest, len);
        if (at->param < 0 && at->literal <= before)
            return loader_fail(l, item, "the offsets of split must ascend");
        before = at->param < 0 ? at->literal : before;
    }
    return true;
}

static bool read_modifiers(struct loader *l, const struct node *map, struct step *step)
{
    static const char *const classes[] = {"head",    "interim-content", "framing",
                                          "content", "surplus",         NULL};
    bool good = true, octets = has_octets(step->kind);
    bool repeats = octets || step->kind == STEP_FRAMES;
    const char *whose = "respond, body, send and frames";
    const struct node *times = modifier(l, map, "times", repeats, whose, &good);
    const struct node *every = modifier(l, map, "every", repeats, whose, &good);
    const struct node *split = modifier(l, map, "split", octets, "respond, body and send", &good);
    const struct node *limit = modifier(l, map, "limit", step->kind == STEP_WAIT, "wait", &good);
    const struct node *as = modifier(l, map, "as", step->kind == STEP_SEND, "send", &good);
    if (!good || !read_times(l, times, every, step))
        return false;
    if (!can_be_split(l, split) || (split != NULL && !read_split(l, split, step)))
        return false;
    if (limit != NULL && !read_fixed_duration(l, limit, "limit", &step->u.wait.limit_ns))
        return false;
    int class = -1;
    if (as != NULL && !read_choice(l, as, classes, "as", &class))
        return false;
    if (step->kind == STEP_SEND)
        step->u.send.as = class < 0 ? OCTETS_AUTO : (enum octet_class)(OCTETS_HEAD + class);
    return true;
}

/* --- which may follow which --- */

static bool check_body_step(struct loader *l, const struct node *at, const struct step *step,
                            struct so_far *so_far)
{
    const char *verb = step_keys[step->kind];
    if (so_far->open_line == 0)
        return loader_fail(l, at, "%s needs a respond with body: later before it", verb);
    if (step->kind != STEP_END_BODY)
        return true;
    if (step->u.trailers.count > 0 && !so_far->open_chunked)
        return loader_fail(l, at, "trailers need framing: chunked in the respond of line %d",
                           so_far->open_line);
    so_far->open_line = 0;
    return true;
}

static bool check_respond_step(struct loader *l, const struct node *at, const struct step *step,
                               struct so_far *so_far)
{
    bool final = respond_status(l, &step->u.respond) >= 200;
    bool later = step->u.respond.body == BODY_LATER;
    if (so_far->open_line != 0 && (final || later))
        return loader_fail(l, at,
                           "the body of the respond in line %d is still open; end it with end-body",
                           so_far->open_line);
    if (later) {
        so_far->open_line = step->line;
        so_far->open_chunked = step->u.respond.framing == FRAMING_CHUNKED;
    }
    return true;
}

static bool check_turn_step(struct loader *l, const struct node *at, const struct step *step,
                            struct so_far *so_far)
{
    if (l->in_on_connect)
        return loader_fail(l, at, "on-connect has no turn: %s has no meaning there",
                           step_keys[step->kind]);
    if (so_far->released)
        return loader_fail(l, at, "%s comes after release, when the turn has passed already",
                           step_keys[step->kind]);
    so_far->released = step->kind == STEP_RELEASE;
    return true;
}

/* `at` is the step's verb, which messages point to. */
static bool check_order(struct loader *l, const struct node *at, const struct step *step,
                        struct so_far *so_far)
{
    bool good = true;
    bool ends = step->forever;
    if (so_far->ended_by != NULL)
        return loader_fail(l, at, "nothing can follow %s in line %d", so_far->ended_by,
                           so_far->ended_line);
    switch (step->kind) {
    case STEP_RESPOND:
        good = check_respond_step(l, at, step, so_far);
        break;
    case STEP_BODY:
    case STEP_END_BODY:
        good = check_body_step(l, at, step, so_far);
        break;
    case STEP_STALL:
    case STEP_RELEASE:
        good = check_turn_step(l, at, step, so_far);
        ends = step->kind == STEP_STALL;
        break;
    case STEP_CLOSE:
    case STEP_RESET:
        ends = true;
        break;
    case STEP_WAIT:
    case STEP_SEND:
    case STEP_SLEEP:
    case STEP_READING:
    case STEP_FRAMES:
    case STEP_WINDOW:
        break;
    }
    if (good && ends) {
        so_far->ended_by = step->forever ? "times: forever" : step_keys[step->kind];
        so_far->ended_line = step->line;
    }
    return good;
}

/* --- steps --- */

/* The value of the step's one verb, whose kind goes to *kind; NULL after an error. */
static const struct node *find_verb(struct loader *l, const struct node *map, enum step_kind *kind)
{
    const struct node *verb = NULL;
    if (map->kind != NODE_MAP) {
        loader_fail(l, map, "a step must be a map such as \"sleep: 50ms\", not %s",
                    node_kind_name(map));
        return NULL;
    }
    if (!loader_check_keys(l, map, step_keys, "a step"))
        return NULL;
    for (const struct node *value = map->first; value != NULL; value = value->next) {
        for (int i = 0; i < VERBS; i++) {
            if (!node_is(value->key, step_keys[i]))
                continue;
            if (verb != NULL) {
                loader_fail(l, value->key,
                            "a step does one thing, this one already says %s; begin "
                            "a new step with \"- %s:\"",
                            verb->key->text.data, step_keys[i]);
                return NULL;
            }
            verb = value;
            *kind = (enum step_kind)i;
        }
    }
    if (verb == NULL)
        loader_fail(l, map,
                    "a step needs something to do: wait, respond, body, end-body, send, "
                    "sleep, release, stall, reading, close, reset, frames or window");
    return verb;
}

static bool read_step(struct loader *l, const struct node *map, struct step *step,
                      struct so_far *so_far)
{
    enum step_kind kind = STEP_WAIT;
    const struct node *verb = find_verb(l, map, &kind);
    if (verb == NULL)
        return false;
    step->kind = kind;
    step->line = verb->key->line;
    return read_verb(l, verb, step) && read_modifiers(l, map, step) &&
           check_order(l, verb->key, step, so_far);
}

bool read_script(struct loader *l, const struct node *list, const char *what, struct script *script)
{
    struct so_far so_far = {0};
    if (!loader_expect(l, list, NODE_LIST, what))
        return false;
    if (list->count == 0)
        return loader_fail(l, list, "%s has no steps; for silence write \"- stall: yes\"", what);
    script->steps = xcalloc(list->count, sizeof *script->steps);
    for (const struct node *item = list->first; item != NULL; item = item->next)
        if (!read_step(l, item, &script->steps[script->count++], &so_far))
            return false;
    if (so_far.open_line != 0 && so_far.ended_by == NULL)
        return loader_fail(l, list,
                           "the body of the respond in line %d never ends: add end-body, close, "
                           "reset or stall",
                           so_far.open_line);
    return true;
}

static void step_free(struct step *step)
{
    free(step->split.at);
    switch (step->kind) {
    case STEP_RESPOND:
        respond_free(&step->u.respond);
        break;
    case STEP_BODY:
        bytes_free(&step->u.body);
        break;
    case STEP_END_BODY:
        fields_free(&step->u.trailers);
        break;
    case STEP_SEND:
        bytes_free(&step->u.send.bytes);
        break;
    case STEP_WAIT:
    case STEP_SLEEP:
    case STEP_RELEASE:
    case STEP_STALL:
    case STEP_READING:
    case STEP_CLOSE:
    case STEP_RESET:
    case STEP_WINDOW:
        break;
    case STEP_FRAMES:
        frames_free(&step->u.frames);
        break;
    }
}

void script_free(struct script *script)
{
    for (size_t i = 0; i < script->count; i++)
        step_free(&script->steps[i]);
    free(script->steps);
    *script = (struct script){0};
}
