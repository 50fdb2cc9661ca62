/* SPDX-License-Identifier: MIT */
#include "transcript_json.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "h1_request.h"
#include "host.h"
#include "hpack.h"
#include "transcript_writer.h"
#include "xmalloc.h"

static const char *const names[] = {
    [EVENT_ACCEPT] = "accept",
    [EVENT_RECEIVED] = "received",
    [EVENT_REQUEST] = "request",
    [EVENT_REQUEST_END] = "request-end",
    [EVENT_TURN] = "turn",
    [EVENT_SEND] = "send",
    [EVENT_REPEAT] = "send",
    [EVENT_PAGE] = "send",
    [EVENT_SCRIPT_END] = "script-end",
    [EVENT_STALL] = "stall",
    [EVENT_RELEASE] = "release",
    [EVENT_READING_OFF] = "reading-off",
    [EVENT_READING_ON] = "reading-on",
    [EVENT_CLIENT_FIN] = "client-fin",
    [EVENT_CLIENT_RST] = "client-rst",
    [EVENT_CLOSE_FIN] = "close",
    [EVENT_CLOSE_ABRUPT] = "close",
    [EVENT_CLOSE_RST] = "close",
    [EVENT_WAIT_LIMIT] = "wait-limit",
    [EVENT_HTTP10] = "http10",
    [EVENT_BAD_REQUEST] = "bad-request",
    [EVENT_TLS_HELLO] = "tls-hello",
    [EVENT_TLS] = "tls",
    [EVENT_TLS_FAILED] = "tls-failed",
    [EVENT_UPGRADE_IGNORED] = "upgrade-ignored",
    [EVENT_TUNNEL] = "tunnel",
    [EVENT_MIXED_RUNS] = "mixed-runs",
    [EVENT_BLOCKED] = "blocked",
    [EVENT_DRAINED] = "drained",
    [EVENT_FRAME] = "frame",
    [EVENT_REPLY] = "send",
    [EVENT_CLIENT_RESET] = "client-reset",
    [EVENT_PROTOCOL_ERROR] = "protocol-error",
    [EVENT_WINDOW_BLOCKED] = "window-blocked",
    [EVENT_WINDOW_OPEN] = "window-open",
};

const char *transcript_json_name(enum event_kind kind)
{
    return names[kind];
}

struct transcript_writer *transcript_writer_new(struct run *run, bool complete, double pace)
{
    struct transcript_writer *writer = xcalloc(1, sizeof *writer);
    writer->run = run_ref(run);
    writer->pace = pace;
    writer->dropped = run->transcript.dropped;
    writer->complete = complete && writer->dropped == 0 && !run->transcript.off;
    struct transcript_cursor cursor = {0};
    while (transcript_next(&run->transcript, &cursor)) {
        writer->events_left++;
    }
    return writer;
}

static void free_replays(struct replay **replays, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (replays[i]) {
            octets_spans_fini(&replays[i]->spans);
            h2_described_fini(&replays[i]->described);
            h2_octets_fini(&replays[i]->streams);
            free(replays[i]);
        }
    }
    free(replays);
}

void transcript_writer_free(struct transcript_writer *writer)
{
    if (!writer) {
        return;
    }
    free_replays(writer->exchanges, writer->exchange_count);
    free_replays(writer->accepts, writer->accept_count);
    for (size_t i = 0; i < writer->table_count; i++) {
        hpack_reader_free(writer->tables[i]);
    }
    free(writer->tables);
    octets_spans_fini(&writer->sliced);
    buf_fini(&writer->unit);
    run_unref(writer->run);
    free(writer);
}

/* ---- members ---- */

static void begin_event(struct transcript_writer *writer, const struct event *event,
                        const char *name)
{
    struct json *json = &writer->json;
    json_object(json);
    json_key_ms(json, "t", event->t_ns - writer->run->transcript.origin.monotonic_ns);
    json_key_int(json, "conn", event->conn);
    if (event->exchange != EXCHANGE_NONE) {
        json_key_int(json, "exchange", event->exchange);
    }
    json_key_text(json, "event", name);
}

/* ---- events ---- */

static void write_accept(struct transcript_writer *writer, const struct event *event)
{
    const struct event_accept *accept = (const struct event_accept *)event;
    char host[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN + 16];
    bool is_v6 = event->flags & EVENT_IS_V6;
    inet_ntop(is_v6 ? AF_INET6 : AF_INET, accept->address, host, sizeof host);
    snprintf(peer, sizeof peer, is_v6 ? "[%s]:%u" : "%s:%u", host, event->port);
    json_key_text(&writer->json, "peer", peer);
}

static void write_received(struct transcript_writer *writer, const struct event *event)
{
    const struct event_octets *received = (const struct event_octets *)event;
    json_key_int(&writer->json, "offset", (int64_t)received->offset);
    json_key_int(&writer->json, "len", received->len);
    if (received->kept == received->len) {
        json_key_octets(&writer->json, "bytes", bytes_of(received->octets, received->len));
    }
}

