/* SPDX-License-Identifier: MIT */
/* Exchanges: making them of requests, playing them, and ending them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "conn.h"
#include "h1_request.h"
#include "h1_response.h"
#include "h2_response.h"
#include "live.h"
#include "page.h"
#include "xmalloc.h"

static struct exchange *exchange_new(struct conn *conn, struct run *run)
{
    struct server *server = conn->server;
    struct exchange *exchange = server->spare;
    if (exchange) {
        server->spare = exchange->next;
        memset(exchange, 0, sizeof *exchange);
    } else {
        exchange = xcalloc(1, sizeof *exchange);
    }
    exchange->run = run ? run_ref(run) : NULL;
    exchange->number = EXCHANGE_NONE;
    exchange->conn_number = conn->number;
    exchange->wake_ns = PLAYER_NEVER;
    exchange->unread = PLAYER_UNREAD_UNKNOWN;
    return exchange;
}

void exchange_free(struct conn *conn, struct exchange *exchange)
{
    struct server *server = conn->server;
    if (exchange->page) {
        buf_fini(&exchange->page->octets);
        free(exchange->page);
    }
    if (exchange->body) {
        buf_fini(&exchange->body->octets);
        digest_fini(&exchange->body->digest);
        free(exchange->body);
    }
    outgoing_free(exchange->held);
    free(exchange->params);
    if (exchange->run) {
        run_unref(exchange->run);
    }
    exchange->next = server->spare;
    server->spare = exchange;
}

static void enqueue(struct conn *conn, struct exchange *exchange)
{
    if (conn->last) {
        conn->last->next = exchange;
    } else {
        conn->first = exchange;
    }
    conn->last = exchange;
    conn->queued++;
}

struct place exchange_place(const struct exchange *exchange)
{
    const struct run *run = exchange->run;
    return (struct place){
        .scenario = run ? run->scenario->id : "",
        .run = run ? run->token : "",
        .resource = exchange->resource ? exchange->resource : "",
        .params = exchange->player.params,
        .script = exchange->player.script,
        .stream = exchange->stream,
        .data_max = exchange->data_max,
        .exchange = exchange->number == EXCHANGE_NONE ? -1 : (int64_t)exchange->number,
        .is_head = exchange->is_head,
        .is_connect = exchange->is_connect,
    };
}

/* ---- making them ---- */

static void use_page(struct exchange *exchange, struct buf *octets, bool waits)
{
    static const int64_t no_params[1];
    struct page *page = xcalloc(1, sizeof *page);
    page->octets = *octets;
    *octets = (struct buf){0};
    page->step = (struct step){
        .kind = STEP_SEND, .times = {.literal = 1, .param = -1}, .every = {.param = -1}};
    page->step.u.send.bytes = buf_bytes(&page->octets);
    page->script = (struct script){&page->step, 1};
    exchange->page = page;
    player_init(&exchange->player, &page->script, no_params, 1, !waits);
}

/* The connection serves another run from here on: what belongs to which cannot be told any more. */
static void mix_runs(struct conn *conn, struct run *run, int64_t now_ns)
{
    conn_note(conn, NULL, now_ns, EVENT_MIXED_RUNS);
    if (conn->is_leased && conn->run) {
        struct moment at = conn_moment(conn, NULL, now_ns);
        at.transcript = &run->transcript;
        at.conn = ++run->connections;
        transcript_note(at, EVENT_MIXED_RUNS);
        return;
    }
    conn_set_run(conn, run, now_ns);
    conn_note(conn, NULL, now_ns, EVENT_MIXED_RUNS);
}

static void count_request(struct conn *conn, struct answer *answer, struct exchange *exchange,
                          int64_t now_ns)
{
    struct run *run = answer->run;
    if (!run) {
        return;
    }
    if (conn->run != run) {
        if (conn->run) {
            mix_runs(conn, run, now_ns);
        } else {
            conn_set_run(conn, run, now_ns);
        }
        exchange->conn_number = conn->run == run ? conn->number : run->connections;
    }
    run_used(conn->server->runs, run, now_ns);
    exchange->number = run->exchanges++;
    if (answer->resource && strcmp(answer->resource, "probe") == 0) {
        run->probe_requests++;
    }
    run->requests++;
}

