/* SPDX-License-Identifier: MIT */
/* What the frames that one exchange sent are: read again from the octets, with the class of each
 * octet as an ideal RFC 9113 reader of the exchange's stream would see it. What octets.h is for
 * HTTP/1.1.
 *
 *   HEADERS :status 102     head            DATA     framing (its header), content
 *   DATA                    interim-content HEADERS  framing (trailers)
 *   HEADERS :status 200     head            PING ..  framing
 *
 * - A field section with :status is a head, with its frame headers and CONTINUATIONs; so is the
 *   first one, if it has none.
 * - What DATA carries is content behind a final head (or one whose status is none) and
 *   interim-content before it.
 * - A section without :status behind the final head is trailers: framing, like every other frame
 *   and padding.
 * - A head behind the final one, and HEADERS and DATA behind END_STREAM or RST_STREAM, are surplus.
 * - Octets that are no whole frame are framing. */
#ifndef INTERIMSPEC_H2_OCTETS_H
#define INTERIMSPEC_H2_OCTETS_H

#include "octets.h"

struct hpack_reader;

struct h2_sent_frame {
    size_t at, len; /* in the octets of the call, its header included */
    uint32_t stream;
    uint8_t type, flags;
    bool is_raw; /* no whole frame: what follows means nothing */
    bool has_fields;
    bool undecodable;
    size_t payload_len;           /* the last so many octets of the frame */
    size_t fields_at, fields_len; /* in h2_described.fields; of the section that begins here */
};

/* All-zero is valid and empty; meant to be kept and used again. */
struct h2_described {
    struct h2_sent_frame *items; /* owned */
    size_t count, cap;
    struct buf fields; /* owned; field_list.h */
};
void h2_described_fini(struct h2_described *described);

/* The reader of one exchange's stream. */
struct h2_octets {
    struct buf block; /* owned; a field block that is not complete */
    uint32_t stream;
    bool in_block;
    bool block_ends_stream;
    bool had_interim, had_final, had_odd;
    bool is_complete;
};
void h2_octets_fini(struct h2_octets *octets);

/* Replaces *described and *spans by those of `sent`, the next octets of the exchange, whole steps.
 * `table` is what decodes all that was sent on the connection, in order; once it fails sections are
 * undecodable. */
void h2_octets_read(struct h2_octets *octets, struct hpack_reader *table, struct bytes sent,
                    struct h2_described *described, struct octets_spans *spans);

#endif
