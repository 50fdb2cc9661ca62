/* SPDX-License-Identifier: MIT */
#include "conn.h"

#include <assert.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "live.h"
#include "tls.h"
#include "xmalloc.h"

static void on_io(struct ev_loop *loop, ev_io *io, int revents);
static void on_due(struct schedule_entry *entry, int64_t now_ns);
static void client_fin(struct conn *conn, int64_t now_ns);

static void set_peer(struct conn *conn, const struct sockaddr_storage *peer)
{
    if (peer->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
        memcpy(conn->peer, &v6->sin6_addr, 16);
        conn->peer_port = ntohs(v6->sin6_port);
        conn->peer_is_v6 = true;
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
        memcpy(conn->peer, &v4->sin_addr, 4);
        conn->peer_port = ntohs(v4->sin_port);
    }
}

/* ---- the beginning ---- */

/* On a shared port for TLS the client chooses among what is served. */
static unsigned offered_protocols(const struct run *run)
{
    unsigned served = run ? run->transport : (unsigned)(TRANSPORT_H1S | TRANSPORT_H2);
    if (served & TRANSPORT_H1) {
        served = TRANSPORT_H1S; /* inside a tunnel */
    }
    return (served & TRANSPORT_H1S ? TLS_ALPN_HTTP11 : 0) |
           (served & TRANSPORT_H2 && protocol_over(TRANSPORT_H2) ? TLS_ALPN_H2 : 0);
}

static void open_transport(struct conn *conn, int fd, const struct run *run)
{
    if (run_transport_is_tls((enum transport_bit)conn->transport_bit)) {
        transport_tls_init(&conn->transport, fd, conn->server->tls,
                           run && run->scenario->unknown_ca ? TLS_CERTIFICATE_UNKNOWN_CA
                                                            : TLS_CERTIFICATE_TRUSTED,
                           offered_protocols(run));
    } else {
        transport_tcp_init(&conn->transport, fd);
    }
}

static void open_protocol(struct conn *conn)
{
    const struct protocol_ops *ops = protocol_over((enum transport_bit)conn->transport_bit);
    conn->protocol = ops->open(&exchange_listener, conn);
    if (ops->begin) {
        ops->begin(conn->protocol, conn->run ? &conn->run->scenario->h2 : NULL);
    }
}

/* From here on the connection has a protocol: the one that ALPN agreed on, else the port's. */
static void begin_protocol(struct conn *conn, int64_t now_ns)
{
    struct tls_facts facts;
    bool is_tls = conn->transport.ops->facts(&conn->transport, &facts);
    conn->established_ns = now_ns;
    if (is_tls && facts.alpn.len > 0) {
        conn->transport_bit = bytes_equal_str(facts.alpn, "h2") ? TRANSPORT_H2 : TRANSPORT_H1S;
    }
    if (is_tls && conn->run) {
        transcript_tls(conn_moment(conn, NULL, now_ns), &facts);
    }
    if (is_tls && conn->server->options->live) {
        live_text(conn, NULL, now_ns, facts.version);
    }
    conn->state = CONN_OPEN;
    open_protocol(conn);
    if (conn->is_leased && conn->run && !conn->run->ended && !conn->is_tunnel) {
        exchange_at_accept(conn, now_ns);
    }
}

/* Whoever speaks plain text to a port for TLS is told so in plain text. */
static void answer_plain_text(struct conn *conn, const struct tls_failure *failure)
{
    struct bad_request bad = {.kind = BAD_REQUEST_PLAIN_TEXT, .reason = failure->reason};
    transport_tls_to_tcp(&conn->transport);
    conn->protocol = protocol_h1.open(&exchange_listener, conn);
    conn->state = CONN_OPEN;
    conn->is_deaf = true;
    exchange_listener.on_bad_request(conn, &bad);
}

static void note_tls_failure(struct conn *conn, int64_t now_ns, const struct tls_failure *failure)
{
    transcript_tls_failed(conn_moment(conn, NULL, now_ns), failure);
    if (conn->server->options->live) {
        live_text(conn, NULL, now_ns, failure->reason);
    }
}