static void write_fields(struct json *json, struct bytes head)
{
    const char *at = NULL;
    struct bytes name, value;
    json_key_array(json, "fields");
    while (h1_request_next_field(head, &at, &name, &value)) {
        json_array(json);
        json_octets(json, name);
        json_octets(json, value);
        json_end_array(json);
    }
    json_end_array(json);
}

static void write_request(struct transcript_writer *writer, const struct event *event)
{
    const struct event_request *request = (const struct event_request *)event;
    struct json *json = &writer->json;
    struct bytes head = bytes_of(request->head, request->head_len);
    struct bytes method, target, version;
    h1_request_line(head, &method, &target, &version);
    if (request->stream) {
        json_key_int(json, "stream", request->stream);
    }
    json_key_text(json, "resource", request->resource);
    json_key_int(json, "visit", request->visit);
    json_key_octets(json, "method", method);
    json_key_octets(json, "target", target);
    json_key_octets(json, "version", version);
    write_fields(json, head);
    json_key_bool(json, "queued", event->flags & EVENT_QUEUED);
    json_key_bool(json, "first_on_connection", event->flags & EVENT_FIRST_ON_CONNECTION);
    json_key_int(json, "offset", (int64_t)request->offset);
    json_key_int(json, "head_len", (int64_t)request->len);
    if (event->flags & EVENT_WITH_PARAMS) {
        const struct scenario *scenario = writer->run->scenario;
        json_key_object(json, "params");
        for (size_t i = 0; i < scenario->param_count; i++) {
            json_key_int(json, scenario->params[i].name, transcript_params_of(writer, request)[i]);
        }
        json_end_object(json);
    }
    if (request->script || request->stream || event->exchange == EXCHANGE_NONE) {
        struct replay *replay = transcript_replay_of(writer, event);
        replay->request = request;
    }
}

static void write_request_end(struct transcript_writer *writer, const struct event *event)
{
    const struct event_request_end *end = (const struct event_request_end *)event;
    struct json *json = &writer->json;
    struct bytes body = bytes_of(end->octets, end->kept);
    char hex[DIGEST_HEX_SIZE];
    json_key_int(json, "body_len", (int64_t)end->len);
    if (end->len == 0) {
        json_key_null(json, "body_sha256");
    } else if (end->sha256[0]) {
        json_key_text(json, "body_sha256", end->sha256);
    } else {
        digest_sha256_hex(body, hex);
        json_key_text(json, "body_sha256", hex);
    }
    if (end->kept == end->len) {
        json_key_octets(json, "body", body);
    }
}

static void write_text(struct transcript_writer *writer, const struct event *event)
{
    const struct event_text *text = (const struct event_text *)event;
    json_key_text(&writer->json, "reason", text->reason);
    if (text->status) {
        json_key_int(&writer->json, "status", text->status);
    }
    if (text->len > 0) {
        json_key_octets(&writer->json, "method", bytes_of(text->method, text->len));
    }
}

static void write_stream_error(struct transcript_writer *writer, const struct event *event)
{
    const struct event_stream_error *error = (const struct event_stream_error *)event;
    json_key_int(&writer->json, "stream", error->stream);
    transcript_write_error_code(&writer->json, error->error);
    if (error->reason) {
        json_key_text(&writer->json, "reason", error->reason);
    }
}

static void write_octets_or_null(struct json *json, const char *key, struct bytes octets)
{
    if (octets.len > 0) {
        json_key_octets(json, key, octets);
    } else {
        json_key_null(json, key);
    }
}

static void write_tls(struct transcript_writer *writer, const struct event *event)
{
    const struct event_tls *tls = (const struct event_tls *)event;
    struct json *json = &writer->json;
    json_key_text(json, "version", tls->version);
    json_key_text(json, "cipher", tls->cipher);
    write_octets_or_null(json, "alpn", bytes_of(tls->text, tls->alpn_len));
    write_octets_or_null(json, "server_name",
                         bytes_of(tls->text + tls->alpn_len, tls->server_name_len));
    json_key_bool(json, "resumed", tls->resumed);
}

static void write_tls_failed(struct transcript_writer *writer, const struct event *event)
{
    const struct event_tls_failed *failed = (const struct event_tls_failed *)event;
    json_key_text(&writer->json, "reason", failed->reason);
    json_key_text(&writer->json, "alert", failed->alert);
    if (failed->alert) {
        json_key_text(&writer->json, "by", failed->by_client ? "client" : "server");
    }
}

static void write_wait_limit(struct transcript_writer *writer, const struct event *event)
{
    json_key_int(&writer->json, "step", ((const struct event_step *)event)->step);
}

static void write_close(struct transcript_writer *writer, const struct event *event)
{
    json_key_text(&writer->json, "by", "server");
    json_key_text(&writer->json, "how",
                  event->kind == EVENT_CLOSE_FIN      ? "fin"
                  : event->kind == EVENT_CLOSE_ABRUPT ? "abrupt"
                                                      : "rst");
}

