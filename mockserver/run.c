/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "host.h"
#include "xmalloc.h"

enum { BUCKETS = 4096 };

struct tombstone {
    struct tombstone *next; /* in its bucket */
    char *token;            /* owned */
    uint64_t late_requests;
};

struct lease {
    int port;
    struct run *run; /* borrowed; NULL while free */
};

struct run_registry {
    struct run *buckets[BUCKETS];
    struct tombstone *graves[BUCKETS];
    struct tombstone *ring[RUN_TOMBSTONES]; /* by age; the oldest is forgotten first */
    size_t ring_at;
    struct lease *leases; /* owned */
    int *free_leases;     /* owned; a queue, so that a port rests for as long as possible */
    size_t lease_count, free_from, free_count;
    struct run *newest, *oldest; /* by hand */
    size_t count, by_hand_count, max;
    uint64_t serials;
    uint64_t late_requests;
    int shared_port, shared_tls_port;
};

static size_t bucket_of(struct bytes token)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < token.len; i++) {
        hash = (hash ^ (unsigned char)token.data[i]) * 0x100000001b3u;
    }
    return (size_t)((hash ^ (hash >> 32)) % BUCKETS);
}

struct run_registry *run_registry_new(unsigned max_runs, const int *ports, size_t port_count,
                                      int shared_port, int shared_tls_port)
{
    struct run_registry *registry = xcalloc(1, sizeof *registry);
    registry->max = max_runs;
    registry->shared_port = shared_port;
    registry->shared_tls_port = shared_tls_port;
    registry->lease_count = registry->free_count = port_count;
    registry->leases = xcalloc(port_count + 1, sizeof *registry->leases);
    registry->free_leases = xcalloc(port_count + 1, sizeof *registry->free_leases);
    for (size_t i = 0; i < port_count; i++) {
        registry->leases[i].port = ports[i];
        registry->free_leases[i] = (int)i;
    }
    return registry;
}

static void free_tombstone(struct tombstone *tombstone)
{
    if (tombstone) {
        free(tombstone->token);
        free(tombstone);
    }
}

void run_registry_free(struct run_registry *registry)
{
    if (!registry) {
        return;
    }
    for (struct run *run = run_any(registry); run; run = run_any(registry)) {
        run_end(registry, run);
    }
    for (size_t i = 0; i < RUN_TOMBSTONES; i++) {
        free_tombstone(registry->ring[i]);
    }
    free(registry->leases);
    free(registry->free_leases);
    free(registry);
}

static bool is_token(struct bytes token)
{
    for (size_t i = 0; i < token.len; i++) {
        char c = token.data[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || !strchr("._~-", c))) {
            return false;
        }
    }
    return token.len > 0 && token.len <= RUN_TOKEN_MAX;
}

static struct bytes make_token(char token[static 16])
{
    unsigned char random[5];
    ssize_t got = getrandom(random, sizeof random, 0);
    assert(got == (ssize_t)sizeof random);
    token[0] = 'r';
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(token + 1 + 2 * i, 3, "%02x", random[i]);
    }
    return bytes_of(token, 1 + 2 * sizeof random);
}

static void link_by_hand(struct run_registry *registry, struct run *run)
{
    run->older = registry->newest;
    run->newer = NULL;
    if (registry->newest) {
        registry->newest->newer = run;
    } else {
        registry->oldest = run;
    }
    registry->newest = run;
}

static void unlink_by_hand(struct run_registry *registry, struct run *run)
{
    *(run->newer ? &run->newer->older : &registry->newest) = run->older;
    *(run->older ? &run->older->newer : &registry->oldest) = run->newer;
    run->newer = run->older = NULL;
}

static struct tombstone *find_tombstone(const struct run_registry *registry, struct bytes token)
{
    struct tombstone *tombstone = registry->graves[bucket_of(token)];
    while (tombstone && !bytes_equal_str(token, tombstone->token)) {
        tombstone = tombstone->next;
    }
    return tombstone;
}