static void fail_handshake(struct conn *conn, enum io_status status, int64_t now_ns)
{
    struct tls_failure failure = {.reason = "the client closed before the handshake was over"};
    bool is_broken = !conn->transport.ops->failure(&conn->transport, &failure);
    note_tls_failure(conn, now_ns, &failure);
    if (failure.is_plain_text) {
        answer_plain_text(conn, &failure);
        return;
    }
    if (is_broken && status == IO_RESET) {
        conn_note(conn, NULL, now_ns, EVENT_CLIENT_RST);
        conn_die(conn, now_ns);
        return;
    }
    if (is_broken) {
        client_fin(conn, now_ns);
    }
    conn_end(conn, now_ns, CONN_LINGER_NS);
}

static void establish(struct conn *conn, int64_t now_ns)
{
    enum io_status status = transport_establish(&conn->transport);
    if (status == IO_OK) {
        begin_protocol(conn, now_ns);
    } else if (status != IO_AGAIN) {
        fail_handshake(conn, status, now_ns);
    }
}

/* ---- tunnels ---- */

static bool begins_like_tls(const struct conn *conn)
{
    enum { HANDSHAKE_RECORD = 0x16 };
    unsigned char first;
    return recv(conn->transport.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 &&
           first == HANDSHAKE_RECORD;
}

/* Whether what follows a CONNECT (RFC 9110 9.3.6) is for the origin at the other end of the tunnel,
 * which we are too. A client that speaks before the CONNECT has been answered waits until then. */
static bool enter_tunnel(struct conn *conn, int64_t now_ns)
{
    if (!conn->is_tunnel || conn->state != CONN_OPEN || conn->transport.tls ||
        !begins_like_tls(conn)) {
        return false;
    }
    conn->is_early = conn->first != NULL;
    if (conn->is_early) {
        return true;
    }
    protocol_close(conn->protocol);
    conn->protocol = NULL;
    conn->received_outside = conn->received;
    conn->transport_bit = TRANSPORT_H1S;
    open_transport(conn, conn->transport.fd, conn->run);
    conn->state = CONN_HANDSHAKE;
    establish(conn, now_ns);
    return conn->state != CONN_OPEN;
}

void conn_new(struct server *server, int fd, const struct conn_origin *origin)
{
    int64_t now_ns = clock_monotonic_ns();
    /* Accepting a burst must not hold up what is due. */
    schedule_run_due(server->schedule, now_ns);
    struct conn *conn = xcalloc(1, sizeof *conn);
    conn->server = server;
    conn->transport_bit = (uint8_t)origin->transport;
    open_transport(conn, fd, origin->run);
    conn->accepted_ns = conn->now_ns = now_ns;
    conn->reading = true;
    set_peer(conn, origin->peer);
    schedule_entry_init(&conn->entry, on_due);
    conn->next = server->conns;
    if (conn->next) {
        conn->next->prev = conn;
    }
    server->conns = conn;
    server->conn_count++;
    server->connections++;
    ev_io_init(&conn->io, on_io, fd, EV_READ);
    conn->io.data = conn;
    ev_io_start(server->loop, &conn->io);
    if (origin->run) {
        conn->is_leased = true;
        conn_set_run(conn, origin->run, now_ns);
    }
    establish(conn, now_ns);
    conn_advance(conn, now_ns);
}

static int wanted_events(const struct conn *conn)
{
    if (conn->state == CONN_HANDSHAKE) {
        return conn->transport.wants_write ? EV_WRITE : EV_READ;
    }
    bool reads = (conn->reading || conn->state == CONN_ENDING) && !conn->client_fin &&
                 !conn->is_early &&
                 ((!conn->is_full && buf_len(&conn->replies) <= CONN_MAX_REPLIES) ||
                  conn->state == CONN_ENDING);
    return (reads ? EV_READ : 0) | (conn->backlog ? EV_WRITE : 0);
}

void conn_watch(struct conn *conn)
{
    if (conn->state == CONN_DEAD) {
        return;
    }
    int events = wanted_events(conn);
    int current = ev_is_active(&conn->io) ? conn->io.events & (EV_READ | EV_WRITE) : 0;
    if (events == current) {
        return;
    }
    ev_io_stop(conn->server->loop, &conn->io);
    if (events) {
        ev_io_set(&conn->io, conn->transport.fd, events);
        ev_io_start(conn->server->loop, &conn->io);
    }
}

int64_t conn_unread(struct conn *conn)
{
    struct sockaddr_storage local, peer;
    socklen_t local_len = sizeof local, peer_len = sizeof peer;
    uint32_t octets;
    if (conn->state == CONN_DEAD ||
        getsockname(conn->transport.fd, (struct sockaddr *)&local, &local_len) < 0 ||
        getpeername(conn->transport.fd, (struct sockaddr *)&peer, &peer_len) < 0 ||
        unread_by_peer(conn->server->unread, (struct sockaddr *)&local, (struct sockaddr *)&peer,
                       &octets) != UNREAD_KNOWN) {
        return PLAYER_UNREAD_UNKNOWN;
    }
    return octets;
}

/* ---- ending ---- */

static void drop_exchanges(struct conn *conn)
{
    outgoing_abandon(conn);
    for (struct exchange *exchange = conn->first; exchange; exchange = exchange->next) {
        exchange->state = EXCHANGE_OVER;
        exchange->receives = false;
    }
    conn->active = NULL;
    conn->receiving = NULL;
}

void conn_die(struct conn *conn, int64_t now_ns)
{
    if (conn->state == CONN_DEAD) {
        return;
    }
    struct server *server = conn->server;
    conn_note_read(conn, now_ns);
    drop_exchanges(conn);
    conn->state = CONN_DEAD;
    ev_io_stop(server->loop, &conn->io);
    schedule_clear(server->schedule, &conn->entry);
    if (conn->transport.fd >= 0) {
        conn->transport.ops->close(&conn->transport);
    }
    conn_set_run(conn, NULL, now_ns);
    *(conn->prev ? &conn->prev->next : &server->conns) = conn->next;
    if (conn->next) {
        conn->next->prev = conn->prev;
    }
    conn->prev = NULL;
    conn->next = server->dead;
    server->dead = conn;
    server->conn_count--;
    if (listener_is_paused(server->listener)) {
        listener_resume(server->listener);
    }
}

void conn_reap(struct server *server)
{
    while (server->dead) {
        struct conn *conn = server->dead;
        server->dead = conn->next;
        while (conn->first) {
            struct exchange *exchange = conn->first;
            conn->first = exchange->next;
            exchange_free(conn, exchange);
        }
        if (conn->protocol) {
            protocol_close(conn->protocol);
        }
        buf_fini(&conn->replies);
        conn_free_early(conn);
        free(conn);
    }
}

static void end_by(struct conn *conn, int64_t now_ns, int64_t linger_ns, enum event_kind how)
{
    if (conn->state == CONN_ENDING || conn->state == CONN_DEAD) {
        return;
    }
    conn_note(conn, NULL, now_ns, how);
    drop_exchanges(conn);
    /* close() with octets unread would turn the FIN into a reset and take from the client what it
     * has not read yet. */
    if (how == EVENT_CLOSE_ABRUPT) {
        conn->transport.ops->end_abruptly(&conn->transport);
    } else {
        conn->transport.ops->end(&conn->transport);
    }
    conn->state = CONN_ENDING;
    conn->limit_ns = now_ns + linger_ns;
    if (conn->client_fin) {
        conn_die(conn, now_ns);
    }
}

void conn_end(struct conn *conn, int64_t now_ns, int64_t linger_ns)
{
    end_by(conn, now_ns, linger_ns, EVENT_CLOSE_FIN);
}

void conn_end_abruptly(struct conn *conn, int64_t now_ns)
{
    end_by(conn, now_ns, CONN_LINGER_NS, EVENT_CLOSE_ABRUPT);
}

void conn_reset(struct conn *conn, int64_t now_ns)
{
    if (conn->state == CONN_DEAD) {
        return;
    }
    conn_note(conn, NULL, now_ns, EVENT_CLOSE_RST);
    conn->transport.ops->reset(&conn->transport);
    conn_die(conn, now_ns);
}

void conn_cancel(struct conn *conn, int64_t now_ns)
{
    conn_set_run(conn, NULL, now_ns);
    conn_end(conn, now_ns, CONN_CANCELLED_NS);
    conn_advance(conn, now_ns);
}

/* ---- reading ---- */

/* The shared plain port speaks HTTP/1.1 until the first octets say that the client knows better.
 * Fewer than four may be those of a PUT as well: the reader of HTTP/1.1 keeps them, and makes
 * nothing of so few, until the next ones tell. */
static void choose_protocol(struct conn *conn, struct bytes octets)
{
    enum { TELLING_OCTETS = 4 };
    size_t before = conn->preface_octets;
    if (conn->is_leased || conn->transport_bit != TRANSPORT_H1 || conn->received != before) {
        return;
    }
    size_t left = H2_PREFACE_LEN - before;
    size_t len = octets.len < left ? octets.len : left;
    if (memcmp(octets.data, &H2_PREFACE[before], len) != 0) {
        return;
    }
    if (before + len < TELLING_OCTETS) {
        conn->preface_octets = (uint8_t)(before + len);
        return;
    }
    protocol_close(conn->protocol);
    conn->transport_bit = TRANSPORT_H2C;
    open_protocol(conn);
    if (before > 0) {
        protocol_receive(conn->protocol, bytes_of(H2_PREFACE, before));
    }
}

static void receive(struct conn *conn, struct bytes octets, int64_t now_ns)
{
    conn->read = octets;
    choose_protocol(conn, octets);
    if (conn->server->options->live) {
        live_received(conn, octets, now_ns);
    }
    if (conn->state == CONN_OPEN && !conn->is_deaf) {
        protocol_receive(conn->protocol, octets);
    }
    conn_note_read(conn, now_ns);
    conn->received += octets.len;
}

static void client_fin(struct conn *conn, int64_t now_ns)
{
    conn->client_fin = true;
    conn_note(conn, NULL, now_ns, EVENT_CLIENT_FIN);
    for (struct exchange *exchange = conn->first; exchange; exchange = exchange->next) {
        player_fact(&exchange->player, FACT_CLIENT_FIN);
    }
    if (conn->run) {
        server_run_changed(conn->server, conn->run, now_ns);
    }
    if (conn->state == CONN_ENDING) {
        conn_die(conn, now_ns);
    }
}

/* An alert of the client, or one of ours, has ended TLS: nothing follows. */
static void break_off(struct conn *conn, int64_t now_ns)
{
    struct tls_failure failure;
    if (conn->state == CONN_OPEN && conn->transport.ops->failure(&conn->transport, &failure)) {
        note_tls_failure(conn, now_ns, &failure);
    }
    conn_note(conn, NULL, now_ns, EVENT_CLIENT_RST);
    conn_die(conn, now_ns);
}

/* True when there may be more. */
static bool read_once(struct conn *conn, int64_t now_ns)
{
    size_t got;
    switch (transport_read(&conn->transport, conn->server->read_buffer, SERVER_READ_OCTETS, &got)) {
    case IO_OK:
        receive(conn, bytes_of(conn->server->read_buffer, got), now_ns);
        return conn->transport.reads_in_parts && conn->state != CONN_DEAD;
    case IO_AGAIN:
        return false;
    case IO_EOF:
        client_fin(conn, now_ns);
        return false;
    case IO_RESET:
        break_off(conn, now_ns);
        return false;
    }
    return false;
}

void conn_read(struct conn *conn, int64_t now_ns)
{
    conn->now_ns = now_ns;
    if (conn->state == CONN_HANDSHAKE) {
        establish(conn, now_ns);
    }
    if (conn->state == CONN_HANDSHAKE || conn->state == CONN_DEAD || conn->client_fin ||
        enter_tunnel(conn, now_ns)) {
        return;
    }
    for (int reads = 0; reads < CONN_READS && read_once(conn, now_ns); reads++) {
    }
}

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)loop;
    struct conn *conn = io->data;
    int64_t now_ns = clock_monotonic_ns();
    if (schedule_run_due(conn->server->schedule, now_ns) > 0) {
        now_ns = clock_monotonic_ns(); /* what is read now was sent after what has left just now */
    }
    if ((revents & EV_READ && conn->state != CONN_DEAD) || conn->state == CONN_HANDSHAKE) {
        conn_read(conn, now_ns);
    }
    if (revents & EV_WRITE && conn->state == CONN_OPEN && conn->backlog) {
        struct exchange *exchange = conn->backlog->exchange;
        enum io_status status = outgoing_drain(conn, now_ns);
        if (status == IO_OK) {
            conn_note(conn, exchange, now_ns, EVENT_DRAINED);
        } else if (status == IO_RESET) {
            conn_note(conn, NULL, now_ns, EVENT_CLIENT_RST);
            conn_die(conn, now_ns);
        }
    }
    conn_advance(conn, now_ns);
}

