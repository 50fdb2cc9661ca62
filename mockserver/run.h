/* SPDX-License-Identifier: MIT */
/* The runs: one case each, named by a token, with the ports they lease and the tombstones they
 * leave. Knows no socket; time is given.
 *
 *   run_registry --token--> run ----> transcript
 *        |                   |  <-- connections and readers of the transcript hold references
 *        +-- leases[] -------+
 *        +--token--> tombstone: a run that has ended; late requests are counted
 *
 * A run is made over the control socket, or by hand: by the first request for its path. */
#ifndef INTERIMSPEC_RUN_H
#define INTERIMSPEC_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "scenario.h"
#include "schedule.h"
#include "transcript.h"

enum {
    RUN_TOKEN_MAX = 64,
    RUN_TOMBSTONES = 16 * 1024,
    RUN_DEFAULT_MAX = 4096,
    RUN_BY_HAND_MAX = 1024,
    RUN_BY_HAND_ENOUGH = 960, /* from here on a new one ends the one not used for longest */
};
/* A run made by hand ends when nobody has used it for so long. */
#define RUN_BY_HAND_LIFE_NS (60 * CLOCK_NS_PER_S)
#define RUN_DEFAULT_LIFE_NS (600 * CLOCK_NS_PER_S)
#define RUN_MAX_LIFE_NS (24 * 3600 * CLOCK_NS_PER_S)

struct conn;
struct server;

struct run {
    struct run *next;                /* in its bucket */
    struct run *newer, *older;       /* among runs made by hand, by last use */
    char *token;                     /* owned */
    const struct scenario *scenario; /* borrowed */
    int64_t *params;                 /* owned; in the order of scenario.params */
    uint32_t *visits;                /* owned; per resource, the built-in probe last */
    struct transcript transcript;
    struct conn *conns;           /* the connections that serve it; conn.c's list */
    void *waiter;                 /* who ends it and waits; control.c's business */
    struct server *server;        /* borrowed; server.c's business */
    struct schedule_entry life;   /* the end of its life, or of the wait while it ends */
    uint64_t serial;              /* unlike that of any other run, never 0 */
    int64_t used_ns;              /* when it last had a request */
    int64_t queue_wait_ns;        /* of this process when the run began; -1: unknown */
    enum transport_bit transport; /* of its port; by hand: of the first request */
    int lease;                    /* index, or -1 */
    int port;                     /* of the lease, or the shared one */
    unsigned refs;
    uint32_t requests, probe_requests, connections;
    uint32_t exchanges; /* numbers given so far */
    uint64_t late_requests;
    bool by_hand;
    bool ending; /* its transcript was asked for */
    bool ended;  /* no longer in the registry */
};

enum run_error {
    RUN_OK,
    RUN_BAD_TOKEN, /* not 1 to 64 of [A-Za-z0-9._~-] */
    RUN_EXISTS,
    RUN_GONE, /* the token was used and its run has ended */
    RUN_TOO_MANY,
    RUN_NO_PORT,
};

struct run_registry;

/* `ports` (borrowed while this runs) are what leases are made of; a lease takes any transport. The
 * shared ports are those of connections without and with TLS. */
struct run_registry *run_registry_new(unsigned max_runs, const int *ports, size_t port_count,
                                      int shared_port, int shared_tls_port);
void run_registry_free(struct run_registry *registry);

struct run_spec {
    const struct scenario *scenario;
    struct bytes token;    /* len 0: make one up */
    const int64_t *params; /* NULL: the defaults */
    enum transport_bit transport;
    struct clock_pair origin;
    bool leases_port;
    bool by_hand;
    bool keeps_nothing; /* no transcript */
};

/* NULL with *error set. The registry holds a reference until run_end(). */
struct run *run_make(struct run_registry *registry, const struct run_spec *spec,
                     enum run_error *error);
/* The run by hand that should make room for a new one, or NULL when there is room. */
struct run *run_oldest_by_hand(const struct run_registry *registry);
/* With scenario NULL: the last one made of that token. */
struct run *run_find(const struct run_registry *registry, struct bytes token,
                     struct bytes scenario);
/* The run that leases a port, or NULL. */
struct run *run_at_lease(const struct run_registry *registry, int lease);
/* Whether connections over it begin with a TLS handshake. */
bool run_transport_is_tls(enum transport_bit transport);
/* A made run leaves a tombstone, and its port goes to the end of the queue. */
void run_end(struct run_registry *registry, struct run *run);
/* Whether a run of that token has ended, and how many requests came for it since. */
bool run_has_ended(const struct run_registry *registry, struct bytes token,
                   uint64_t *late_requests);
/* If it has, counts one more. */
bool run_late_request(struct run_registry *registry, struct bytes token);
/* Of all runs. */
uint64_t run_late_requests(const struct run_registry *registry);
/* It was asked for something just now. */
void run_used(struct run_registry *registry, struct run *run, int64_t now_ns);
/* Some run, or NULL when there is none. */
struct run *run_any(const struct run_registry *registry);
size_t run_count(const struct run_registry *registry);

struct run *run_ref(struct run *run);
void run_unref(struct run *run);

/* Index for run.visits of a resource; NULL is the built-in probe. */
size_t run_resource_index(const struct run *run, const struct resource *resource);

/* Sets params from "n=5&every=10" on top of `defaults`; false with *message (owned by the caller)
 * when a value is no number or out of its range. Names that are no parameters are ignored: clients
 * add things of their own. */
bool run_params_from_query(const struct scenario *scenario, struct bytes query,
                           const int64_t *defaults, int64_t *params, char **message);
/* Sets one; false as above, also for unknown names. */
bool run_param_set(const struct scenario *scenario, struct bytes name, struct bytes value,
                   int64_t *params, char **message);

#endif
