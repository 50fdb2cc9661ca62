/* SPDX-License-Identifier: MIT */
/* HTTP/2 frames as octets (RFC 9113, 4 and 6), and their names for people. Pure.
 *
 *   length 24 | type 8 | flags 8 | stream 32 | payload ...
 */
#ifndef INTERIMSPEC_H2_FRAME_H
#define INTERIMSPEC_H2_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

enum {
    H2_FRAME_HEADER = 9,
    H2_FRAME_MAX = 16384, /* what every peer takes, and what we take */
    H2_DEFAULT_WINDOW = 65535,
};
#define H2_MAX_WINDOW INT64_C(2147483647)

enum h2_type {
    H2_DATA,
    H2_HEADERS,
    H2_PRIORITY,
    H2_RST_STREAM,
    H2_SETTINGS,
    H2_PUSH_PROMISE,
    H2_PING,
    H2_GOAWAY,
    H2_WINDOW_UPDATE,
    H2_CONTINUATION,
};

enum h2_flag {
    H2_END_STREAM = 1,
    H2_ACK = 1,
    H2_END_HEADERS = 4,
    H2_PADDED = 8,
    H2_WITH_PRIORITY = 32,
};

enum h2_error {
    H2_NO_ERROR,
    H2_PROTOCOL_ERROR,
    H2_INTERNAL_ERROR,
    H2_FLOW_CONTROL_ERROR,
    H2_SETTINGS_TIMEOUT,
    H2_STREAM_CLOSED,
    H2_FRAME_SIZE_ERROR,
    H2_REFUSED_STREAM,
    H2_CANCEL,
    H2_COMPRESSION_ERROR,
    H2_CONNECT_ERROR,
    H2_ENHANCE_YOUR_CALM,
    H2_INADEQUATE_SECURITY,
    H2_HTTP_1_1_REQUIRED,
};

enum h2_setting {
    H2_HEADER_TABLE_SIZE = 1,
    H2_ENABLE_PUSH,
    H2_MAX_CONCURRENT_STREAMS,
    H2_INITIAL_WINDOW_SIZE,
    H2_MAX_FRAME_SIZE,
    H2_MAX_HEADER_LIST_SIZE,
    H2_ENABLE_CONNECT_PROTOCOL = 8,
};

struct h2_frame {
    uint32_t stream;
    uint8_t type; /* enum h2_type, or any other */
    uint8_t flags;
    struct bytes payload;
};

/* The frame at the beginning of `octets`; false while it is not complete. The payload is part of
 * them. */
bool h2_frame_read(struct bytes octets, struct h2_frame *frame);
/* What its header announces, of at least H2_FRAME_HEADER octets. */
size_t h2_frame_announced(struct bytes octets);
uint32_t h2_read_u32(struct bytes octets, size_t at);
/* The octets without padding (and PRIORITY fields) of DATA, HEADERS and PUSH_PROMISE; false when
 * the padding leaves no room for them. */
bool h2_frame_content(const struct h2_frame *frame, struct bytes *content);

void h2_frame_write_header(struct buf *out, size_t len, uint8_t type, uint8_t flags,
                           uint32_t stream);
void h2_frame_write(struct buf *out, uint8_t type, uint8_t flags, uint32_t stream,
                    struct bytes payload);
void h2_write_u16(struct buf *out, uint16_t value);
void h2_write_u32(struct buf *out, uint32_t value);

/* NULL where there is no name. */
const char *h2_type_name(uint8_t type);
const char *h2_error_name(uint32_t error);
const char *h2_setting_name(uint16_t setting);
/* Of one bit of a frame's flags. */
const char *h2_flag_name(uint8_t type, uint8_t flag);
/* -1 when there is none of that name. */
int h2_error_by_name(struct bytes name);
int h2_setting_by_name(struct bytes name);

#endif
