/* SPDX-License-Identifier: MIT */
/* Octets on their way out: put together by the steps of one exchange, written at once, and noted
 * when they have left. What a socket does not take stops the connection's scripts until it drains.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "h1_response.h"
#include "live.h"
#include "octets.h"
#include "rendered.h"
#include "xmalloc.h"

void outgoing_free(struct outgoing *outgoing)
{
    if (outgoing) {
        buf_fini(&outgoing->octets);
        free(outgoing->items);
        free(outgoing);
    }
}

static void clear(struct outgoing *outgoing)
{
    enum { KEEP = 256 * 1024 };
    outgoing->exchange = NULL;
    outgoing->count = outgoing->left_count = 0;
    outgoing->left = outgoing->noted = 0;
    if (outgoing->octets.cap > KEEP) {
        buf_fini(&outgoing->octets);
    } else {
        buf_clear(&outgoing->octets);
    }
}

static struct leaving *new_item(struct outgoing *outgoing)
{
    if (outgoing->count == outgoing->cap) {
        outgoing->cap = outgoing->cap ? outgoing->cap * 2 : 8;
        outgoing->items = xreallocarray(outgoing->items, outgoing->cap, sizeof *outgoing->items);
    }
    struct leaving *item = &outgoing->items[outgoing->count++];
    *item = (struct leaving){0};
    return item;
}

/* One repetition as a whole straight to the outgoing octets; anything else by way of the unit. */
static uint64_t append_step(struct conn *conn, const struct place *place, uint64_t owner,
                            const struct player_action *action)
{
    struct server *server = conn->server;
    struct buf *out = &server->outgoing->octets;
    size_t before = buf_len(out);
    if (action->count == 1 && action->from == 0 && action->to == UINT64_MAX) {
        rendered_append(server->rendered, conn->protocol->ops, place, owner, action->step, out);
        return buf_len(out) - before;
    }
    buf_clear(&server->unit);
    conn->protocol->ops->render(place, action->step, &server->unit);
    struct bytes unit = buf_bytes(&server->unit);
    uint64_t to = action->to < unit.len ? action->to : unit.len;
    uint64_t from = action->from < to ? action->from : to;
    for (uint64_t i = 0; i < action->count; i++) {
        buf_append(out, unit.data + from, (size_t)(to - from));
    }
    return buf_len(out) - before;
}

void outgoing_add(struct conn *conn, struct exchange *exchange, const struct player_action *action)
{
    struct outgoing *outgoing = conn->server->outgoing;
    struct place place = exchange_place(exchange);
    const struct step *step = &place.script->steps[action->step];
    assert(!conn->backlog && (!outgoing->exchange || outgoing->exchange == exchange));
    outgoing->exchange = exchange;
    struct leaving *item = new_item(outgoing);
    /* With parameters of its own an exchange is like no other; a page is made for one request. */
    uint64_t owner = exchange->run && !exchange->params && !exchange->page && !exchange->stream
                         ? exchange->run->serial
                         : 0;
    item->len = append_step(conn, &place, owner, action);
    if (item->len == 0) {
        outgoing->count--; /* nothing leaves, so nothing is noted */
        return;
    }
    item->from = action->from;
    item->repetition = action->repetition;
    item->count = action->count;
    item->due_ns = action->due_ns;
    item->unread_before = action->piece > 0 ? exchange->unread : ALONE_NOT_ASKED;
    item->step = action->step;
    item->piece = action->piece;
    item->pieces = action->pieces;
    item->repeats =
        action->pieces == 0 && (step->forever || int_value_of(step->times, place.params) > 1);
}

static void note_piece(struct moment at, struct exchange *exchange, const struct leaving *item,
                       uint64_t offset, uint64_t len)
{
    struct piece_note note = {item->from, item->repetition, item->piece, item->pieces,
                              item->unread_before};
    struct event_piece *piece = transcript_piece(at, item->step, item->due_ns, offset, len, &note);
    if (exchange->piece && item->piece > 0) {
        exchange->piece->unread_after = item->unread_before;
    }
    exchange->piece = piece;
}