static void tell_next_request(struct conn *conn)
{
    for (struct exchange *exchange = conn->first; exchange; exchange = exchange->next) {
        player_fact(&exchange->player, FACT_NEXT_REQUEST);
    }
}

static void note_request(struct conn *conn, const struct exchange *exchange,
                         const struct answer *answer, const struct request_head *head,
                         int64_t now_ns)
{
    struct request_note note = {
        .script = exchange->page ? NULL : answer->script,
        .resource = answer->resource,
        .params = exchange->params,
        .param_count = exchange->run ? exchange->run->scenario->param_count : 0,
        .head = head->raw,
        .offset = conn->received_outside + head->offset -
                  (head->offset < conn->received_before ? head->offset : conn->received_before),
        .stream = head->stream,
        .data_max = head->data_max,
        .len = head->len,
        .visit = answer->visit,
        .flags =
            (uint8_t)((conn->active || (conn->queued > 0 && !head->stream) ? EVENT_QUEUED : 0) |
                      (conn->requests == 0 ? EVENT_FIRST_ON_CONNECTION : 0)),
    };
    /* The usual case, and much shorter in memory: what was read was just this head. */
    if (conn->run && conn->run == exchange->run && conn->read.len == head->raw.len &&
        conn->read.data == head->raw.data) {
        note.flags |= EVENT_WITH_RECEIVED;
        conn->read = bytes_of(NULL, 0);
    } else {
        conn_note_read(conn, now_ns);
    }
    transcript_request(conn_moment(conn, exchange, now_ns), &note);
}

static void on_head(void *user, const struct request_head *head)
{
    struct conn *conn = user;
    int64_t now_ns = conn->now_ns;
    struct answer answer;
    answer_find(conn, head, &answer);
    struct exchange *exchange = exchange_new(conn, answer.run);
    exchange->resource = answer.resource;
    exchange->params = answer.params;
    exchange->is_head = bytes_equal_str(head->method, "HEAD");
    exchange->is_connect = bytes_equal_str(head->method, "CONNECT");
    exchange->close_after = !head->keep_alive;
    exchange->stream = head->stream;
    exchange->data_max = head->data_max;
    exchange->receives = head->stream != 0;
    count_request(conn, &answer, exchange, now_ns);
    bool is_http10 =
        head->version_major < 1 || (head->version_major == 1 && head->version_minor == 0);
    bool replaced = false;
    if (answer.status != 0) {
        struct buf octets = {0};
        if (head->stream) {
            h2_response_page(head->stream, answer.status, answer.content_type,
                             buf_bytes(&answer.content), exchange->is_head, &octets);
        } else {
            h1_response_page(answer.status, exchange->close_after ? "Connection: close\r\n" : "",
                             answer.content_type, buf_bytes(&answer.content), exchange->is_head,
                             &octets);
        }
        use_page(exchange, &octets, true);
    } else {
        const int64_t *params = exchange->params ? exchange->params : answer.run->params;
        if (is_http10 && answer_is_not_for_http10(&answer, params)) {
            exchange->close_after = replaced = true;
        }
        player_init(&exchange->player, answer.script, params, conn->server->options->pace, false);
    }
    buf_fini(&answer.content);
    note_request(conn, exchange, &answer, head, now_ns);
    if (replaced) {
        conn_note(conn, exchange, now_ns, EVENT_HTTP10);
    }
    if (head->upgrade) {
        conn_note(conn, exchange, now_ns, EVENT_UPGRADE_IGNORED);
    }
    if (exchange->is_connect) {
        conn->is_tunnel = !head->stream;
        conn_note(conn, exchange, now_ns, EVENT_TUNNEL);
    }
    tell_next_request(conn);
    player_fact(&exchange->player, FACT_HEAD);
    conn->requests++;
    conn->receiving = head->stream ? NULL : exchange;
    enqueue(conn, exchange);
}

static void keep_body(struct body *body, struct bytes content)
{
    bool was_kept = body->len <= TRANSCRIPT_EVENT_OCTETS;
    body->len += content.len;
    if (body->len <= TRANSCRIPT_EVENT_OCTETS) {
        buf_append_bytes(&body->octets, content);
        return;
    }
    if (was_kept) {
        digest_add(&body->digest, buf_bytes(&body->octets));
        buf_fini(&body->octets);
    }
    digest_add(&body->digest, content);
}

