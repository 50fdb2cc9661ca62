/* SPDX-License-Identifier: MIT */
#include "h2_frames.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "content.h"
#include "h2_frame.h"
#include "hpack.h"

static uint32_t stream_of(const struct place *place, const struct frame *frame)
{
    switch (frame->stream_is) {
    case FRAME_STREAM_THIS:
        return place->stream;
    case FRAME_STREAM_NUMBER:
        return frame->stream;
    }
    assert(!"a stream that is none");
    return 0;
}

/* Where the part of the block that begins at `from` ends. */
static size_t part_end(const struct frame *frame, size_t from, size_t len)
{
    size_t end = len;
    for (size_t i = 0; i < frame->split_count; i++) {
        size_t at = (size_t)frame->split[i];
        if (at > from && at < end) {
            end = at;
        }
    }
    return end - from > H2_FRAME_MAX ? from + H2_FRAME_MAX : end;
}

/* Padding: its length, and behind the payload so many zeros (RFC 9113 6.1). */
static void write_padded(struct buf *out, const struct frame *frame, uint8_t type, uint8_t flags,
                         uint32_t stream, struct bytes before, struct bytes payload)
{
    bool padded = frame->pad >= 0;
    size_t pad = padded ? (size_t)frame->pad : 0;
    flags = (uint8_t)(flags | (padded ? H2_PADDED : 0));
    h2_frame_write_header(out, before.len + payload.len + (padded ? 1 + pad : 0), type, flags,
                          stream);
    if (padded) {
        char octet = (char)frame->pad;
        buf_append(out, &octet, 1);
    }
    buf_append_bytes(out, before);
    buf_append_bytes(out, payload);
    if (pad > 0) {
        memset(buf_reserve(out, pad), 0, pad);
        buf_added(out, pad);
    }
}

static void write_block(struct buf *out, const struct frame *frame, uint8_t type, uint8_t flags,
                        uint32_t stream, struct bytes before, struct bytes block)
{
    size_t from = 0;
    do {
        size_t end = part_end(frame, from, block.len);
        struct bytes part = bytes_of(block.data + from, end - from);
        bool is_last = end == block.len;
        uint8_t last = is_last && !frame->unfinished ? H2_END_HEADERS : 0;
        if (from == 0) {
            write_padded(out, frame, type, flags | last, stream, before, part);
        } else {
            h2_frame_write(out, H2_CONTINUATION, last, stream, part);
        }
        from = end;
    } while (from < block.len);
}

void h2_frames_write_block(struct buf *out, uint8_t type, uint8_t flags, uint32_t stream,
                           struct bytes block)
{
    static const struct frame plain = {.pad = -1};
    write_block(out, &plain, type, flags, stream, bytes_of(NULL, 0), block);
}

static void make_block(const struct place *place, const struct frame *frame, struct buf *block)
{
    if (frame->has_status) {
        char text[24];
        int len =
            snprintf(text, sizeof text, "%03" PRId64, int_value_of(frame->status, place->params));
        hpack_write(block, bytes_of_str(":status"), bytes_of(text, (size_t)len));
    }
    for (size_t i = 0; i < frame->field_count; i++) {
        const struct frame_field *field = &frame->fields[i];
        if (field->indexed > 0) {
            hpack_write_indexed(block, (uint64_t)field->indexed);
            continue;
        }
        int64_t pad = int_value_of(field->pad, place->params);
        if (pad > 0 || field->adds) {
            hpack_write_long(block, field->name, field->value, pad > 0 ? (size_t)pad : 0,
                             field->adds);
        } else {
            hpack_write(block, field->name, field->value);
        }
    }
}

static void render_fields(const struct place *place, const struct frame *frame, struct buf *out)
{
    struct buf block = {0};
    struct buf promised = {0};
    bool is_push = frame->kind == FRAME_PUSH_PROMISE;
    make_block(place, frame, &block);
    if (is_push) {
        h2_write_u32(&promised, frame->number);
    }
    write_block(out, frame, is_push ? H2_PUSH_PROMISE : H2_HEADERS,
                frame->end_stream ? H2_END_STREAM : 0, stream_of(place, frame),
                buf_bytes(&promised), buf_bytes(&block));
    buf_fini(&promised);
    buf_fini(&block);
}

static void render_data(const struct place *place, const struct frame *frame, struct buf *out)
{
    struct buf own = {0};
    if (frame->is_own) {
        content_own(place, &own);
    }
    write_padded(out, frame, H2_DATA, frame->end_stream ? H2_END_STREAM : 0,
                 stream_of(place, frame), bytes_of(NULL, 0),
                 frame->is_own ? buf_bytes(&own) : frame->octets);
    buf_fini(&own);
}

static void render_goaway(const struct place *place, const struct frame *frame, struct buf *out)
{
    h2_frame_write_header(out, 8 + frame->octets.len, H2_GOAWAY, 0, stream_of(place, frame));
    h2_write_u32(out, frame->last_is_this ? place->stream : frame->number);
    h2_write_u32(out, frame->code);
    buf_append_bytes(out, frame->octets);
}

static void render_settings(const struct place *place, const struct frame *frame, struct buf *out)
{
    h2_frame_write_header(out, 6 * frame->setting_count, H2_SETTINGS, 0, stream_of(place, frame));
    for (size_t i = 0; i < frame->setting_count; i++) {
        h2_write_u16(out, frame->settings[i].id);
        h2_write_u32(out, frame->settings[i].value);
    }
}

static void render_frame(const struct place *place, const struct frame *frame, struct buf *out)
{
    uint32_t stream = stream_of(place, frame);
    switch (frame->kind) {
    case FRAME_HEADERS:
    case FRAME_PUSH_PROMISE:
        render_fields(place, frame, out);
        return;
    case FRAME_DATA:
        render_data(place, frame, out);
        return;
    case FRAME_RST_STREAM:
        h2_frame_write_header(out, 4, H2_RST_STREAM, 0, stream);
        h2_write_u32(out, frame->code);
        return;
    case FRAME_GOAWAY:
        render_goaway(place, frame, out);
        return;
    case FRAME_PING:
        h2_frame_write(out, H2_PING, 0, stream, frame->octets);
        return;
    case FRAME_WINDOW_UPDATE:
        h2_frame_write_header(out, 4, H2_WINDOW_UPDATE, 0, stream);
        h2_write_u32(out, frame->number);
        return;
    case FRAME_SETTINGS:
        render_settings(place, frame, out);
        return;
    case FRAME_UNKNOWN:
        h2_frame_write(out, (uint8_t)frame->number, frame->flags, stream, frame->octets);
        return;
    case FRAME_RAW:
        buf_append_bytes(out, frame->octets);
        return;
    }
    assert(!"a frame that is none");
}

void h2_frames_render(const struct place *place, const struct frames_step *frames, struct buf *out)
{
    for (size_t i = 0; i < frames->count; i++) {
        render_frame(place, &frames->items[i], out);
    }
}