/* Whole repetitions: one event per step, but where octets of another exchange came in between. */
static void note_repeats(struct moment at, struct exchange *exchange, const struct leaving *item,
                         uint64_t offset, uint64_t len)
{
    uint64_t unit_len = item->len / item->count;
    struct event_repeat *repeat = exchange->repeat;
    if (!repeat || repeat->step != item->step || repeat->offset + repeat->len != offset) {
        repeat = transcript_repeat(at, item->step, item->due_ns, offset, unit_len);
        exchange->repeat = repeat;
    }
    if (repeat) {
        transcript_repeat_add(at, repeat, item->due_ns, (len + unit_len - 1) / unit_len, len);
    }
}

/* Octets [from, to) of a step that windows cut, repetition by repetition. */
static void note_parts(struct moment at, const struct leaving *item, uint64_t from, uint64_t to,
                       uint64_t offset)
{
    uint64_t unit_len = item->len / item->count;
    while (from < to) {
        uint64_t repetition = from / unit_len;
        uint64_t begin = from - repetition * unit_len;
        uint64_t end =
            to - repetition * unit_len < unit_len ? to - repetition * unit_len : unit_len;
        struct piece_note note = {begin, item->repetition + repetition, 0, 0, ALONE_NOT_ASKED};
        transcript_piece(at, item->step, item->due_ns, offset, end - begin, &note);
        offset += end - begin;
        from += end - begin;
    }
}

/* Octets [from, to) of the item have left: usually all of them. */
static void note_item(struct conn *conn, const struct outgoing *outgoing,
                      const struct leaving *item, uint64_t to, uint64_t offset, int64_t now_ns)
{
    struct exchange *exchange = conn->sending;
    struct moment at = conn_moment(conn, exchange, now_ns);
    uint64_t from = outgoing->noted;
    at.began_ns = outgoing->began_ns;
    offset -= offset < conn->sent_before ? offset : conn->sent_before;
    bool cut = exchange->stream && (from > 0 || to < item->len);
    if (exchange->page) {
        const char *page = exchange->page->octets.data + exchange->page->octets.start;
        if (exchange->stream && !exchange->run) {
            transcript_reply(at, offset, bytes_of(page + from, to - from));
        } else {
            transcript_page(at, offset, bytes_of(page + from, to - from));
        }
    } else if (cut) {
        note_parts(at, item, from, to, offset);
    } else if (item->pieces > 0) {
        note_piece(at, exchange, item, offset, to);
    } else if (item->repeats) {
        note_repeats(at, exchange, item, offset, to);
    } else {
        transcript_send(at, item->step, item->due_ns, offset, to);
    }
}

/* `put` more octets have left, in a write that began at `began_ns`. */
static void note_left(struct conn *conn, struct outgoing *outgoing, size_t put, int64_t began_ns,
                      int64_t now_ns)
{
    if (outgoing->left == outgoing->noted) {
        outgoing->began_ns = began_ns;
    }
    conn->sending = outgoing->exchange;
    conn->left_ns = now_ns;
    conn->sent += put;
    outgoing->left += put;
    uint64_t end = conn->sent - (outgoing->left - outgoing->noted);
    while (outgoing->left_count < outgoing->count &&
           outgoing->left >= outgoing->items[outgoing->left_count].len) {
        const struct leaving *item = &outgoing->items[outgoing->left_count++];
        note_item(conn, outgoing, item, item->len, end, now_ns);
        end += item->len - outgoing->noted;
        outgoing->left -= item->len;
        outgoing->noted = 0;
        outgoing->began_ns = began_ns;
    }
}

/* What left of an item so far is noted: other octets come before the rest, or nothing does. Of the
 * connection's octets they were the last ones. */
static void note_rest(struct conn *conn, struct outgoing *outgoing)
{
    if (outgoing->left > outgoing->noted && outgoing->left_count < outgoing->count) {
        conn->sending = outgoing->exchange;
        note_item(conn, outgoing, &outgoing->items[outgoing->left_count], outgoing->left,
                  conn->sent - (outgoing->left - outgoing->noted), conn->left_ns);
        outgoing->noted = outgoing->left;
    }
}