static enum run_error check_spec(struct run_registry *registry, const struct run_spec *spec,
                                 struct bytes token)
{
    if (!is_token(token)) {
        return RUN_BAD_TOKEN;
    }
    if (find_tombstone(registry, token)) {
        return RUN_GONE;
    }
    struct bytes same = spec->by_hand ? bytes_of_str(spec->scenario->id) : bytes_of(NULL, 0);
    if (run_find(registry, token, same)) {
        return RUN_EXISTS;
    }
    if (registry->count - registry->by_hand_count >= registry->max && !spec->by_hand) {
        return RUN_TOO_MANY;
    }
    if (registry->by_hand_count >= RUN_BY_HAND_MAX && spec->by_hand) {
        return RUN_TOO_MANY;
    }
    return spec->leases_port && registry->free_count == 0 ? RUN_NO_PORT : RUN_OK;
}

static void take_lease(struct run_registry *registry, struct run *run)
{
    run->lease = registry->free_leases[registry->free_from];
    registry->free_from = (registry->free_from + 1) % registry->lease_count;
    registry->free_count--;
    registry->leases[run->lease].run = run;
    run->port = registry->leases[run->lease].port;
}

static void give_lease_back(struct run_registry *registry, struct run *run)
{
    size_t to = (registry->free_from + registry->free_count) % registry->lease_count;
    registry->leases[run->lease].run = NULL;
    registry->free_leases[to] = run->lease;
    registry->free_count++;
}

struct run *run_make(struct run_registry *registry, const struct run_spec *spec,
                     enum run_error *error)
{
    char made_up[16];
    struct bytes token = spec->token.len > 0 ? spec->token : make_token(made_up);
    *error = check_spec(registry, spec, token);
    if (*error != RUN_OK) {
        return NULL;
    }
    const struct scenario *scenario = spec->scenario;
    struct run *run = xcalloc(1, sizeof *run);
    run->token = xmemdup0(token.data, token.len);
    run->scenario = scenario;
    run->params = xcalloc(scenario->param_count + 1, sizeof *run->params);
    for (size_t i = 0; i < scenario->param_count; i++) {
        run->params[i] = spec->params ? spec->params[i] : scenario->params[i].default_value;
    }
    run->visits = xcalloc(scenario->resource_count + 1, sizeof *run->visits);
    run->refs = 1;
    run->serial = ++registry->serials;
    run->lease = -1;
    run->transport = spec->transport;
    run->port =
        run_transport_is_tls(run->transport) ? registry->shared_tls_port : registry->shared_port;
    run->by_hand = spec->by_hand;
    run->used_ns = spec->origin.monotonic_ns;
    run->queue_wait_ns = spec->by_hand ? -1 : host_run_queue_wait_ns();
    transcript_init(&run->transcript, spec->origin, spec->keeps_nothing);
    size_t bucket = bucket_of(token);
    run->next = registry->buckets[bucket];
    registry->buckets[bucket] = run;
    registry->count++;
    if (spec->leases_port) {
        take_lease(registry, run);
    }
    if (run->by_hand) {
        registry->by_hand_count++;
        link_by_hand(registry, run);
    }
    return run;
}

struct run *run_oldest_by_hand(const struct run_registry *registry)
{
    if (registry->by_hand_count < RUN_BY_HAND_ENOUGH) {
        return NULL;
    }
    struct run *run = registry->oldest;
    while (run && run->ending) {
        run = run->newer;
    }
    return run;
}

struct run *run_find(const struct run_registry *registry, struct bytes token, struct bytes scenario)
{
    for (struct run *run = registry->buckets[bucket_of(token)]; run; run = run->next) {
        if (bytes_equal_str(token, run->token) &&
            (!scenario.data || !run->by_hand || bytes_equal_str(scenario, run->scenario->id))) {
            return run;
        }
    }
    return NULL;
}

struct run *run_at_lease(const struct run_registry *registry, int lease)
{
    assert(lease >= 0 && (size_t)lease < registry->lease_count);
    return registry->leases[lease].run;
}

bool run_transport_is_tls(enum transport_bit transport)
{
    return transport == TRANSPORT_H1S || transport == TRANSPORT_H2;
}

static void bury(struct run_registry *registry, struct bytes token)
{
    struct tombstone *old = registry->ring[registry->ring_at];
    if (old) {
        struct tombstone **at = &registry->graves[bucket_of(bytes_of_str(old->token))];
        while (*at != old) {
            at = &(*at)->next;
        }
        *at = old->next;
        free_tombstone(old);
    }
    struct tombstone *tombstone = xcalloc(1, sizeof *tombstone);
    tombstone->token = xmemdup0(token.data, token.len);
    size_t bucket = bucket_of(token);
    tombstone->next = registry->graves[bucket];
    registry->graves[bucket] = tombstone;
    registry->ring[registry->ring_at] = tombstone;
    registry->ring_at = (registry->ring_at + 1) % RUN_TOMBSTONES;
}

