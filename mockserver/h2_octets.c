/* SPDX-License-Identifier: MIT */
#include "h2_octets.h"

#include <stdlib.h>

#include "field_list.h"
#include "h2_frame.h"
#include "hpack.h"
#include "xmalloc.h"

void h2_described_fini(struct h2_described *described)
{
    free(described->items);
    buf_fini(&described->fields);
    *described = (struct h2_described){0};
}

void h2_octets_fini(struct h2_octets *octets)
{
    buf_fini(&octets->block);
}

static struct h2_sent_frame *add_frame(struct h2_described *described)
{
    if (described->count == described->cap) {
        described->cap = described->cap ? described->cap * 2 : 8;
        described->items =
            xreallocarray(described->items, described->cap, sizeof *described->items);
    }
    struct h2_sent_frame *frame = &described->items[described->count++];
    *frame = (struct h2_sent_frame){0};
    return frame;
}

/* The octets up to `end` are of this class; `joins`: to the head before, of which they are part. */
static void add_span(struct octets_spans *spans, size_t end, enum octet_class class, int status,
                     bool joins)
{
    struct octets_span *last = spans->count > 0 ? &spans->items[spans->count - 1] : NULL;
    size_t start = last ? last->end : 0;
    if (end == start) {
        return;
    }
    if (last && last->class == class && (class != OCTETS_HEAD || joins)) {
        last->end = end;
        return;
    }
    if (spans->count == spans->cap) {
        spans->cap = spans->cap ? spans->cap * 2 : 8;
        spans->items = xreallocarray(spans->items, spans->cap, sizeof *spans->items);
    }
    spans->items[spans->count++] = (struct octets_span){.start = start,
                                                        .end = end,
                                                        .class = class,
                                                        .status = status,
                                                        .ends_head = class == OCTETS_HEAD};
}

/* ---- field sections ---- */

struct section {
    struct buf *fields;
    int status; /* 0: none that is three digits from 100 up */
    bool has_status;
};

static void on_field(void *user, struct bytes name, struct bytes value)
{
    struct section *section = user;
    field_list_add(section->fields, name, value);
    if (!bytes_equal_str(name, ":status") || section->has_status) {
        return;
    }
    section->has_status = true;
    int status = 0;
    for (size_t i = 0; i < value.len && value.len == 3; i++) {
        bool is_digit = value.data[i] >= '0' && value.data[i] <= '9';
        status = is_digit ? status * 10 + (value.data[i] - '0') : -1000;
    }
    section->status = status >= 100 ? status : 0;
}

/* What the section that has just ended is to the stream. */
static enum octet_class end_section(struct h2_octets *octets, const struct section *section)
{
    enum octet_class class = OCTETS_HEAD;
    if (octets->is_complete || (octets->had_final && section->has_status)) {
        class = OCTETS_SURPLUS;
    } else if (octets->had_final) {
        class = OCTETS_FRAMING;
    } else if (section->status >= 200) {
        octets->had_final = true;
    } else if (section->status >= 100) {
        octets->had_interim = true;
    } else {
        octets->had_odd = true;
    }
    octets->is_complete = octets->is_complete || octets->block_ends_stream;
    return class;
}

/* ---- frames ---- */

struct walk {
    struct h2_octets *octets;
    struct hpack_reader *table;
    struct h2_described *described;
    struct octets_spans *spans;
    size_t first; /* the frame that the block under way began with, in this call */
};

/* The frames from walk->first up to the last one are one field section of the exchange's stream. */
static void span_section(struct walk *walk, enum octet_class class, int status)
{
    for (size_t i = walk->first; i < walk->described->count; i++) {
        const struct h2_sent_frame *frame = &walk->described->items[i];
        add_span(walk->spans, frame->at + frame->len, class, status, i > walk->first);
    }
}

/* What there is of a section that is not complete, or that another frame interrupts, is a head. */
static void leave_section(struct walk *walk)
{
    if (walk->octets->in_block) {
        span_section(walk, OCTETS_HEAD, 0);
        walk->first = walk->described->count;
    }
}

