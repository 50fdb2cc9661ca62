/* SPDX-License-Identifier: MIT */
#include "h2_frame.h"

static const char *const types[] = {
    [H2_DATA] = "DATA",
    [H2_HEADERS] = "HEADERS",
    [H2_PRIORITY] = "PRIORITY",
    [H2_RST_STREAM] = "RST_STREAM",
    [H2_SETTINGS] = "SETTINGS",
    [H2_PUSH_PROMISE] = "PUSH_PROMISE",
    [H2_PING] = "PING",
    [H2_GOAWAY] = "GOAWAY",
    [H2_WINDOW_UPDATE] = "WINDOW_UPDATE",
    [H2_CONTINUATION] = "CONTINUATION",
};
static const char *const errors[] = {
    [H2_NO_ERROR] = "NO_ERROR",
    [H2_PROTOCOL_ERROR] = "PROTOCOL_ERROR",
    [H2_INTERNAL_ERROR] = "INTERNAL_ERROR",
    [H2_FLOW_CONTROL_ERROR] = "FLOW_CONTROL_ERROR",
    [H2_SETTINGS_TIMEOUT] = "SETTINGS_TIMEOUT",
    [H2_STREAM_CLOSED] = "STREAM_CLOSED",
    [H2_FRAME_SIZE_ERROR] = "FRAME_SIZE_ERROR",
    [H2_REFUSED_STREAM] = "REFUSED_STREAM",
    [H2_CANCEL] = "CANCEL",
    [H2_COMPRESSION_ERROR] = "COMPRESSION_ERROR",
    [H2_CONNECT_ERROR] = "CONNECT_ERROR",
    [H2_ENHANCE_YOUR_CALM] = "ENHANCE_YOUR_CALM",
    [H2_INADEQUATE_SECURITY] = "INADEQUATE_SECURITY",
    [H2_HTTP_1_1_REQUIRED] = "HTTP_1_1_REQUIRED",
};
static const char *const settings[] = {
    [H2_HEADER_TABLE_SIZE] = "HEADER_TABLE_SIZE",
    [H2_ENABLE_PUSH] = "ENABLE_PUSH",
    [H2_MAX_CONCURRENT_STREAMS] = "MAX_CONCURRENT_STREAMS",
    [H2_INITIAL_WINDOW_SIZE] = "INITIAL_WINDOW_SIZE",
    [H2_MAX_FRAME_SIZE] = "MAX_FRAME_SIZE",
    [H2_MAX_HEADER_LIST_SIZE] = "MAX_HEADER_LIST_SIZE",
    [H2_ENABLE_CONNECT_PROTOCOL] = "ENABLE_CONNECT_PROTOCOL",
};
enum {
    TYPES = sizeof types / sizeof types[0],
    ERRORS = sizeof errors / sizeof errors[0],
    SETTINGS = sizeof settings / sizeof settings[0],
};

const char *h2_type_name(uint8_t type)
{
    return type < TYPES ? types[type] : NULL;
}

const char *h2_error_name(uint32_t error)
{
    return error < ERRORS ? errors[error] : NULL;
}

const char *h2_setting_name(uint16_t setting)
{
    return setting < SETTINGS ? settings[setting] : NULL;
}

const char *h2_flag_name(uint8_t type, uint8_t flag)
{
    bool has_fields = type == H2_HEADERS || type == H2_PUSH_PROMISE || type == H2_CONTINUATION;
    if (flag == H2_END_STREAM && (type == H2_DATA || type == H2_HEADERS)) {
        return "END_STREAM";
    }
    if (flag == H2_ACK && (type == H2_SETTINGS || type == H2_PING)) {
        return "ACK";
    }
    if (flag == H2_END_HEADERS && has_fields) {
        return "END_HEADERS";
    }
    if (flag == H2_PADDED && (type == H2_DATA || type == H2_HEADERS || type == H2_PUSH_PROMISE)) {
        return "PADDED";
    }
    return flag == H2_WITH_PRIORITY && type == H2_HEADERS ? "PRIORITY" : NULL;
}

static int find(struct bytes name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (names[i] && bytes_equal_str(name, names[i])) {
            return i;
        }
    }
    return -1;
}

int h2_error_by_name(struct bytes name)
{
    return find(name, errors, ERRORS);
}

int h2_setting_by_name(struct bytes name)
{
    return find(name, settings, SETTINGS);
}

/* ---- octets ---- */

static uint32_t octet(struct bytes octets, size_t at)
{
    return (unsigned char)octets.data[at];
}

uint32_t h2_read_u32(struct bytes octets, size_t at)
{
    return octet(octets, at) << 24 | octet(octets, at + 1) << 16 | octet(octets, at + 2) << 8 |
           octet(octets, at + 3);
}

size_t h2_frame_announced(struct bytes octets)
{
    return octet(octets, 0) << 16 | octet(octets, 1) << 8 | octet(octets, 2);
}

bool h2_frame_read(struct bytes octets, struct h2_frame *frame)
{
    if (octets.len < H2_FRAME_HEADER) {
        return false;
    }
    size_t len = h2_frame_announced(octets);
    if (octets.len - H2_FRAME_HEADER < len) {
        return false;
    }
    frame->type = (uint8_t)octet(octets, 3);
    frame->flags = (uint8_t)octet(octets, 4);
    frame->stream = h2_read_u32(octets, 5) & 0x7fffffff;
    frame->payload = bytes_of(octets.data + H2_FRAME_HEADER, len);
    return true;
}

bool h2_frame_content(const struct h2_frame *frame, struct bytes *content)
{
    struct bytes rest = frame->payload;
    bool padded = frame->flags & H2_PADDED;
    size_t pad = 0;
    if (padded) {
        if (rest.len == 0) {
            return false;
        }
        pad = octet(rest, 0);
        rest = bytes_of(rest.data + 1, rest.len - 1);
    }
    size_t skip = frame->type == H2_HEADERS && frame->flags & H2_WITH_PRIORITY ? 5
                  : frame->type == H2_PUSH_PROMISE                             ? 4
                                                                               : 0;
    if (rest.len < skip + pad) {
        return false;
    }
    *content = bytes_of(rest.data + skip, rest.len - skip - pad);
    return true;
}

void h2_write_u16(struct buf *out, uint16_t value)
{
    char octets[2] = {(char)(value >> 8), (char)value};
    buf_append(out, octets, sizeof octets);
}

void h2_write_u32(struct buf *out, uint32_t value)
{
    char octets[4] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
    buf_append(out, octets, sizeof octets);
}

void h2_frame_write_header(struct buf *out, size_t len, uint8_t type, uint8_t flags,
                           uint32_t stream)
{
    char octets[H2_FRAME_HEADER] = {
        (char)(len >> 16),    (char)(len >> 8),     (char)len,           (char)type,   (char)flags,
        (char)(stream >> 24), (char)(stream >> 16), (char)(stream >> 8), (char)stream,
    };
    buf_append(out, octets, sizeof octets);
}

void h2_frame_write(struct buf *out, uint8_t type, uint8_t flags, uint32_t stream,
                    struct bytes payload)
{
    h2_frame_write_header(out, payload.len, type, flags, stream);
    buf_append_bytes(out, payload);
}