void run_end(struct run_registry *registry, struct run *run)
{
    assert(!run->ended);
    struct run **at = &registry->buckets[bucket_of(bytes_of_str(run->token))];
    while (*at != run) {
        at = &(*at)->next;
    }
    *at = run->next;
    run->next = NULL;
    run->ended = true;
    registry->count--;
    if (run->lease >= 0) {
        give_lease_back(registry, run);
    }
    if (run->by_hand) {
        registry->by_hand_count--;
        unlink_by_hand(registry, run);
    } else {
        bury(registry, bytes_of_str(run->token));
    }
    run_unref(run);
}

bool run_has_ended(const struct run_registry *registry, struct bytes token, uint64_t *late_requests)
{
    const struct tombstone *tombstone = find_tombstone(registry, token);
    *late_requests = tombstone ? tombstone->late_requests : 0;
    return tombstone != NULL;
}

bool run_late_request(struct run_registry *registry, struct bytes token)
{
    struct tombstone *tombstone = find_tombstone(registry, token);
    if (!tombstone) {
        return false;
    }
    tombstone->late_requests++;
    registry->late_requests++;
    return true;
}

uint64_t run_late_requests(const struct run_registry *registry)
{
    return registry->late_requests;
}

void run_used(struct run_registry *registry, struct run *run, int64_t now_ns)
{
    run->used_ns = now_ns;
    if (run->by_hand && registry->newest != run) {
        unlink_by_hand(registry, run);
        link_by_hand(registry, run);
    }
}

struct run *run_any(const struct run_registry *registry)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        if (registry->buckets[i]) {
            return registry->buckets[i];
        }
    }
    return NULL;
}

size_t run_count(const struct run_registry *registry)
{
    return registry->count;
}

struct run *run_ref(struct run *run)
{
    run->refs++;
    return run;
}

void run_unref(struct run *run)
{
    assert(run->refs > 0);
    if (--run->refs > 0) {
        return;
    }
    assert(run->ended && !schedule_is_set(&run->life));
    transcript_fini(&run->transcript);
    free(run->token);
    free(run->params);
    free(run->visits);
    free(run);
}

size_t run_resource_index(const struct run *run, const struct resource *resource)
{
    return resource ? (size_t)(resource - run->scenario->resources) : run->scenario->resource_count;
}

static bool parse_integer(struct bytes text, int64_t *value)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    *value = 0;
    for (size_t i = negative; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || *value > INT64_MAX / 10 - 1) {
            return false;
        }
        *value = *value * 10 + (text.data[i] - '0');
    }
    if (negative) {
        *value = -*value;
    }
    return text.len > (size_t)negative;
}

bool run_param_set(const struct scenario *scenario, struct bytes name, struct bytes value,
                   int64_t *params, char **message)
{
    int64_t number;
    struct buf text = {0};
    int index = scenario_param(scenario, name);
    if (index < 0) {
        buf_printf(&text, "scenario %s has no parameter ", scenario->id);
        buf_append_bytes(&text, name);
    } else if (!parse_integer(value, &number) || number < scenario->params[index].min ||
               number > scenario->params[index].max) {
        const struct param *param = &scenario->params[index];
        buf_printf(&text, "parameter %s of scenario %s must be an integer from %lld to %lld",
                   param->name, scenario->id, (long long)param->min, (long long)param->max);
    } else {
        params[index] = number;
        return true;
    }
    *message = xmemdup0(text.data + text.start, buf_len(&text));
    buf_fini(&text);
    return false;
}

bool run_params_from_query(const struct scenario *scenario, struct bytes query,
                           const int64_t *defaults, int64_t *params, char **message)
{
    memcpy(params, defaults, scenario->param_count * sizeof *params);
    const char *at = query.data, *end = query.data + query.len;
    while (at < end) {
        const char *amp = memchr(at, '&', (size_t)(end - at));
        const char *stop = amp ? amp : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        struct bytes name = bytes_of(at, (size_t)((equals ? equals : stop) - at));
        if (equals && scenario_param(scenario, name) >= 0 &&
            !run_param_set(scenario, name, bytes_of(equals + 1, (size_t)(stop - equals - 1)),
                           params, message)) {
            return false;
        }
        at = stop + 1;
    }
    return true;
}