static void read_block(struct walk *walk, const struct h2_frame *frame, size_t end)
{
    struct h2_octets *octets = walk->octets;
    struct h2_described *described = walk->described;
    bool is_own = frame->stream == octets->stream && frame->type != H2_PUSH_PROMISE;
    struct bytes part = frame->payload;
    if (frame->type != H2_CONTINUATION) {
        buf_clear(&octets->block);
        octets->in_block = true;
        octets->block_ends_stream = frame->type == H2_HEADERS && frame->flags & H2_END_STREAM;
        walk->first = described->count - 1;
        if (!h2_frame_content(frame, &part)) {
            part = bytes_of(NULL, 0);
        }
    } else if (!octets->in_block) {
        add_span(walk->spans, end, OCTETS_FRAMING, 0, false);
        walk->first = described->count;
        return;
    }
    buf_append_bytes(&octets->block, part);
    if (!(frame->flags & H2_END_HEADERS)) {
        return; /* its class is known when it ends, or at the end of the call */
    }
    struct section section = {.fields = &described->fields};
    struct h2_sent_frame *first = &described->items[walk->first];
    first->has_fields = true;
    first->fields_at = buf_len(&described->fields);
    first->undecodable =
        !walk->table || !hpack_read(walk->table, buf_bytes(&octets->block), on_field, &section);
    first->fields_len = buf_len(&described->fields) - first->fields_at;
    octets->in_block = false;
    enum octet_class class = is_own ? end_section(octets, &section) : OCTETS_FRAMING;
    span_section(walk, class, section.status);
    walk->first = described->count;
}

static void read_data(struct walk *walk, const struct h2_frame *frame, size_t at)
{
    struct h2_octets *octets = walk->octets;
    size_t end = at + H2_FRAME_HEADER + frame->payload.len;
    struct bytes content;
    if (frame->stream != octets->stream || !h2_frame_content(frame, &content)) {
        add_span(walk->spans, end, OCTETS_FRAMING, 0, false);
        walk->first = walk->described->count;
        return;
    }
    walk->first = walk->described->count;
    enum octet_class class = octets->is_complete                    ? OCTETS_SURPLUS
                             : octets->had_final || octets->had_odd ? OCTETS_CONTENT
                                                                    : OCTETS_INTERIM_CONTENT;
    size_t lead = H2_FRAME_HEADER + (frame->flags & H2_PADDED ? 1 : 0);
    add_span(walk->spans, at + lead, OCTETS_FRAMING, 0, false);
    add_span(walk->spans, at + lead + content.len, class, 0, false);
    add_span(walk->spans, end, OCTETS_FRAMING, 0, false);
    octets->is_complete = octets->is_complete || frame->flags & H2_END_STREAM;
}

static void read_frame(struct walk *walk, const struct h2_frame *frame, size_t at)
{
    size_t end = at + H2_FRAME_HEADER + frame->payload.len;
    if (frame->type != H2_CONTINUATION) {
        leave_section(walk);
    }
    struct h2_sent_frame *described = add_frame(walk->described);
    described->at = at;
    described->len = end - at;
    described->type = frame->type;
    described->flags = frame->flags;
    described->stream = frame->stream;
    described->payload_len = frame->payload.len;
    switch (frame->type) {
    case H2_HEADERS:
    case H2_PUSH_PROMISE:
    case H2_CONTINUATION:
        read_block(walk, frame, end);
        return;
    case H2_DATA:
        read_data(walk, frame, at);
        return;
    case H2_RST_STREAM:
        walk->octets->is_complete =
            walk->octets->is_complete || frame->stream == walk->octets->stream;
        break;
    default:
        break;
    }
    add_span(walk->spans, end, OCTETS_FRAMING, 0, false);
    walk->first = walk->described->count;
}

void h2_octets_read(struct h2_octets *octets, struct hpack_reader *table, struct bytes sent,
                    struct h2_described *described, struct octets_spans *spans)
{
    struct walk walk = {octets, table, described, spans, 0};
    struct h2_frame frame;
    size_t at = 0;
    described->count = 0;
    buf_clear(&described->fields);
    spans->count = 0;
    while (h2_frame_read(bytes_of(sent.data + at, sent.len - at), &frame)) {
        read_frame(&walk, &frame, at);
        at += H2_FRAME_HEADER + frame.payload.len;
    }
    leave_section(&walk);
    if (at < sent.len) {
        struct h2_sent_frame *raw = add_frame(described);
        raw->at = at;
        raw->len = sent.len - at;
        raw->is_raw = true;
        add_span(spans, sent.len, OCTETS_FRAMING, 0, false);
    }
}