/* What the client sent before this moment must be known before the next octets leave: a request
 * that is already here is queued, and gets its turn later than one that is not. */
static void on_due(struct schedule_entry *entry, int64_t now_ns)
{
    struct conn *conn = (struct conn *)((char *)entry - offsetof(struct conn, entry));
    now_ns = clock_monotonic_ns(); /* others that were due have played since */
    if (conn->state == CONN_OPEN && conn->reading && !conn->is_full) {
        conn_read(conn, now_ns);
    }
    conn_advance(conn, now_ns);
}

/* ---- turns ---- */

static struct exchange *next_queued(struct conn *conn)
{
    struct exchange *exchange = conn->queued > 0 ? conn->first : NULL;
    while (exchange && exchange->state != EXCHANGE_QUEUED) {
        exchange = exchange->next;
    }
    return exchange;
}

/* The turn was passed while a request was waiting: its octets must not be joined to the ones
 * before, or a client that is one answer behind looks healed. */
static void shut_turn_gate(struct conn *conn)
{
    if (conn->queued > 0 && conn->left_ns != 0 && !conn->turn_gated) {
        conn->turn_gated = true;
        conn->turn_gate = gate_after(conn->left_ns, TURN_MIN_NS, GATE_MAX_NS);
    }
}

/* Where nobody knows what the peer has read, the pause alone must do. */
static bool is_turn_gate_open(struct conn *conn, int64_t now_ns)
{
    if (now_ns < conn->turn_gate.from_ns) {
        return false;
    }
    int64_t unread = conn_unread(conn);
    return unread == PLAYER_UNREAD_UNKNOWN || gate_opens(&conn->turn_gate, unread, now_ns);
}