static struct exchange *on_stream(struct conn *conn, uint32_t stream)
{
    struct exchange *exchange =
        conn->last && conn->last->stream == stream ? conn->last : conn->first;
    while (exchange && exchange->stream != stream) {
        exchange = exchange->next;
    }
    return exchange;
}

/* Whose request is being received: on a stream, or NULL when it is over already. */
static struct exchange *receiver(struct conn *conn, uint32_t stream)
{
    struct exchange *exchange = stream ? on_stream(conn, stream) : conn->receiving;
    return exchange && (!stream || exchange->receives) ? exchange : NULL;
}

static void on_body(void *user, uint32_t stream, struct bytes content)
{
    struct conn *conn = user;
    struct exchange *exchange = receiver(conn, stream);
    if (!exchange) {
        return;
    }
    exchange->player.body_octets += content.len;
    if (exchange->run && !exchange->run->transcript.off) {
        if (!exchange->body) {
            exchange->body = xcalloc(1, sizeof *exchange->body);
        }
        keep_body(exchange->body, content);
    }
}

static void on_request_end(void *user, uint32_t stream)
{
    struct conn *conn = user;
    struct exchange *exchange = receiver(conn, stream);
    if (!exchange) {
        return;
    }
    conn->receiving = NULL;
    exchange->receives = false;
    player_fact(&exchange->player, FACT_REQUEST);
    conn_note_read(conn, conn->now_ns);
    struct moment at = conn_moment(conn, exchange, conn->now_ns);
    struct body *body = exchange->body;
    if (!body) {
        transcript_request_end(at, exchange->player.body_octets, bytes_of(NULL, 0), NULL);
        return;
    }
    char hex[DIGEST_HEX_SIZE];
    bool too_long = body->len > TRANSCRIPT_EVENT_OCTETS;
    if (too_long) {
        digest_hex(&body->digest, hex);
    }
    transcript_request_end(at, body->len, buf_bytes(&body->octets), too_long ? hex : NULL);
    buf_fini(&body->octets);
    digest_fini(&body->digest);
    free(body);
    exchange->body = NULL;
}

static void on_bad_request(void *user, const struct bad_request *bad)
{
    struct conn *conn = user;
    struct run *run = conn->run && !conn->run->ended ? conn->run : NULL;
    int status = bad->kind == BAD_REQUEST_METHOD      ? 501
                 : bad->kind == BAD_REQUEST_TOO_LARGE ? 431
                 : bad->kind == BAD_REQUEST_TLS       ? 0
                                                      : 400;
    conn_note_read(conn, conn->now_ns);
    conn->receiving = NULL;
    struct exchange *exchange = exchange_new(conn, run);
    struct moment at = conn_moment(conn, NULL, conn->now_ns);
    enum event_kind kind = bad->kind == BAD_REQUEST_TLS ? EVENT_TLS_HELLO : EVENT_BAD_REQUEST;
    transcript_bad_request(at, kind, bad->reason, status, bad->method);
    if (conn->server->options->live) {
        live_text(conn, NULL, conn->now_ns, bad->reason);
    }
    struct buf octets = {0};
    if (status != 0) {
        struct buf content = {0};
        page_bad_request(bad, &content);
        h1_response_page(status, "Connection: close\r\n", answer_text_plain, buf_bytes(&content),
                         false, &octets);
        buf_fini(&content);
    }
    use_page(exchange, &octets, false);
    exchange->close_after = exchange->ends_connection = true;
    tell_next_request(conn);
    enqueue(conn, exchange);
}

static void on_frame(void *user, const struct frame_note *frame)
{
    struct conn *conn = user;
    conn_note_read(conn, conn->now_ns);
    struct exchange *exchange = frame->stream ? on_stream(conn, frame->stream) : NULL;
    uint64_t before = conn->received_before;
    struct frame_note note = *frame;
    note.offset -= note.offset < before ? note.offset : before;
    transcript_frame(conn_moment(conn, exchange, conn->now_ns), &note);
    if (conn->server->options->live) {
        live_frame(conn, exchange, frame, conn->now_ns);
    }
}