/* How much the protocol lets leave of what has not left: item by item, as frames of two are never
 * one. What was let go before and the socket did not take is not asked about again. */
static void ask_windows(struct conn *conn, struct outgoing *outgoing)
{
    size_t (*leave)(struct protocol *, struct bytes, bool) = conn->protocol->ops->leave;
    struct bytes octets = buf_bytes(&outgoing->octets);
    if (!leave || !outgoing->exchange || outgoing->count == 0) {
        outgoing->allowed = octets.len;
        return;
    }
    const struct exchange *exchange = outgoing->exchange;
    size_t at = outgoing->allowed;
    uint64_t left = outgoing->left + at;
    for (size_t i = outgoing->left_count; i < outgoing->count; i++) {
        const struct leaving *item = &outgoing->items[i];
        if (left >= item->len) {
            left -= item->len;
            continue;
        }
        size_t len = (size_t)(item->len - left);
        bool waits =
            exchange->page || exchange->player.script->steps[item->step].kind != STEP_FRAMES;
        size_t let = leave(conn->protocol, bytes_of(octets.data + at, len), waits);
        at += let;
        left = 0;
        if (let < len) {
            break;
        }
    }
    outgoing->allowed = at;
}

static enum io_status write_allowed(struct conn *conn, struct outgoing *outgoing)
{
    while (outgoing->allowed > 0) {
        size_t put;
        int64_t began_ns = clock_monotonic_ns();
        struct bytes octets = bytes_of(buf_bytes(&outgoing->octets).data, outgoing->allowed);
        enum io_status status = transport_write(&conn->transport, octets.data, octets.len, &put);
        if (status != IO_OK) {
            return status;
        }
        int64_t now_ns = clock_monotonic_ns();
        if (conn->server->options->live && outgoing->count > 0) {
            live_sent(conn, outgoing->exchange, bytes_of(octets.data, put),
                      now_ns - outgoing->items[0].due_ns, now_ns);
        }
        buf_consume(&outgoing->octets, put);
        outgoing->allowed -= put;
        note_left(conn, outgoing, put, began_ns, now_ns);
    }
    return IO_OK;
}

/* The rest goes with the exchange until the client's windows take it. */
static void hold(struct conn *conn, struct outgoing *outgoing, int64_t now_ns)
{
    struct exchange *exchange = outgoing->exchange;
    note_rest(conn, outgoing);
    exchange->held = outgoing;
    conn_note(conn, exchange, conn->left_ns > now_ns ? conn->left_ns : now_ns,
              EVENT_WINDOW_BLOCKED);
}

/* The rest goes with the connection until the socket takes it. */
static void block(struct conn *conn, struct exchange *exchange, int64_t now_ns)
{
    conn->backlog = conn->server->outgoing;
    conn->server->outgoing = xcalloc(1, sizeof *conn->server->outgoing);
    conn_note(conn, exchange, conn->left_ns > now_ns ? conn->left_ns : now_ns, EVENT_BLOCKED);
    conn_watch(conn);
}

enum io_status outgoing_flush(struct conn *conn, struct exchange *exchange, int64_t now_ns)
{
    struct outgoing *outgoing = conn->server->outgoing;
    assert(!conn->backlog && !exchange->held);
    conn->last_sender = exchange;
    outgoing->allowed = 0;
    ask_windows(conn, outgoing);
    enum io_status status = write_allowed(conn, outgoing);
    switch (status) {
    case IO_OK:
        if (buf_len(&outgoing->octets) > 0) {
            conn->server->outgoing = xcalloc(1, sizeof *conn->server->outgoing);
            hold(conn, outgoing, now_ns);
            return IO_AGAIN;
        }
        clear(outgoing);
        break;
    case IO_AGAIN:
        block(conn, exchange, now_ns);
        break;
    case IO_EOF:
    case IO_RESET:
        /* Some of an item may have left before; nobody has been told yet. */
        conn->backlog = outgoing;
        conn->server->outgoing = xcalloc(1, sizeof *conn->server->outgoing);
        outgoing_abandon(conn);
        break;
    }
    return status;
}