/* Gives the turn to the next in the queue; false when it must wait until *wake_ns, or there is
 * none. */
static bool pass_turn(struct conn *conn, int64_t now_ns, int64_t *wake_ns)
{
    struct exchange *next = next_queued(conn);
    if (conn->active || !next || conn->backlog) {
        return false;
    }
    if (conn->turn_gated && !is_turn_gate_open(conn, now_ns)) {
        *wake_ns = conn->turn_gate.from_ns < *wake_ns ? conn->turn_gate.from_ns : *wake_ns;
        return false;
    }
    conn->turn_gated = false;
    conn->active = next;
    conn->queued--;
    exchange_give_turn(conn, next, now_ns);
    return true;
}

/* Plays every exchange that may; true when the turn was passed. */
static bool play_all(struct conn *conn, int64_t now_ns, int64_t *wake_ns)
{
    struct exchange *had_turn = conn->active;
    for (struct exchange *exchange = conn->first; exchange && conn->state == CONN_OPEN;
         exchange = exchange->next) {
        if (exchange->state == EXCHANGE_QUEUED && conn->protocol->ops->has_streams) {
            conn->queued--;
            exchange_give_turn(conn, exchange, now_ns);
        }
        if (exchange->state != EXCHANGE_ACTIVE && exchange->state != EXCHANGE_RELEASED) {
            if (exchange->state == EXCHANGE_QUEUED) {
                break;
            }
            continue;
        }
        exchange_play(conn, exchange, now_ns);
        if (exchange->state != EXCHANGE_OVER && exchange->wake_ns < *wake_ns) {
            *wake_ns = exchange->wake_ns;
        }
    }
    return had_turn && !conn->active;
}

