/* SPDX-License-Identifier: MIT */
/* What everything shares: the loop, the clock's schedule, the catalogue, the runs, and scratch
 * memory that is only used between two waits of the loop. */
#ifndef INTERIMSPEC_SERVER_H
#define INTERIMSPEC_SERVER_H

#include <ev.h>

#include "host.h"
#include "listener.h"
#include "options.h"
#include "run.h"
#include "scenario.h"
#include "schedule.h"
#include "tls.h"
#include "unread.h"

enum { SERVER_READ_OCTETS = 64 * 1024 };

struct outgoing;
struct rendered_cache;
struct control;

struct server {
    const struct options *options;   /* borrowed */
    struct ev_loop *loop;            /* owned */
    struct schedule *schedule;       /* owned */
    struct unread *unread;           /* owned */
    struct catalogue catalogue;      /* owned */
    struct run_registry *runs;       /* owned */
    struct listener *listener;       /* owned */
    struct tls *tls;                 /* owned */
    char *ca_file;                   /* owned; written by us, removed at the end */
    struct control *control;         /* owned; NULL without --control */
    struct conn *conns;              /* owned; every connection that is not dead */
    struct conn *dead;               /* owned; freed at the edge of the loop */
    struct exchange *spare;          /* owned; exchanges to use again */
    struct outgoing *outgoing;       /* owned; what is being put together for one write */
    struct rendered_cache *rendered; /* owned */
    struct buf unit;                 /* owned; one repetition of a step */
    struct transcript nowhere;       /* for events that belong to no run */
    char *read_buffer;               /* owned; SERVER_READ_OCTETS */
    ev_prepare reaper;
    ev_signal on_sigterm, on_sigint;
    uint64_t connections; /* accepted so far */
    size_t conn_count;
    unsigned max_runs;
    enum host_scheduling scheduling;
    int64_t files;
    struct clock_pair started;
};

/* Listens and is ready to run; NULL with *message (owned by the caller). The catalogue has been
 * loaded and is taken over. */
struct server *server_new(const struct options *options, struct catalogue *catalogue,
                          char **message);
/* Until SIGTERM or SIGINT. */
void server_run(struct server *server);
void server_free(struct server *server);

/* Ends a run: reads once more what its connections have received, waits a bounded moment for their
 * FIN or RST, then cancels and closes what is left, and tells run->waiter (control.c). Calling it
 * again does nothing. */
void server_end_run(struct server *server, struct run *run, int64_t now_ns);
/* A connection of this run has changed: an ending run may be over sooner. */
void server_run_changed(struct server *server, struct run *run, int64_t now_ns);
/* Makes a run and its life's deadline. */
struct run *server_make_run(struct server *server, const struct run_spec *spec, int64_t life_ns,
                            enum run_error *error);

#endif
