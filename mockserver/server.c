/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"
#include "control.h"
#include "rendered.h"
#include "xmalloc.h"

/* How long an ending run waits for its connections' FIN or RST. */
#define END_WAIT_NS (50 * CLOCK_NS_PER_MS)
#define BY_HAND_MAX_AGE_NS (3600 * CLOCK_NS_PER_S)

static void on_life_over(struct schedule_entry *entry, int64_t now_ns);

/* ---- runs ---- */

struct run *server_make_run(struct server *server, const struct run_spec *spec, int64_t life_ns,
                            enum run_error *error)
{
    struct run *oldest = spec->by_hand ? run_oldest_by_hand(server->runs) : NULL;
    int64_t now_ns = clock_monotonic_ns();
    if (oldest) {
        server_end_run(server, oldest, now_ns);
    }
    struct run *run = run_make(server->runs, spec, error);
    if (run) {
        run->server = server;
        schedule_entry_init(&run->life, on_life_over);
        schedule_set(server->schedule, &run->life, now_ns + life_ns);
    }
    return run;
}

static bool is_quiet(const struct run *run)
{
    for (const struct conn *conn = run->conns; conn; conn = conn->run_next) {
        if (!conn->client_fin) {
            return false;
        }
    }
    return true;
}

static void finish_run(struct server *server, struct run *run, int64_t now_ns)
{
    run_ref(run);
    schedule_clear(server->schedule, &run->life);
    run_end(server->runs, run);
    if (run->waiter) {
        control_run_ended(run);
    }
    while (run->conns) {
        conn_cancel(run->conns, now_ns);
    }
    run_unref(run);
}

void server_run_changed(struct server *server, struct run *run, int64_t now_ns)
{
    if (run->ending && !run->ended && is_quiet(run)) {
        schedule_set(server->schedule, &run->life, now_ns);
    }
}

void server_end_run(struct server *server, struct run *run, int64_t now_ns)
{
    if (run->ending) {
        return;
    }
    run->ending = true;
    if (run->lease >= 0) {
        listener_drain(server->listener, run->lease);
    }
    struct conn *next;
    for (struct conn *conn = run->conns; conn; conn = next) {
        next = conn->run_next;
        conn_read(conn, now_ns);
        conn_advance(conn, now_ns);
    }
    bool waits = !is_quiet(run) && !run->by_hand;
    schedule_set(server->schedule, &run->life, waits ? now_ns + END_WAIT_NS : now_ns);
}

static bool is_in_use(const struct run *run, int64_t now_ns)
{
    if (!run->by_hand || now_ns - run->transcript.origin.monotonic_ns > BY_HAND_MAX_AGE_NS) {
        return false;
    }
    for (const struct conn *conn = run->conns; conn; conn = conn->run_next) {
        if (conn->first) {
            return true;
        }
    }
    return now_ns - run->used_ns < RUN_BY_HAND_LIFE_NS;
}

static void on_life_over(struct schedule_entry *entry, int64_t now_ns)
{
    struct run *run = (struct run *)((char *)entry - offsetof(struct run, life));
    if (run->ending) {
        finish_run(run->server, run, now_ns);
    } else if (is_in_use(run, now_ns)) {
        schedule_set(run->server->schedule, &run->life, now_ns + RUN_BY_HAND_LIFE_NS);
    } else {
        server_end_run(run->server, run, now_ns);
    }
}

/* ---- the loop ---- */

static void on_accept(void *user, int fd, const struct sockaddr_storage *peer, int lease)
{
    struct server *server = user;
    struct run *run = lease >= 0 ? run_at_lease(server->runs, lease) : NULL;
    struct conn_origin origin = {
        .peer = peer,
        .run = run,
        .transport = run                            ? run->transport
                     : lease == LISTENER_SHARED_TLS ? TRANSPORT_H1S
                                                    : TRANSPORT_H1,
    };
    conn_new(server, fd, &origin);
}

static void on_loop_edge(struct ev_loop *loop, ev_prepare *prepare, int revents)
{
    (void)loop;
    (void)revents;
    struct server *server = prepare->data;
    conn_reap(server);
    if (server->control) {
        control_reap(server->control);
    }
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    (void)watcher;
    (void)revents;
    ev_break(loop, EVBREAK_ALL);
}