static void remove_finished(struct conn *conn)
{
    struct exchange **at = &conn->first;
    conn->released = false;
    conn->last = NULL;
    while (*at) {
        struct exchange *exchange = *at;
        /* Octets that the socket has not taken yet belong to it, even where the client has reset
         * its stream. */
        bool leaving = conn->backlog && conn->backlog->exchange == exchange;
        if (exchange->state == EXCHANGE_OVER && exchange != conn->receiving &&
            !exchange->receives && !leaving) {
            *at = exchange->next;
            exchange_free(conn, exchange);
            continue;
        }
        conn->released = conn->released || exchange->state == EXCHANGE_RELEASED;
        conn->last = exchange;
        at = &exchange->next;
    }
}

static int64_t idle_wake_ns(const struct conn *conn)
{
    bool is_idle = conn->state == CONN_OPEN && !conn->run && !conn->first;
    return conn->state == CONN_ENDING      ? conn->limit_ns
           : conn->state == CONN_HANDSHAKE ? conn->accepted_ns + CONN_HANDSHAKE_NS
           : is_idle                       ? conn->accepted_ns + CONN_IDLE_NS
                                           : SCHEDULE_NEVER;
}

/* The one place where a connection's deadline is armed; conn_die() is where it is cleared. */
static void arm(struct conn *conn, int64_t wake_ns)
{
    int64_t idle_ns = idle_wake_ns(conn);
    wake_ns = idle_ns < wake_ns ? idle_ns : wake_ns;
    if (wake_ns == SCHEDULE_NEVER) {
        schedule_clear(conn->server->schedule, &conn->entry);
    } else if (!schedule_is_set(&conn->entry) || conn->entry.due_ns != wake_ns) {
        schedule_set(conn->server->schedule, &conn->entry, wake_ns);
    }
}