/* The stream is gone: nothing can be sent on it, nor will anything come. */
static void drop(struct conn *conn, struct exchange *exchange)
{
    exchange->state = EXCHANGE_OVER;
    exchange->receives = false;
    outgoing_free(exchange->held);
    exchange->held = NULL;
    if (conn->run) {
        server_run_changed(conn->server, conn->run, conn->now_ns);
    }
}

static void on_stream_reset(void *user, uint32_t stream, uint32_t error)
{
    struct conn *conn = user;
    struct exchange *exchange = on_stream(conn, stream);
    if (!exchange) {
        return;
    }
    transcript_stream_error(conn_moment(conn, exchange, conn->now_ns), EVENT_CLIENT_RESET, stream,
                            error, NULL);
    if (conn->server->options->live) {
        live_note(conn, exchange, conn->now_ns, EVENT_CLIENT_RESET);
    }
    drop(conn, exchange);
}

static void on_broken_rule(void *user, const struct broken_rule *broken)
{
    struct conn *conn = user;
    struct exchange *exchange = broken->stream ? on_stream(conn, broken->stream) : NULL;
    conn_note_read(conn, conn->now_ns);
    transcript_stream_error(conn_moment(conn, exchange, conn->now_ns), EVENT_PROTOCOL_ERROR,
                            broken->stream, broken->error, broken->reason);
    if (conn->server->options->live) {
        live_text(conn, exchange, conn->now_ns, broken->reason);
    }
    if (exchange) {
        drop(conn, exchange);
    }
    conn->has_failed = conn->has_failed || broken->stream == 0;
}

static void on_reply(void *user, struct bytes octets)
{
    struct conn *conn = user;
    buf_append_bytes(&conn->replies, octets);
}

const struct protocol_listener exchange_listener = {
    .on_head = on_head,
    .on_body = on_body,
    .on_request_end = on_request_end,
    .on_bad_request = on_bad_request,
    .on_frame = on_frame,
    .on_stream_reset = on_stream_reset,
    .on_broken_rule = on_broken_rule,
    .on_reply = on_reply,
};

void exchange_at_accept(struct conn *conn, int64_t now_ns)
{
    struct run *run = conn->run;
    if (!run->scenario->has_on_connect) {
        return;
    }
    struct exchange *exchange = exchange_new(conn, run);
    exchange->resource = "on-connect";
    player_init(&exchange->player, &run->scenario->on_connect, run->params,
                conn->server->options->pace, true);
    enqueue(conn, exchange);
    (void)now_ns;
}

/* ---- playing ---- */

void exchange_give_turn(struct conn *conn, struct exchange *exchange, int64_t now_ns)
{
    exchange->state = EXCHANGE_ACTIVE;
    player_turn(&exchange->player, now_ns);
    conn_note(conn, exchange, now_ns, EVENT_TURN);
}

static void pass(struct conn *conn, const struct exchange *exchange)
{
    if (conn->active == exchange) {
        conn->active = NULL;
    }
}

/* The script is over. RFC 9112 9.6: after the final response to a request that said close, close;
 * but a final that no script sent is not invented, nor is an end. */
static void finish(struct conn *conn, struct exchange *exchange, int64_t now_ns)
{
    conn_note(conn, exchange, now_ns, EVENT_SCRIPT_END);
    exchange->state = EXCHANGE_OVER;
    pass(conn, exchange);
    if (exchange->close_after && !exchange->is_connect &&
        (exchange->page || outgoing_had_final(exchange))) {
        conn_end(conn, now_ns, CONN_LINGER_NS);
    }
}

static bool must_stay_apart(const struct conn *conn, const struct exchange *exchange,
                            int64_t now_ns)
{
    return conn->released && conn->last_sender && conn->last_sender != exchange &&
           exchange->stream == 0 && now_ns < conn->left_ns + CONN_APART_NS;
}

/* False when the exchange cannot be played any further now. */
static bool flush(struct conn *conn, struct exchange *exchange, int64_t now_ns)
{
    switch (outgoing_flush(conn, exchange, now_ns)) {
    case IO_OK:
        player_left(&exchange->player, conn->left_ns > now_ns ? conn->left_ns : now_ns);
        return true;
    case IO_AGAIN:
        return false;
    case IO_EOF:
    case IO_RESET:
        conn_note(conn, NULL, now_ns, EVENT_CLIENT_RST);
        conn_die(conn, now_ns);
        return false;
    }
    return false;
}