static unsigned runs_for(int64_t files)
{
    return files / 4 < RUN_DEFAULT_MAX ? (unsigned)(files / 4) : RUN_DEFAULT_MAX;
}

static void start_watchers(struct server *server)
{
    ev_prepare_init(&server->reaper, on_loop_edge);
    server->reaper.data = server;
    ev_prepare_start(server->loop, &server->reaper);
    ev_signal_init(&server->on_sigterm, on_signal, SIGTERM);
    ev_signal_init(&server->on_sigint, on_signal, SIGINT);
    ev_signal_start(server->loop, &server->on_sigterm);
    ev_signal_start(server->loop, &server->on_sigint);
    listener_start(server->listener, server->loop, on_accept, server);
}

/* Beside the control socket, so that what a harness keeps in one folder goes with that folder. */
static bool start_tls(struct server *server, const char *host, char **message)
{
    const struct options *options = server->options;
    struct buf path = {0};
    server->tls = tls_new(host, message);
    if (!server->tls) {
        return false;
    }
    if (options->ca_file) {
        buf_append_str(&path, options->ca_file);
    } else if (options->control) {
        buf_printf(&path, "%s.ca.pem", options->control);
    }
    buf_append(&path, "", 1);
    const char *wanted = path.data + path.start;
    server->ca_file = tls_write_ca(server->tls, *wanted ? wanted : NULL, message);
    buf_fini(&path);
    return server->ca_file != NULL;
}

struct server *server_new(const struct options *options, struct catalogue *catalogue,
                          char **message)
{
    struct server *server = xcalloc(1, sizeof *server);
    server->options = options;
    server->catalogue = *catalogue;
    *catalogue = (struct catalogue){0};
    server->files = host_raise_files();
    server->started = clock_pair_read();
    server->nowhere.off = true;
    server->read_buffer = xmalloc(SERVER_READ_OCTETS);
    server->outgoing = xcalloc(1, sizeof *server->outgoing);
    server->rendered = rendered_cache_new();
    struct listener_address plain = {options->host, options->port};
    struct listener_address tls = {options->tls_host[0] ? options->tls_host : options->host,
                                   options->tls_port};
    server->listener = listener_open(plain, tls, (size_t)options->ports, message);
    server->loop = server->listener ? ev_loop_new(EVFLAG_NOENV) : NULL;
    server->schedule = server->loop ? schedule_new(server->loop) : NULL;
    if (!server->schedule) {
        *message = server->listener ? xstrdup("the kernel gives no event loop or timer") : *message;
        server_free(server);
        return NULL;
    }
    server->unread = unread_new();
    server->max_runs = runs_for(server->files);
    server->runs =
        run_registry_new(server->max_runs, listener_lease_ports(server->listener),
                         listener_lease_count(server->listener), listener_port(server->listener),
                         listener_tls_port(server->listener));
    if (!start_tls(server, tls.host, message)) {
        server_free(server);
        return NULL;
    }
    if (options->control) {
        server->control = control_open(server, options->control, message);
        if (!server->control) {
            server_free(server);
            return NULL;
        }
    }
    server->scheduling = options->realtime ? host_ask_scheduling() : HOST_SCHEDULING_NORMAL;
    start_watchers(server);
    return server;
}

void server_run(struct server *server)
{
    ev_run(server->loop, 0);
}

void server_free(struct server *server)
{
    if (!server) {
        return;
    }
    int64_t now_ns = clock_monotonic_ns();
    control_close(server->control);
    server->control = NULL;
    while (server->conns) {
        conn_die(server->conns, now_ns);
    }
    conn_reap(server);
    while (server->runs && run_any(server->runs)) {
        finish_run(server, run_any(server->runs), now_ns);
    }
    run_registry_free(server->runs);
    while (server->spare) {
        struct exchange *exchange = server->spare;
        server->spare = exchange->next;
        free(exchange);
    }
    listener_close(server->listener);
    if (server->ca_file) {
        unlink(server->ca_file);
        free(server->ca_file);
    }
    tls_free(server->tls);
    unread_free(server->unread);
    schedule_free(server->schedule);
    if (server->loop) {
        ev_loop_destroy(server->loop);
    }
    outgoing_free(server->outgoing);
    rendered_cache_free(server->rendered);
    buf_fini(&server->unit);
    free(server->read_buffer);
    catalogue_fini(&server->catalogue);
    free(server);
}