/* What is not listed has nothing but its name. */
static void write_members(struct transcript_writer *writer, const struct event *event)
{
    static void (*const writers[])(struct transcript_writer *, const struct event *) = {
        [EVENT_ACCEPT] = write_accept,
        [EVENT_RECEIVED] = write_received,
        [EVENT_REQUEST] = write_request,
        [EVENT_REQUEST_END] = write_request_end,
        [EVENT_SEND] = transcript_write_send,
        [EVENT_REPEAT] = transcript_write_repeat,
        [EVENT_PAGE] = transcript_write_page,
        [EVENT_CLOSE_FIN] = write_close,
        [EVENT_CLOSE_ABRUPT] = write_close,
        [EVENT_CLOSE_RST] = write_close,
        [EVENT_WAIT_LIMIT] = write_wait_limit,
        [EVENT_BAD_REQUEST] = write_text,
        [EVENT_TLS_HELLO] = write_text,
        [EVENT_TLS] = write_tls,
        [EVENT_TLS_FAILED] = write_tls_failed,
        [EVENT_FRAME] = transcript_write_frame,
        [EVENT_REPLY] = transcript_write_reply,
        [EVENT_CLIENT_RESET] = write_stream_error,
        [EVENT_PROTOCOL_ERROR] = write_stream_error,
    };
    if (event->kind < sizeof writers / sizeof *writers && writers[event->kind]) {
        writers[event->kind](writer, event);
    }
}

static void write_named(struct transcript_writer *writer, const struct event *event,
                        enum event_kind name)
{
    begin_event(writer, event, names[name]);
    json_end_object(&writer->json);
}

/* One record, and the events that it stands for. */
static void write_event(struct transcript_writer *writer, const struct event *event)
{
    struct json *json = &writer->json;
    bool is_request = event->kind == EVENT_REQUEST;
    if (is_request && event->flags & EVENT_WITH_RECEIVED) {
        const struct event_request *request = (const struct event_request *)event;
        struct event at = *event;
        at.exchange = EXCHANGE_NONE;
        begin_event(writer, &at, names[EVENT_RECEIVED]);
        json_key_int(json, "offset", (int64_t)request->offset);
        json_key_int(json, "len", request->head_len);
        json_key_octets(json, "bytes", bytes_of(request->head, request->head_len));
        json_end_object(json);
    }
    begin_event(writer, event, names[event->kind]);
    write_members(writer, event);
    json_end_object(json);
    if (is_request && event->flags & EVENT_WITH_END) {
        begin_event(writer, event, names[EVENT_REQUEST_END]);
        json_key_int(json, "body_len", 0);
        json_key_null(json, "body_sha256");
        json_key_text(json, "body", "");
        json_end_object(json);
    }
    if (is_request && event->flags & EVENT_WITH_TURN) {
        write_named(writer, event, EVENT_TURN);
    }
    if ((event->kind == EVENT_SEND || event->kind == EVENT_PAGE) &&
        event->flags & EVENT_WITH_SCRIPT_END) {
        write_named(writer, event, EVENT_SCRIPT_END);
    }
}

/* ---- the whole ---- */

static void write_head(struct transcript_writer *writer)
{
    const struct run *run = writer->run;
    struct json *json = &writer->json;
    json_object(json);
    json_key_int(json, "v", 1);
    json_key_text(json, "run", run->token);
    json_key_text(json, "scenario", run->scenario->id);
    json_key_text(json, "transport", transport_name(run->transport));
    json_key_object(json, "params");
    for (size_t i = 0; i < run->scenario->param_count; i++) {
        json_key_int(json, run->scenario->params[i].name, run->params[i]);
    }
    json_end_object(json);
    json_key_int(json, "port", run->port);
    json_key_bool(json, "leased", run->lease >= 0);
    json_key_object(json, "clock");
    json_key_ms(json, "realtime_ms", run->transcript.origin.realtime_ns);
    json_key_ms(json, "monotonic_ms", run->transcript.origin.monotonic_ns);
    json_end_object(json);
    json_key(json, "pace");
    json_real(json, writer->pace, 3);
    json_key_bool(json, "complete", writer->complete);
    json_key_int(json, "dropped_events", (int64_t)writer->dropped);
    json_key_int(json, "late_requests", (int64_t)run->late_requests);
    int64_t wait_ns = host_run_queue_wait_ns();
    if (wait_ns < 0 || run->queue_wait_ns < 0) {
        json_key_null(json, "run_queue_wait_ms");
    } else {
        json_key_ms(json, "run_queue_wait_ms", wait_ns - run->queue_wait_ns);
    }
    json_key_ms(json, "worst_late_ms", run->transcript.worst_late_ns);
    json_key_array(json, "events");
}

bool transcript_writer_some(struct transcript_writer *writer, struct buf *out, size_t octets)
{
    size_t before = buf_len(out);
    if (!writer->begun) {
        writer->begun = true;
        json_init(&writer->json, out);
        write_head(writer);
    }
    writer->json.out = out;
    while (writer->events_left > 0) {
        const struct event *event = transcript_next(&writer->run->transcript, &writer->cursor);
        assert(event);
        write_event(writer, event);
        writer->events_left--;
        if (buf_len(out) - before >= octets) {
            return false;
        }
    }
    json_end_array(&writer->json);
    json_end_object(&writer->json);
    return true;
}
