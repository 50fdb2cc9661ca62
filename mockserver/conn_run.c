/* SPDX-License-Identifier: MIT */
/* Which run a connection belongs to, and whose transcript hears of what. */
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "live.h"
#include "xmalloc.h"

/* Keeps what happens for the run that the first request will name. */
static struct transcript *early_transcript(struct conn *conn)
{
    if (conn->state != CONN_OPEN ||
        (conn->early && conn->early->transcript.memory > CONN_MAX_EARLY)) {
        return &conn->server->nowhere;
    }
    if (!conn->early) {
        conn->early = xcalloc(1, sizeof *conn->early);
    }
    return &conn->early->transcript;
}

struct moment conn_moment(struct conn *conn, const struct exchange *exchange, int64_t now_ns)
{
    struct moment at = {.now_ns = now_ns, .exchange = EXCHANGE_NONE};
    struct run *run = conn->run;
    at.conn = conn->number;
    if (exchange) {
        run = exchange->run;
        at.conn = exchange->conn_number;
        at.exchange = exchange->number;
    }
    if (run && !run->ended) {
        at.transcript = &run->transcript;
    } else if (!conn->run && conn->protocol && conn->protocol->ops->has_streams) {
        at.transcript = early_transcript(conn);
    } else {
        at.transcript = &conn->server->nowhere;
    }
    return at;
}

void conn_note(struct conn *conn, const struct exchange *exchange, int64_t now_ns,
               enum event_kind kind)
{
    conn_note_read(conn, now_ns);
    transcript_note(conn_moment(conn, exchange, now_ns), kind);
    if (conn->server->options->live) {
        live_note(conn, exchange, now_ns, kind);
    }
}

/* The events of a connection that nobody owned before. */
static void tell_beginning(struct conn *conn)
{
    struct moment at = conn_moment(conn, NULL, conn->accepted_ns);
    struct tls_facts facts;
    transcript_accept(at, conn->peer, conn->peer_is_v6, conn->peer_port);
    if (conn->transport.ops->facts(&conn->transport, &facts)) {
        at.now_ns = conn->established_ns;
        transcript_tls(at, &facts);
    }
    if (conn->early) {
        transcript_adopt(at, &conn->early->transcript);
    }
}

void conn_free_early(struct conn *conn)
{
    if (conn->early) {
        transcript_fini(&conn->early->transcript);
        free(conn->early);
        conn->early = NULL;
    }
}

void conn_set_run(struct conn *conn, struct run *run, int64_t now_ns)
{
    if (conn->run == run) {
        return;
    }
    struct run *old = conn->run;
    if (old) {
        *(conn->run_prev ? &conn->run_prev->run_next : &old->conns) = conn->run_next;
        if (conn->run_next) {
            conn->run_next->run_prev = conn->run_prev;
        }
        conn->run_prev = conn->run_next = NULL;
    }
    conn->run = run;
    if (run) {
        run_ref(run);
        conn->run_next = run->conns;
        if (conn->run_next) {
            conn->run_next->run_prev = conn;
        }
        run->conns = conn;
        conn->number = ++run->connections;
        /* A connection begins anew in the transcript of each run that it serves. */
        conn->received_before = old ? conn->received : 0;
        /* On a connection with streams the server speaks before the first request. */
        bool told = !old && conn->early && conn->early->transcript.memory <= CONN_MAX_EARLY;
        conn->sent_before = told && conn->protocol->ops->has_streams ? 0 : conn->sent;
        tell_beginning(conn);
        conn_free_early(conn);
    }
    if (conn->server->options->live && run && !old) {
        live_accept(conn, now_ns);
    }
    if (old) {
        server_run_changed(conn->server, old, now_ns);
        run_unref(old);
    }
}

void conn_note_read(struct conn *conn, int64_t now_ns)
{
    if (!conn->read.data) {
        return;
    }
    struct bytes octets = conn->read;
    conn->read = bytes_of(NULL, 0);
    if (conn->run) {
        transcript_received(conn_moment(conn, NULL, now_ns), conn->received - conn->received_before,
                            octets);
        return;
    }
    struct moment at = {.now_ns = now_ns, .exchange = EXCHANGE_NONE};
    at.transcript = early_transcript(conn);
    transcript_received(at, conn->received, octets);
}