/* What the protocol has to say goes before what scripts send. */
static void say_replies(struct conn *conn, int64_t now_ns)
{
    if (conn->state != CONN_OPEN) {
        return;
    }
    switch (outgoing_reply(conn, now_ns)) {
    case IO_OK:
        if (conn->has_failed) {
            conn_end(conn, now_ns, CONN_LINGER_NS);
        }
        return;
    case IO_AGAIN:
        return;
    case IO_EOF:
    case IO_RESET:
        conn_note(conn, NULL, now_ns, EVENT_CLIENT_RST);
        conn_die(conn, now_ns);
        return;
    }
}

void conn_advance(struct conn *conn, int64_t now_ns)
{
    int64_t wake_ns;
    if (buf_len(&conn->replies) > 0) {
        say_replies(conn, now_ns);
        now_ns = conn->left_ns > now_ns ? conn->left_ns : now_ns;
    }
    do {
        wake_ns = SCHEDULE_NEVER;
        if (conn->state == CONN_OPEN && play_all(conn, now_ns, &wake_ns)) {
            shut_turn_gate(conn);
        }
        now_ns = conn->left_ns > now_ns ? conn->left_ns : now_ns;
    } while (conn->state == CONN_OPEN && pass_turn(conn, now_ns, &wake_ns));
    if (conn->state == CONN_DEAD) {
        return;
    }
    remove_finished(conn);
    if (!conn->first) {
        conn->is_early = false;
    }
    if (conn->state == CONN_OPEN && conn->client_fin && !conn->first) {
        conn_end(conn, now_ns, CONN_LINGER_NS);
    }
    if (now_ns >= idle_wake_ns(conn)) {
        if (conn->state == CONN_HANDSHAKE) {
            struct tls_failure failure = {.reason = "no handshake within 10 seconds"};
            note_tls_failure(conn, now_ns, &failure);
        }
        conn_die(conn, now_ns);
    }
    if (conn->state == CONN_DEAD) {
        return;
    }
    conn->is_full =
        conn->is_full ? conn->queued > CONN_MAX_QUEUED / 2 : conn->queued > CONN_MAX_QUEUED;
    conn_watch(conn);
    arm(conn, wake_ns);
}