static void measure(struct conn *conn, struct exchange *exchange, uint32_t step)
{
    struct place place = exchange_place(exchange);
    struct buf *unit = &conn->server->unit;
    buf_clear(unit);
    conn->protocol->ops->render(&place, step, unit);
    player_measured(&exchange->player, buf_len(unit));
}

static void switch_reading(struct conn *conn, struct exchange *exchange, uint32_t step,
                           int64_t now_ns)
{
    conn->reading = exchange->player.script->steps[step].u.reading;
    conn_note(conn, exchange, now_ns, conn->reading ? EVENT_READING_ON : EVENT_READING_OFF);
    conn_watch(conn);
}

static void close_as_told(struct conn *conn, struct exchange *exchange, uint32_t step,
                          int64_t now_ns)
{
    if (exchange->player.script->steps[step].u.close == CLOSE_ABRUPT) {
        conn_end_abruptly(conn, now_ns);
    } else {
        conn_end(conn, now_ns, CONN_LINGER_NS);
    }
    conn_note(conn, exchange, now_ns, EVENT_SCRIPT_END);
}

/* Performs one action; false when nothing more can be played now. */
static bool perform(struct conn *conn, struct exchange *exchange,
                    const struct player_action *action, int64_t now_ns)
{
    switch (action->what) {
    case PLAYER_WAIT:
        exchange->wake_ns = action->at_ns;
        return false;
    case PLAYER_MEASURE:
        measure(conn, exchange, action->step);
        return true;
    case PLAYER_SEND:
        outgoing_add(conn, exchange, action);
        return true;
    case PLAYER_FLUSH:
        return flush(conn, exchange, now_ns);
    case PLAYER_LOOK:
        exchange->unread = conn_unread(conn);
        player_unread(&exchange->player, exchange->unread, now_ns);
        return true;
    case PLAYER_READING:
        switch_reading(conn, exchange, action->step, now_ns);
        return true;
    case PLAYER_RELEASE:
        conn_note(conn, exchange, now_ns, EVENT_RELEASE);
        if (exchange->stream) {
            return true; /* nobody waits for a turn */
        }
        exchange->state = EXCHANGE_RELEASED;
        conn->released = true;
        pass(conn, exchange);
        return true;
    case PLAYER_STALL:
        conn_note(conn, exchange, now_ns, EVENT_STALL);
        return true;
    case PLAYER_CLOSE:
        close_as_told(conn, exchange, action->step, now_ns);
        return false;
    case PLAYER_RESET:
        conn_reset(conn, now_ns);
        return false;
    case PLAYER_LIMIT:
        transcript_wait_limit(conn_moment(conn, exchange, now_ns), action->step);
        conn_end(conn, now_ns, CONN_LINGER_NS);
        return false;
    case PLAYER_END:
        finish(conn, exchange, now_ns);
        return false;
    }
    return false;
}

void exchange_play(struct conn *conn, struct exchange *exchange, int64_t now_ns)
{
    exchange->wake_ns = PLAYER_NEVER;
    if (conn->backlog) {
        return;
    }
    if (exchange->run && exchange->run->ended) {
        exchange->state = EXCHANGE_OVER;
        pass(conn, exchange);
        return;
    }
    if (exchange->held && !outgoing_resume(conn, exchange, now_ns)) {
        return;
    }
    if (must_stay_apart(conn, exchange, now_ns)) {
        exchange->wake_ns = conn->left_ns + CONN_APART_NS;
        return;
    }
    for (int flushes = 0;;) {
        struct player_action action = player_next(&exchange->player, now_ns);
        if (!perform(conn, exchange, &action, now_ns)) {
            return;
        }
        if (action.what != PLAYER_FLUSH) {
            continue;
        }
        now_ns = conn->left_ns > now_ns ? conn->left_ns : now_ns;
        if (++flushes == CONN_FLUSHES) {
            exchange->wake_ns = now_ns;
            return;
        }
    }
}
