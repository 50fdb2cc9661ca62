/* SPDX-License-Identifier: MIT */
/* What scripts sent, rendered again from the step that sent it, with the class of each octet. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "h1_request.h"
#include "h1_response.h"
#include "h2_response.h"
#include "hpack.h"
#include "player.h"
#include "transcript_writer.h"
#include "xmalloc.h"

enum { CLASSIFIED_OCTETS = 4 * 1024 * 1024 }; /* of the repetitions of one step, at most */

static struct replay *replay_at(struct replay ***replays, size_t *count, size_t index)
{
    if (index >= *count) {
        size_t grown = *count ? *count : 8;
        while (grown <= index) {
            grown *= 2;
        }
        *replays = xreallocarray(*replays, grown, sizeof **replays);
        memset(*replays + *count, 0, (grown - *count) * sizeof **replays);
        *count = grown;
    }
    if (!(*replays)[index]) {
        (*replays)[index] = xcalloc(1, sizeof ***replays);
    }
    return (*replays)[index];
}

struct replay *transcript_replay_of(struct transcript_writer *writer, const struct event *event)
{
    return event->exchange == EXCHANGE_NONE
               ? replay_at(&writer->accepts, &writer->accept_count, event->conn)
               : replay_at(&writer->exchanges, &writer->exchange_count, event->exchange);
}

const int64_t *transcript_params_of(const struct transcript_writer *writer,
                                    const struct event_request *request)
{
    if (!request || !(request->event.flags & EVENT_WITH_PARAMS)) {
        return writer->run->params;
    }
    size_t at = (sizeof *request + request->head_len + 7) & ~(size_t)7;
    return (const int64_t *)(const void *)((const char *)request + at);
}

static uint32_t stream_of(const struct replay *replay)
{
    return replay->request ? replay->request->stream : 0;
}

static struct place place_of(const struct transcript_writer *writer, const struct event *event,
                             const struct replay *replay)
{
    const struct run *run = writer->run;
    const struct event_request *request = replay->request;
    struct place place = {
        .scenario = run->scenario->id,
        .run = run->token,
        .resource = request ? request->resource : "on-connect",
        .params = transcript_params_of(writer, request),
        .script = request ? request->script : &run->scenario->on_connect,
        .stream = request ? request->stream : 0,
        .data_max = request ? request->data_max : 0,
        .exchange = event->exchange == EXCHANGE_NONE ? -1 : (int64_t)event->exchange,
    };
    if (request) {
        struct bytes method, target, version;
        h1_request_line(bytes_of(request->head, request->head_len), &method, &target, &version);
        place.is_head = bytes_equal_str(method, "HEAD");
        place.is_connect = bytes_equal_str(method, "CONNECT");
    }
    return place;
}

static void ms_since_origin(struct transcript_writer *writer, const char *key, int64_t ns)
{
    json_key_ms(&writer->json, key, ns - writer->run->transcript.origin.monotonic_ns);
}

static void write_spans(struct json *json, const struct octets_spans *spans)
{
    json_key_array(json, "spans");
    for (size_t i = 0; i < spans->count; i++) {
        json_array(json);
        json_int(json, (int64_t)spans->items[i].start);
        json_int(json, (int64_t)spans->items[i].end);
        json_text(json, octets_class_name(spans->items[i].class));
        json_end_array(json);
    }
    json_end_array(json);
}

/* Past the caps the octets are left out, and what could be compared with them is told instead. */
static void write_sent(struct transcript_writer *writer, struct bytes octets,
                       const struct octets_spans *spans)
{
    struct json *json = &writer->json;
    if (octets.len <= TRANSCRIPT_EVENT_OCTETS &&
        writer->octets + octets.len <= TRANSCRIPT_RUN_OCTETS) {
        writer->octets += octets.len;
        json_key_octets(json, "bytes", octets);
    } else {
        char hex[DIGEST_HEX_SIZE];
        struct digest content = {0};
        uint64_t content_len = 0;
        digest_sha256_hex(octets, hex);
        json_key_text(json, "sha256", hex);
        for (size_t i = 0; i < spans->count; i++) {
            if (spans->items[i].class == OCTETS_CONTENT) {
                size_t len = spans->items[i].end - spans->items[i].start;
                digest_add(&content, bytes_of(octets.data + spans->items[i].start, len));
                content_len += len;
            }
        }
        if (content_len > 0) {
            digest_hex(&content, hex);
            json_key_int(json, "content_len", (int64_t)content_len);
            json_key_text(json, "content_sha256", hex);
        }
        digest_fini(&content);
    }
    write_spans(json, spans);
}

static void begin_replay(const struct place *place, struct replay *replay)
{
    if (!replay->begun) {
        replay->begun = true;
        replay->streams.stream = place->stream;
        octets_init(&replay->reader, bytes_of_str(place->is_head      ? "HEAD"
                                                  : place->is_connect ? "CONNECT"
                                                                      : "GET"));
    }
}