bool outgoing_resume(struct conn *conn, struct exchange *exchange, int64_t now_ns)
{
    struct outgoing *outgoing = exchange->held;
    ask_windows(conn, outgoing);
    if (outgoing->allowed == 0) {
        return false;
    }
    exchange->held = NULL;
    conn->backlog = outgoing;
    conn_note(conn, exchange, now_ns, EVENT_WINDOW_OPEN);
    enum io_status status = outgoing_drain(conn, now_ns);
    if (status == IO_RESET || status == IO_EOF) {
        conn_note(conn, NULL, now_ns, EVENT_CLIENT_RST);
        conn_die(conn, now_ns);
    } else if (status == IO_AGAIN) {
        conn_watch(conn);
    }
    return status == IO_OK && !exchange->held;
}

enum io_status outgoing_drain(struct conn *conn, int64_t now_ns)
{
    struct outgoing *outgoing = conn->backlog;
    struct exchange *exchange = outgoing->exchange;
    enum io_status status = write_allowed(conn, outgoing);
    if (status != IO_OK) {
        return status;
    }
    conn->backlog = NULL;
    if (buf_len(&outgoing->octets) > 0) {
        hold(conn, outgoing, now_ns);
        return IO_OK;
    }
    outgoing_free(outgoing);
    if (exchange) {
        player_left(&exchange->player, conn->left_ns);
    }
    return IO_OK;
}

enum io_status outgoing_reply(struct conn *conn, int64_t now_ns)
{
    if (conn->backlog) {
        return IO_AGAIN;
    }
    struct outgoing *outgoing = xcalloc(1, sizeof *outgoing);
    uint64_t offset = conn->sent;
    offset -= offset < conn->sent_before ? offset : conn->sent_before;
    outgoing->octets = conn->replies;
    conn->replies = (struct buf){0};
    outgoing->allowed = buf_len(&outgoing->octets);
    struct buf copy = {0};
    buf_append_bytes(&copy, buf_bytes(&outgoing->octets));
    conn->last_sender = NULL;
    conn->backlog = outgoing;
    enum io_status status = outgoing_drain(conn, now_ns);
    int64_t left_ns = conn->left_ns > now_ns ? conn->left_ns : now_ns;
    struct moment at = conn_moment(conn, NULL, left_ns);
    at.began_ns = now_ns;
    transcript_reply(at, offset, buf_bytes(&copy));
    if (conn->server->options->live) {
        live_sent(conn, NULL, buf_bytes(&copy), 0, left_ns);
    }
    buf_fini(&copy);
    if (status == IO_AGAIN) {
        conn_watch(conn);
    }
    return status;
}

void outgoing_abandon(struct conn *conn)
{
    struct outgoing *outgoing = conn->backlog;
    if (outgoing) {
        note_rest(conn, outgoing);
        conn->backlog = NULL;
        outgoing_free(outgoing);
    }
}

bool outgoing_had_final(const struct exchange *exchange)
{
    struct place place = exchange_place(exchange);
    struct octets reader;
    struct octets_spans spans = {0};
    struct buf octets = {0};
    octets_init(&reader, bytes_of_str(place.is_head      ? "HEAD"
                                      : place.is_connect ? "CONNECT"
                                                         : "GET"));
    for (size_t i = 0; i < place.script->count; i++) {
        const struct step *step = &place.script->steps[i];
        if (step->kind == STEP_RESPOND || step->kind == STEP_SEND || step->kind == STEP_BODY ||
            step->kind == STEP_END_BODY) {
            buf_clear(&octets);
            h1_response_render(&place, i, &octets);
            octets_classify(&reader, buf_bytes(&octets),
                            step->kind == STEP_SEND ? step->u.send.as : OCTETS_AUTO, &spans);
        }
    }
    buf_fini(&octets);
    octets_spans_fini(&spans);
    return octets_is_complete(&reader) || reader.state == OCTETS_UNTIL_CLOSE;
}
