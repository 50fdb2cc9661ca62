/* SPDX-License-Identifier: MIT */
#include "transcript.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "xmalloc.h"

enum { SMALLEST_CHUNK = 512, LARGEST_CHUNK = 64 * 1024, ALIGNMENT = 8 };

struct transcript_chunk {
    struct transcript_chunk *next;
    size_t used, cap;
    char data[];
};

void transcript_init(struct transcript *transcript, struct clock_pair origin, bool off)
{
    *transcript = (struct transcript){.origin = origin, .off = off};
}

void transcript_fini(struct transcript *transcript)
{
    struct transcript_cursor cursor = {0};
    const struct event *event;
    while ((event = transcript_next(transcript, &cursor))) {
        if (event->kind == EVENT_REPEAT) {
            free(((const struct event_repeat *)event)->first);
        }
    }
    struct transcript_chunk *next;
    for (struct transcript_chunk *chunk = transcript->first; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    *transcript = (struct transcript){.off = true};
}

static struct transcript_chunk *chunk_for(struct transcript *transcript, size_t size)
{
    struct transcript_chunk *last = transcript->last;
    if (last && last->cap - last->used >= size) {
        return last;
    }
    size_t cap = !last ? SMALLEST_CHUNK : last->cap * 2;
    cap = cap > LARGEST_CHUNK ? LARGEST_CHUNK : cap;
    cap = cap < size ? size : cap;
    struct transcript_chunk *chunk = xmalloc(sizeof *chunk + cap);
    chunk->next = NULL;
    chunk->used = 0;
    chunk->cap = cap;
    if (last) {
        last->next = chunk;
    } else {
        transcript->first = chunk;
    }
    transcript->last = chunk;
    transcript->memory += sizeof *chunk + cap;
    return chunk;
}

/* A new record of `size` octets whose beginning is filled in, the rest not; NULL when it must be
 * dropped. Once one was dropped so are all that follow: they may refer to it. */
static void *append(struct moment at, enum event_kind kind, size_t size)
{
    struct transcript *transcript = at.transcript;
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (transcript->off) {
        return NULL;
    }
    if (transcript->dropped || transcript->memory + size > TRANSCRIPT_MAX_RECORDS) {
        transcript->dropped++;
        transcript->latest = NULL;
        return NULL;
    }
    struct transcript_chunk *chunk = chunk_for(transcript, size);
    struct event *event = (struct event *)(void *)(chunk->data + chunk->used);
    chunk->used += size;
    event->t_ns = at.now_ns;
    event->size = (uint32_t)size;
    event->conn = at.conn;
    event->exchange = at.exchange;
    event->kind = (uint8_t)kind;
    event->flags = 0;
    event->port = 0;
    transcript->latest = event;
    return event;
}

/* How many of `len` octets may still be kept. */
static uint32_t keepable(struct transcript *transcript, size_t len)
{
    if (len > TRANSCRIPT_EVENT_OCTETS || transcript->octets + len > TRANSCRIPT_RUN_OCTETS) {
        return 0;
    }
    transcript->octets += len;
    return (uint32_t)len;
}

/* The last record, if it is of this kind and was written at this moment of the same exchange. */
static struct event *latest(struct moment at, enum event_kind kind)
{
    struct event *event = at.transcript->latest;
    bool same = event && event->kind == kind && event->t_ns == at.now_ns &&
                event->exchange == at.exchange && event->conn == at.conn;
    return same ? event : NULL;
}

void transcript_note(struct moment at, enum event_kind kind)
{
    struct event *event = NULL;
    if (kind == EVENT_TURN && (event = latest(at, EVENT_REQUEST)) &&
        event->flags & EVENT_WITH_END) {
        event->flags |= EVENT_WITH_TURN;
        return;
    }
    if (kind == EVENT_SCRIPT_END &&
        ((event = latest(at, EVENT_SEND)) || (event = latest(at, EVENT_PAGE)))) {
        event->flags |= EVENT_WITH_SCRIPT_END;
        return;
    }
    append(at, kind, sizeof(struct event));
}

void transcript_accept(struct moment at, const uint8_t address[16], bool is_v6, uint16_t port)
{
    struct event_accept *accept = append(at, EVENT_ACCEPT, sizeof *accept);
    if (accept) {
        memcpy(accept->address, address, sizeof accept->address);
        accept->event.port = port;
        accept->event.flags = is_v6 ? EVENT_IS_V6 : 0;
    }
}

static void append_octets(struct moment at, enum event_kind kind, uint64_t offset,
                          struct bytes octets)
{
    if (at.transcript->off) {
        return;
    }
    uint32_t kept = keepable(at.transcript, octets.len);
    struct event_octets *event = append(at, kind, sizeof *event + kept);
    if (event) {
        event->began_ns = at.began_ns;
        event->offset = offset;
        event->len = (uint32_t)octets.len;
        event->kept = kept;
        if (kept > 0) {
            memcpy(event->octets, octets.data, kept);
        }
    }
}

void transcript_received(struct moment at, uint64_t offset, struct bytes octets)
{
    append_octets(at, EVENT_RECEIVED, offset, octets);
}

void transcript_page(struct moment at, uint64_t offset, struct bytes octets)
{
    append_octets(at, EVENT_PAGE, offset, octets);
}

void transcript_reply(struct moment at, uint64_t offset, struct bytes octets)
{
    append_octets(at, EVENT_REPLY, offset, octets);
}

void transcript_frame(struct moment at, const struct frame_note *note)
{
    if (at.transcript->off) {
        return;
    }
    uint32_t kept = keepable(at.transcript, note->payload.len);
    uint32_t fields_len = keepable(at.transcript, note->fields.len);
    struct event_frame *event = append(at, EVENT_FRAME, sizeof *event + kept + fields_len);
    if (!event) {
        return;
    }
    event->offset = note->offset;
    event->stream = note->stream;
    event->len = (uint32_t)note->len;
    event->kept = kept;
    event->fields_len = fields_len;
    event->type = note->type;
    event->flags = note->flags;
    event->undecodable = note->undecodable;
    event->has_fields = note->fields.data != NULL;
    if (kept > 0) {
        memcpy(event->octets, note->payload.data, kept);
    }
    if (fields_len > 0 && event->has_fields) {
        memcpy(event->octets + kept, note->fields.data, fields_len);
    }
}

void transcript_stream_error(struct moment at, enum event_kind kind, uint32_t stream,
                             uint32_t error, const char *reason)
{
    struct event_stream_error *event = append(at, kind, sizeof *event);
    if (event) {
        event->reason = reason;
        event->stream = stream;
        event->error = error;
    }
}

static size_t aligned(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

void transcript_request(struct moment at, const struct request_note *note)
{
    size_t params = note->params ? note->param_count * sizeof(int64_t) : 0;
    struct event_request *event =
        append(at, EVENT_REQUEST, aligned(sizeof *event + note->head.len) + params);
    if (!event) {
        return;
    }
    event->event.flags = note->flags;
    event->script = note->script;
    event->resource = note->resource;
    event->offset = note->offset;
    event->len = note->stream ? note->len : note->head.len;
    event->stream = note->stream;
    event->data_max = note->data_max;
    event->visit = note->visit;
    event->head_len = (uint32_t)note->head.len;
    memcpy(event->head, note->head.data, note->head.len);
    if (params > 0) {
        event->event.flags |= EVENT_WITH_PARAMS;
        memcpy((char *)event + aligned(sizeof *event + note->head.len), note->params, params);
    }
}

void transcript_request_end(struct moment at, uint64_t len, struct bytes octets, const char *sha256)
{
    struct event *request = len == 0 ? latest(at, EVENT_REQUEST) : NULL;
    if (request) {
        request->flags |= EVENT_WITH_END;
        return;
    }
    if (at.transcript->off) {
        return;
    }
    uint32_t kept = sha256 ? 0 : keepable(at.transcript, octets.len);
    struct event_request_end *event = append(at, EVENT_REQUEST_END, sizeof *event + kept);
    if (!event) {
        return;
    }
    event->len = len;
    event->kept = kept;
    event->sha256[0] = '\0';
    if (sha256) {
        memcpy(event->sha256, sha256, DIGEST_HEX_SIZE);
    } else if (kept < len) {
        digest_sha256_hex(octets, event->sha256);
    }
    if (kept > 0) {
        memcpy(event->octets, octets.data, kept);
    }
}

static void note_late(struct transcript *transcript, int64_t late_ns)
{
    if (late_ns > transcript->worst_late_ns) {
        transcript->worst_late_ns = late_ns;
    }
}

static void fill_send(struct moment at, struct event_send *send, size_t step, int64_t due_ns,
                      uint64_t offset, uint64_t len)
{
    send->due_ns = due_ns;
    send->began_ns = at.began_ns;
    send->offset = offset;
    send->len = (uint32_t)len;
    send->step = (uint32_t)step;
}

void transcript_send(struct moment at, size_t step, int64_t due_ns, uint64_t offset, uint64_t len)
{
    struct event_send *send = append(at, EVENT_SEND, sizeof *send);
    note_late(at.transcript, at.now_ns - due_ns);
    if (send) {
        fill_send(at, send, step, due_ns, offset, len);
    }
}

struct event_piece *transcript_piece(struct moment at, size_t step, int64_t due_ns, uint64_t offset,
                                     uint64_t len, const struct piece_note *note)
{
    struct event_piece *piece = append(at, EVENT_SEND, sizeof *piece);
    note_late(at.transcript, at.now_ns - due_ns);
    if (piece) {
        fill_send(at, &piece->send, step, due_ns, offset, len);
        piece->from = note->from;
        piece->repetition = note->repetition;
        piece->piece = note->piece;
        piece->pieces = note->pieces;
        piece->unread_before = note->unread_before;
        piece->unread_after = ALONE_NOT_ASKED;
    }
    return piece;
}

struct event_repeat *transcript_repeat(struct moment at, size_t step, int64_t due_ns,
                                       uint64_t offset, uint64_t unit_len)
{
    struct event_repeat *repeat = append(at, EVENT_REPEAT, sizeof *repeat);
    if (repeat) {
        repeat->due_ns = due_ns;
        repeat->began_ns = at.began_ns;
        repeat->last_began_ns = at.began_ns;
        repeat->last_left_ns = at.now_ns;
        repeat->worst_late_ns = 0;
        repeat->offset = offset;
        repeat->len = 0;
        repeat->times = 0;
        repeat->unit_len = (uint32_t)unit_len;
        repeat->step = (uint32_t)step;
        repeat->first_count = repeat->first_cap = 0;
        repeat->first = NULL;
    }
    return repeat;
}

static uint32_t microseconds(int64_t ns)
{
    int64_t us = ns > 0 ? ns / CLOCK_NS_PER_US : 0;
    return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

void transcript_repeat_add(struct moment at, struct event_repeat *repeat, int64_t due_ns,
                           uint64_t count, uint64_t len)
{
    int64_t late_ns = at.now_ns - due_ns;
    note_late(at.transcript, late_ns);
    repeat->times += count;
    repeat->len += len;
    repeat->last_began_ns = at.began_ns;
    repeat->last_left_ns = at.now_ns;
    repeat->worst_late_ns = late_ns > repeat->worst_late_ns ? late_ns : repeat->worst_late_ns;
    if (repeat->first_count == TRANSCRIPT_FIRST) {
        return;
    }
    if (repeat->first_count == repeat->first_cap) {
        repeat->first_cap = repeat->first_cap ? repeat->first_cap * 2 : 1;
        repeat->first = xreallocarray(repeat->first, repeat->first_cap, sizeof *repeat->first);
    }
    repeat->first[repeat->first_count].due_ns = due_ns;
    repeat->first[repeat->first_count].late_us = microseconds(late_ns);
    repeat->first[repeat->first_count].took_us = microseconds(at.now_ns - at.began_ns);
    repeat->first[repeat->first_count].batch = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
    repeat->first_count++;
}

void transcript_wait_limit(struct moment at, size_t step)
{
    struct event_step *event = append(at, EVENT_WAIT_LIMIT, sizeof *event);
    if (event) {
        event->step = (uint32_t)step;
    }
}

void transcript_bad_request(struct moment at, enum event_kind kind, const char *reason, int status,
                            struct bytes method)
{
    struct event_text *event = append(at, kind, sizeof *event + method.len);
    if (event) {
        event->reason = reason;
        event->status = status;
        event->len = (uint32_t)method.len;
        if (method.len > 0) {
            memcpy(event->method, method.data, method.len);
        }
    }
}

void transcript_tls(struct moment at, const struct tls_facts *facts)
{
    size_t size = sizeof(struct event_tls) + facts->alpn.len + facts->server_name.len;
    struct event_tls *tls = append(at, EVENT_TLS, size);
    if (!tls) {
        return;
    }
    tls->version = facts->version;
    tls->cipher = facts->cipher;
    tls->alpn_len = (uint16_t)facts->alpn.len;
    tls->server_name_len = (uint16_t)facts->server_name.len;
    tls->resumed = facts->resumed;
    if (facts->alpn.len > 0) {
        memcpy(tls->text, facts->alpn.data, facts->alpn.len);
    }
    if (facts->server_name.len > 0) {
        memcpy(tls->text + facts->alpn.len, facts->server_name.data, facts->server_name.len);
    }
}

void transcript_tls_failed(struct moment at, const struct tls_failure *failure)
{
    struct event_tls_failed *failed = append(at, EVENT_TLS_FAILED, sizeof *failed);
    if (failed) {
        failed->reason = failure->reason;
        failed->alert = failure->alert;
        failed->by_client = failure->by_client;
    }
}

void transcript_adopt(struct moment at, const struct transcript *early)
{
    struct transcript_cursor cursor = {0};
    const struct event *event;
    while ((event = transcript_next(early, &cursor))) {
        at.now_ns = event->t_ns;
        assert(event->kind != EVENT_REPEAT); /* which owns what it points to */
        struct event *copy = append(at, (enum event_kind)event->kind, event->size);
        if (copy) {
            memcpy(copy + 1, event + 1, event->size - sizeof *event);
            copy->flags = event->flags;
            copy->port = event->port;
        }
    }
}

const struct event *transcript_next(const struct transcript *transcript,
                                    struct transcript_cursor *cursor)
{
    if (!cursor->chunk) {
        cursor->chunk = transcript->first;
        cursor->at = 0;
    }
    while (cursor->chunk && cursor->at >= cursor->chunk->used) {
        if (!cursor->chunk->next) {
            return NULL;
        }
        cursor->chunk = cursor->chunk->next;
        cursor->at = 0;
    }
    if (!cursor->chunk) {
        return NULL;
    }
    const struct event *event =
        (const struct event *)(const void *)(cursor->chunk->data + cursor->at);
    cursor->at += event->size;
    return event;
}