static struct bytes render(struct transcript_writer *writer, const struct place *place, size_t step)
{
    buf_clear(&writer->unit);
    if (place->stream) {
        h2_response_render(place, step, &writer->unit);
    } else {
        h1_response_render(place, step, &writer->unit);
    }
    return buf_bytes(&writer->unit);
}

/* What decodes the field sections that were sent on a connection. */
static struct hpack_reader *table_of(struct transcript_writer *writer, uint32_t conn)
{
    if (conn >= writer->table_count) {
        size_t count = conn + 8;
        writer->tables = xreallocarray(writer->tables, count, sizeof(struct hpack_reader *));
        memset(writer->tables + writer->table_count, 0,
               (count - writer->table_count) * sizeof(struct hpack_reader *));
        writer->table_count = count;
    }
    if (!writer->tables[conn]) {
        writer->tables[conn] = hpack_reader_new();
    }
    return writer->tables[conn];
}

static enum octet_class class_of(const struct place *place, size_t step)
{
    const struct step *what = &place->script->steps[step];
    return what->kind == STEP_SEND ? what->u.send.as : OCTETS_AUTO;
}

/* The next octets of the exchange: replay->spans and, where there are streams, ->described. */
static void classify(struct transcript_writer *writer, struct replay *replay,
                     const struct event *event, const struct place *place, size_t step,
                     struct bytes unit)
{
    if (place->stream) {
        h2_octets_read(&replay->streams, table_of(writer, event->conn), unit, &replay->described,
                       &replay->spans);
    } else {
        octets_classify(&replay->reader, unit, class_of(place, step), &replay->spans);
    }
}

void transcript_write_send(struct transcript_writer *writer, const struct event *event)
{
    const struct event_send *send = (const struct event_send *)event;
    const struct event_piece *piece =
        event->size >= sizeof *piece ? (const struct event_piece *)event : NULL;
    struct json *json = &writer->json;
    struct replay *replay = transcript_replay_of(writer, event);
    struct place place = place_of(writer, event, replay);
    begin_replay(&place, replay);
    struct bytes unit = render(writer, &place, send->step);
    bool begins = !piece || (piece->pieces > 0 ? piece->piece == 0 : piece->from == 0);
    if (begins) {
        classify(writer, replay, event, &place, send->step, unit);
    }
    if (place.stream) {
        json_key_int(json, "stream", place.stream);
    }
    json_key_int(json, "step", send->step);
    json_key_int(json, "line", place.script->steps[send->step].line);
    if (piece && piece->pieces > 0) {
        json_key_int(json, "piece", piece->piece);
        json_key_int(json, "pieces", piece->pieces);
    } else if (piece) {
        json_key_int(json, "from", (int64_t)piece->from);
    }
    if (piece) {
        json_key_int(json, "repetition", (int64_t)piece->repetition);
    }
    ms_since_origin(writer, "due", send->due_ns);
    ms_since_origin(writer, "began", send->began_ns);
    ms_since_origin(writer, "left", event->t_ns);
    json_key_int(json, "offset", (int64_t)send->offset);
    json_key_int(json, "len", send->len);
    uint64_t from = piece ? piece->from : 0;
    assert(from + send->len <= unit.len);
    octets_slice(&replay->spans, from, from + send->len, &writer->sliced);
    write_sent(writer, bytes_of(unit.data + from, send->len), &writer->sliced);
    if (place.stream) {
        transcript_write_frames(json, &replay->described, unit, from, from + send->len);
    }
    int64_t after = piece ? piece->unread_after : ALONE_NOT_ASKED;
    json_key_text(json, "alone",
                  after == ALONE_NOT_ASKED         ? "n/a"
                  : after == PLAYER_UNREAD_UNKNOWN ? "unknown"
                  : after == 0                     ? "yes"
                                                   : "no");
    if (piece && piece->unread_before >= 0) {
        json_key_int(json, "unread_before", piece->unread_before);
    } else {
        json_key_null(json, "unread_before");
    }
}

static void write_first(struct transcript_writer *writer, const struct event_repeat *repeat)
{
    struct json *json = &writer->json;
    uint32_t written = 0;
    json_key_array(json, "first");
    for (uint32_t i = 0; i < repeat->first_count; i++) {
        for (uint32_t j = 0; j < repeat->first[i].batch && written < TRANSCRIPT_FIRST; j++) {
            int64_t due = repeat->first[i].due_ns - writer->run->transcript.origin.monotonic_ns;
            int64_t left = due + repeat->first[i].late_us * CLOCK_NS_PER_US;
            json_array(json);
            json_ms(json, due);
            json_ms(json, left);
            json_ms(json, left - repeat->first[i].took_us * CLOCK_NS_PER_US);
            json_end_array(json);
            written++;
        }
    }
    json_end_array(json);
}

