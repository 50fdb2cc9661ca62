/* SPDX-License-Identifier: MIT */
/* Frames of a client, behind the preface: read whole and octet by octet, the events must be the
 * same. The same octets as if they had been sent: their spans must cover them. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "field_list.h"
#include "h2_frame.h"
#include "h2_octets.h"
#include "h2_session.h"
#include "hpack.h"

enum { MAX_OCTETS = 32 * 1024 }; /* less than the windows: what is given back when differs */

/* What was told, without how content was cut. */
struct told {
    struct buf events; /* owned */
};

static void on_head(void *user, const struct request_head *head)
{
    struct told *told = user;
    buf_printf(&told->events, "head %u %u %llu %llu ", head->stream, head->data_max,
               (unsigned long long)head->offset, (unsigned long long)head->len);
    buf_append_bytes(&told->events, head->raw);
    assert(head->method.len > 0 && head->target.len > 0);
}

static void on_body(void *user, uint32_t stream, struct bytes content)
{
    struct told *told = user;
    buf_printf(&told->events, "body %u ", stream);
    buf_append_bytes(&told->events, content);
}

static void on_request_end(void *user, uint32_t stream)
{
    buf_printf(&((struct told *)user)->events, "end %u ", stream);
}

static void on_frame(void *user, const struct frame_note *frame)
{
    struct told *told = user;
    struct bytes fields = frame->fields, name, value;
    buf_printf(&told->events, "frame %d %d %u %llu ", frame->type, frame->flags, frame->stream,
               (unsigned long long)frame->offset);
    buf_append_bytes(&told->events, frame->payload);
    while (field_list_next(&fields, &name, &value)) {
        buf_append_bytes(&told->events, name);
        buf_append_bytes(&told->events, value);
    }
}

static void on_stream_reset(void *user, uint32_t stream, uint32_t error)
{
    buf_printf(&((struct told *)user)->events, "reset %u %u ", stream, error);
}

static void on_broken_rule(void *user, const struct broken_rule *broken)
{
    buf_printf(&((struct told *)user)->events, "broken %u %u %s ", broken->stream, broken->error,
               broken->reason);
}

static void on_reply(void *user, struct bytes octets)
{
    struct h2_frame frame;
    (void)user;
    assert(h2_frame_read(octets, &frame));
    assert(frame.payload.len + H2_FRAME_HEADER == octets.len);
}

static const struct protocol_listener listener = {
    .on_head = on_head,
    .on_body = on_body,
    .on_request_end = on_request_end,
    .on_frame = on_frame,
    .on_stream_reset = on_stream_reset,
    .on_broken_rule = on_broken_rule,
    .on_reply = on_reply,
};

static const char begin[] = H2_PREFACE "\0\0\0\004\0\0\0\0\0";

static void receive(struct bytes octets, size_t step, struct told *told)
{
    struct h2_session *session = h2_session_new(&listener, told);
    h2_session_begin(session, NULL);
    h2_session_receive(session, bytes_of(begin, sizeof begin - 1));
    for (size_t i = 0; i < octets.len; i += step) {
        size_t len = octets.len - i < step ? octets.len - i : step;
        h2_session_receive(session, bytes_of(octets.data + i, len));
    }
    assert(h2_session_open_streams(session) <= H2_MAX_STREAMS);
    h2_session_free(session);
}

static void read_as_sent(struct bytes octets)
{
    struct h2_octets reader = {.stream = 1};
    struct hpack_reader *table = hpack_reader_new();
    struct h2_described described = {0};
    struct octets_spans spans = {0};
    size_t half = octets.len / 2, at = 0;
    h2_octets_read(&reader, table, bytes_of(octets.data, half), &described, &spans);
    h2_octets_read(&reader, table, bytes_of(octets.data + half, octets.len - half), &described,
                   &spans);
    for (size_t i = 0; i < spans.count; i++) {
        assert(spans.items[i].start == at && spans.items[i].end > at);
        at = spans.items[i].end;
    }
    assert(at == octets.len - half);
    h2_octets_fini(&reader);
    h2_described_fini(&described);
    octets_spans_fini(&spans);
    hpack_reader_free(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes octets = bytes_of((const char *)data, size < MAX_OCTETS ? size : MAX_OCTETS);
    struct told whole = {{0}}, single = {{0}};
    if (octets.len == 0) {
        return 0;
    }
    receive(octets, octets.len, &whole);
    receive(octets, 1, &single);
    assert(bytes_equal(buf_bytes(&whole.events), buf_bytes(&single.events)));
    read_as_sent(octets);
    buf_fini(&whole.events);
    buf_fini(&single.events);
    return 0;
}
