/* SPDX-License-Identifier: MIT */
/* One response head, read octet by octet for the three things that say what follows it: status,
 * Transfer-Encoding, Content-Length. Part of octets.h; it judges nothing. */
#ifndef INTERIMSPEC_OCTETS_HEAD_H
#define INTERIMSPEC_OCTETS_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of "HTTP/1.1 2": enough to know a status line in mid-stream. Of "HTTP/": where one is expected.
 */
enum { OCTETS_START_LEN = 10, OCTETS_MARK_LEN = 5 };

/* Which part of a head is under way. A value lasts until the line after it has begun, as that line
 * may go on with it (obs-fold, RFC 9112 5.2). */
enum octets_part {
    OCTETS_PART_STATUS_LINE,
    OCTETS_PART_NAME,
    OCTETS_PART_OTHER, /* a line nobody asks about */
    OCTETS_PART_LENGTH,
    OCTETS_PART_CODING,
};

struct octets_head {
    enum octets_part part;
    int status;           /* once its line has ended; 0 before that and when malformed */
    bool has_status_line; /* it has ended */
    bool line_has_octets; /* of the line under way, CR not counted */
    bool has_coding;      /* a Transfer-Encoding */
    bool is_chunked;      /* the last coding is chunked */
    bool has_length;      /* a Content-Length */
    bool bad_length;      /* it is no number, or there are several that differ */
    bool has_digits;      /* of the length under way */
    bool number_ended;    /* no further digit belongs to it */
    bool bad_number;
    unsigned char token_len;
    char token[20];  /* the status line's start, or the name or coding under way in lower case */
    uint64_t number; /* the length under way */
    uint64_t length; /* Content-Length */
};

/* A new head, of which the `len` octets at `start` (at most OCTETS_START_LEN, of the status line)
 * have been seen. */
void octets_head_begin(struct octets_head *head, const char *start, size_t len);
/* Reads on; returns how many octets belong to it, and whether the empty line was the last. */
size_t octets_head_read(struct octets_head *head, const char *data, size_t len, bool *ended);

/* Whether `octet` is right at place i (below OCTETS_START_LEN) of "HTTP/1.1 2". */
bool octets_fits_start(char octet, size_t i);
/* The status of a line like "HTTP/1.1 102 Processing", without its end; 0 when malformed. */
int octets_status(const char *line, size_t len);

#endif