void transcript_write_repeat(struct transcript_writer *writer, const struct event *event)
{
    const struct event_repeat *repeat = (const struct event_repeat *)event;
    struct json *json = &writer->json;
    struct replay *replay = transcript_replay_of(writer, event);
    struct place place = place_of(writer, event, replay);
    begin_replay(&place, replay);
    struct bytes unit = render(writer, &place, repeat->step);
    classify(writer, replay, event, &place, repeat->step, unit);
    struct octets_spans first = replay->spans;
    struct h2_described described = replay->described;
    replay->spans = (struct octets_spans){0};
    replay->described = (struct h2_described){0};
    for (uint64_t i = 1; i < repeat->times && i * unit.len < CLASSIFIED_OCTETS; i++) {
        classify(writer, replay, event, &place, repeat->step, unit);
    }
    octets_spans_fini(&replay->spans);
    h2_described_fini(&replay->described);
    replay->spans = first;
    replay->described = described;
    if (place.stream) {
        json_key_int(json, "stream", place.stream);
    }
    json_key_int(json, "step", repeat->step);
    json_key_int(json, "line", place.script->steps[repeat->step].line);
    json_key_int(json, "times", (int64_t)repeat->times);
    ms_since_origin(writer, "due", repeat->due_ns);
    ms_since_origin(writer, "began", repeat->began_ns);
    ms_since_origin(writer, "left", event->t_ns);
    ms_since_origin(writer, "first_left", event->t_ns);
    ms_since_origin(writer, "last_began", repeat->last_began_ns);
    ms_since_origin(writer, "last_left", repeat->last_left_ns);
    json_key_ms(json, "worst_late", repeat->worst_late_ns);
    json_key_int(json, "offset", (int64_t)repeat->offset);
    json_key_int(json, "len", (int64_t)repeat->len);
    json_key_int(json, "unit_len", repeat->unit_len);
    write_sent(writer, unit, &replay->spans);
    if (place.stream) {
        transcript_write_frames(json, &replay->described, unit, 0, unit.len);
    }
    write_first(writer, repeat);
    json_key_text(json, "alone", "n/a");
    json_key_null(json, "unread_before");
}

/* Octets that no script made: an answer on a stream, or what the protocol said for itself. */
static void write_framed(struct transcript_writer *writer, const struct event_octets *event,
                         uint32_t stream)
{
    struct bytes octets = bytes_of(event->octets, event->kept);
    struct h2_octets reader = {.stream = stream};
    struct h2_described described = {0};
    struct octets_spans spans = {0};
    h2_octets_read(&reader, table_of(writer, event->event.conn), octets, &described, &spans);
    write_sent(writer, octets, &spans);
    transcript_write_frames(&writer->json, &described, octets, 0, octets.len);
    h2_octets_fini(&reader);
    h2_described_fini(&described);
    octets_spans_fini(&spans);
}

void transcript_write_reply(struct transcript_writer *writer, const struct event *event)
{
    const struct event_octets *reply = (const struct event_octets *)event;
    struct json *json = &writer->json;
    json_key_null(json, "step");
    ms_since_origin(writer, "due", reply->began_ns);
    ms_since_origin(writer, "began", reply->began_ns);
    ms_since_origin(writer, "left", event->t_ns);
    json_key_int(json, "offset", (int64_t)reply->offset);
    json_key_int(json, "len", reply->len);
    if (reply->kept == reply->len) {
        write_framed(writer, reply, 0);
    } else {
        struct octets_span whole = {.end = reply->len, .class = OCTETS_FRAMING};
        write_spans(json, &(struct octets_spans){&whole, 1, 1});
    }
    json_key_text(json, "alone", "n/a");
    json_key_null(json, "unread_before");
}

void transcript_write_page(struct transcript_writer *writer, const struct event *event)
{
    const struct event_octets *page = (const struct event_octets *)event;
    struct json *json = &writer->json;
    struct octets reader;
    struct octets_spans spans = {0};
    json_key_null(json, "step");
    ms_since_origin(writer, "due", page->began_ns);
    ms_since_origin(writer, "began", page->began_ns);
    ms_since_origin(writer, "left", event->t_ns);
    json_key_int(json, "offset", (int64_t)page->offset);
    json_key_int(json, "len", page->len);
    uint32_t stream =
        event->exchange == EXCHANGE_NONE ? 0 : stream_of(transcript_replay_of(writer, event));
    if (stream) {
        json_key_int(json, "stream", stream);
    }
    if (page->kept == page->len && stream) {
        write_framed(writer, page, stream);
    } else if (page->kept == page->len) {
        struct bytes octets = bytes_of(page->octets, page->kept);
        octets_init(&reader, bytes_of_str("GET"));
        octets_classify(&reader, octets, OCTETS_AUTO, &spans);
        write_sent(writer, octets, &spans);
        octets_spans_fini(&spans);
    }
    json_key_text(json, "alone", "n/a");
    json_key_null(json, "unread_before");
}
