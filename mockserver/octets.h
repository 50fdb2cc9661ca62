/* SPDX-License-Identifier: MIT */
/* What each octet we send in one exchange is to an ideal RFC 9112 reader.
 *
 *   HTTP/1.1 102 P\r\n\r\n   head              5\r\n          framing
 *   junk                     interim-content   hello          content
 *   HTTP/1.1 200 OK\r\n      head              \r\n0\r\n\r\n  framing
 *   Transfer-Encoding: ..                      anything       surplus
 *
 * One struct octets per exchange; the calls may cut the stream anywhere. The rules:
 * - The exchange begins with a head, whatever the octets are. A head ends at its empty line (bare
 *   LF is taken for a line's end, RFC 9112 2.2); empty lines before it belong to it.
 * - After a 1xx head comes the next head, and its framing fields mean nothing (RFC 9112 6.3). What
 *   does not begin with "HTTP/" is interim-content, up to the next thing that looks like a status
 *   line, even in mid-line. If the 1xx said chunked and a chunk follows, the chunk's own lines are
 *   framing.
 * - After a final head its content is delimited as RFC 9112 6.3 says (HEAD, 204, 304: none; 2xx to
 *   CONNECT: all that follows; chunked; Content-Length; else all that follows). Where the delimiter
 *   is broken (chunk size, conflicting Content-Length) all that follows is content.
 * - After a head whose status is not three digits from 100 up: the next head if the octets begin
 *   with "HTTP/", else its content, as after a final.
 * - All that follows a complete final is surplus, status lines too.
 *
 * One thing cannot be told without the octets of the next call: whether a call that ends in a
 * prefix of "HTTP/" began a head. Directly after a 1xx head it is taken for one, elsewhere not.
 * So classify a step whole, and cut its spans with octets_slice() where it is sent in pieces. */
#ifndef INTERIMSPEC_OCTETS_H
#define INTERIMSPEC_OCTETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "octets_head.h"
#include "scenario.h"

struct octets_span {
    size_t start, end;      /* offsets into the call's octets: [start, end) */
    enum octet_class class; /* never OCTETS_AUTO */
    /* OCTETS_HEAD only: the status, once its status line has been seen to the end; 0 before that
     * and when it is malformed. */
    int status;
    bool ends_head; /* OCTETS_HEAD only: the empty line is in this span */
};

/* Cover the call's octets from first to last without a gap. Neighbours differ in class, except that
 * every head has a span of its own. All-zero is valid and empty. Meant to be kept and used again:
 * then nothing is allocated. */
struct octets_spans {
    struct octets_span *items; /* owned */
    size_t count, cap;
};
void octets_spans_fini(struct octets_spans *spans);

enum octets_state {
    OCTETS_AT_HEAD,       /* in a head */
    OCTETS_AFTER_INTERIM, /* directly after a 1xx head, or in the mark of the next one */
    OCTETS_IN_INTERIM,    /* in octets after a 1xx head that are no head */
    OCTETS_AFTER_ODD,     /* directly after a head with a malformed status, or in the next mark */
    OCTETS_AT_CHUNK_SIZE, /* in a chunk-size line */
    OCTETS_IN_CHUNK,      /* in chunk data */
    OCTETS_AT_CHUNK_END,  /* in the CRLF after chunk data */
    OCTETS_AT_TRAILERS,   /* after the last chunk */
    OCTETS_IN_LENGTH,     /* in content with a Content-Length */
    OCTETS_UNTIL_CLOSE,   /* in content that only the end of the connection ends */
    OCTETS_COMPLETE,      /* the final response is complete */
};

/* The reader. Nothing in it is owned; copy it to look ahead. Members are octets.c's business. */
struct octets {
    enum octets_state state;
    bool is_head_request;
    bool is_connect;
    bool in_interim;       /* the chunks under way follow a 1xx head */
    bool line_begun;       /* the trailer line under way, or the CRLF after chunk data */
    bool line_has_octets;  /* of the trailer line under way, CR not counted */
    bool size_ended;       /* of the chunk-size line under way: no further digit belongs to it */
    bool has_digits;       /* of the chunk-size line under way */
    unsigned char matched; /* octets of the next status line seen so far, kept in `start` */
    char start[OCTETS_START_LEN];
    uint64_t left; /* of the content or the chunk; in a chunk-size line: the size so far */
    struct octets_head head; /* the one under way, or the last one */
};

/* `method` of the request: HEAD and CONNECT (exactly so) change how the final is read. */
void octets_init(struct octets *octets, struct bytes method);

/* Replaces *spans by those of `sent`, the next octets of the exchange. `as` other than OCTETS_AUTO
 * is the class of all of them: one span, and the reader does not see them, so that the next call
 * goes on as if they had not been sent. (Who overrides a head overrides what depends on it too.) */
void octets_classify(struct octets *octets, struct bytes sent, enum octet_class as,
                     struct octets_spans *spans);
/* *out = the part of *spans in [from, to), relative to `from`; every part of a head keeps its
 * status. */
void octets_slice(const struct octets_spans *spans, size_t from, size_t to,
                  struct octets_spans *out);

/* The final response of the exchange has been sent to its end; never true of one that only the end
 * of the connection ends. */
bool octets_is_complete(const struct octets *octets);
/* "head", "interim-content", "framing", "content", "surplus". */
const char *octets_class_name(enum octet_class class);

#endif
