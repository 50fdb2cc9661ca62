/* SPDX-License-Identifier: MIT */
/* Frames of HTTP/2 as JSON, those that were received and those that were sent. */
#include <stdio.h>

#include "field_list.h"
#include "h2_frame.h"
#include "transcript_writer.h"

static void write_type(struct json *json, uint8_t type)
{
    char number[16];
    const char *name = h2_type_name(type);
    snprintf(number, sizeof number, "0x%02x", type);
    json_key_text(json, "type", name ? name : number);
}

static void write_flags(struct json *json, uint8_t type, uint8_t flags)
{
    json_key_array(json, "flags");
    for (unsigned bit = 1; bit <= 0x80; bit <<= 1) {
        if (flags & bit) {
            char number[16];
            const char *name = h2_flag_name(type, (uint8_t)bit);
            snprintf(number, sizeof number, "0x%02x", bit);
            json_text(json, name ? name : number);
        }
    }
    json_end_array(json);
}

void transcript_write_error_code(struct json *json, uint32_t error)
{
    char number[16];
    const char *name = h2_error_name(error);
    snprintf(number, sizeof number, "0x%x", error);
    json_key_text(json, "error", name ? name : number);
}

static void write_fields(struct json *json, struct bytes list, bool undecodable)
{
    struct bytes name, value;
    if (undecodable) {
        json_key_bool(json, "undecodable", true);
    }
    json_key_array(json, "fields");
    while (field_list_next(&list, &name, &value)) {
        json_array(json);
        json_octets(json, name);
        json_octets(json, value);
        json_end_array(json);
    }
    json_end_array(json);
}

static void write_settings(struct json *json, struct bytes payload)
{
    json_key_array(json, "settings");
    for (size_t at = 0; at + 6 <= payload.len; at += 6) {
        char number[16];
        uint16_t id =
            (uint16_t)((unsigned char)payload.data[at] << 8 | (unsigned char)payload.data[at + 1]);
        const char *name = h2_setting_name(id);
        snprintf(number, sizeof number, "0x%x", id);
        json_array(json);
        json_text(json, name ? name : number);
        json_int(json, h2_read_u32(payload, at + 2));
        json_end_array(json);
    }
    json_end_array(json);
}

/* What the payload says, as far as it is there. */
static void write_payload(struct json *json, uint8_t type, uint8_t flags, struct bytes payload)
{
    size_t pad = flags & H2_PADDED ? 1 : 0;
    switch (type) {
    case H2_RST_STREAM:
        if (payload.len >= 4) {
            transcript_write_error_code(json, h2_read_u32(payload, 0));
        }
        return;
    case H2_GOAWAY:
        if (payload.len >= 8) {
            json_key_int(json, "last_stream", h2_read_u32(payload, 0) & 0x7fffffff);
            transcript_write_error_code(json, h2_read_u32(payload, 4));
            json_key_octets(json, "debug", bytes_of(payload.data + 8, payload.len - 8));
        }
        return;
    case H2_WINDOW_UPDATE:
        if (payload.len >= 4) {
            json_key_int(json, "increment", h2_read_u32(payload, 0) & 0x7fffffff);
        }
        return;
    case H2_PUSH_PROMISE:
        if (payload.len >= pad + 4) {
            json_key_int(json, "promised", h2_read_u32(payload, pad) & 0x7fffffff);
        }
        return;
    case H2_SETTINGS:
        write_settings(json, payload);
        return;
    case H2_PING:
        json_key_octets(json, "opaque", payload);
        return;
    default:
        return;
    }
}

/* Padding is told by its first octet. */
static void write_data_len(struct json *json, uint8_t flags, struct bytes start, size_t len)
{
    size_t pad = 0;
    if (flags & H2_PADDED && start.len > 0) {
        pad = 1 + (size_t)(unsigned char)start.data[0];
    }
    json_key_int(json, "data_len", (int64_t)(pad < len ? len - pad : 0));
}

void transcript_write_frame(struct transcript_writer *writer, const struct event *event)
{
    const struct event_frame *frame = (const struct event_frame *)event;
    struct json *json = &writer->json;
    struct bytes payload = bytes_of(frame->octets, frame->kept);
    write_type(json, frame->type);
    json_key_int(json, "stream", frame->stream);
    write_flags(json, frame->type, frame->flags);
    json_key_int(json, "len", frame->len);
    json_key_int(json, "offset", (int64_t)frame->offset);
    if (frame->type == H2_DATA) {
        write_data_len(json, frame->flags, payload, frame->len);
    } else {
        write_payload(json, frame->type, frame->flags, payload);
    }
    if (frame->has_fields || frame->undecodable) {
        write_fields(json, bytes_of(frame->octets + frame->kept, frame->fields_len),
                     frame->undecodable);
    }
}

static void write_sent_frame(struct json *json, const struct h2_described *described,
                             const struct h2_sent_frame *frame, struct bytes unit, size_t from)
{
    struct bytes payload =
        bytes_of(unit.data + frame->at + frame->len - frame->payload_len, frame->payload_len);
    json_object(json);
    json_key_int(json, "at", (int64_t)(frame->at - from));
    if (frame->is_raw) {
        json_key_text(json, "type", "raw");
        json_key_int(json, "len", (int64_t)frame->len);
        json_end_object(json);
        return;
    }
    write_type(json, frame->type);
    json_key_int(json, "stream", frame->stream);
    write_flags(json, frame->type, frame->flags);
    json_key_int(json, "len", (int64_t)payload.len);
    if (frame->type == H2_DATA) {
        write_data_len(json, frame->flags, payload, payload.len);
    } else {
        write_payload(json, frame->type, frame->flags, payload);
    }
    if (frame->has_fields) {
        struct bytes all = buf_bytes(&described->fields);
        write_fields(json,
                     frame->fields_len ? bytes_of(all.data + frame->fields_at, frame->fields_len)
                                       : bytes_of(NULL, 0),
                     frame->undecodable);
    }
    json_end_object(json);
}

void transcript_write_frames(struct json *json, const struct h2_described *described,
                             struct bytes unit, size_t from, size_t to)
{
    json_key_array(json, "frames");
    for (size_t i = 0; i < described->count; i++) {
        if (described->items[i].at >= from && described->items[i].at < to) {
            write_sent_frame(json, described, &described->items[i], unit, from);
        }
    }
    json_end_array(json);
}
