/* SPDX-License-Identifier: MIT */
/* The seam between a connection and the protocol it speaks: octets in, events out; steps in, octets
 * out. A protocol does no input or output, knows no clock and no script; it is told who listens and
 * calls back from within protocol_receive() only. */
#ifndef INTERIMSPEC_PROTOCOL_H
#define INTERIMSPEC_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "place.h"

/* The header section of a request. All that is borrowed is valid during the callback only. */
struct request_head {
    struct bytes raw;    /* as received, from the method to the empty line */
    struct bytes method; /* part of raw */
    struct bytes target; /* part of raw */
    uint64_t offset;     /* of its first octet in the octets received on this connection */
    int version_major, version_minor;
    bool keep_alive; /* what the client asked for, by version and Connection */
    bool upgrade;    /* it offered another protocol, which is ignored (RFC 9110 7.8) */
};

/* Why a connection's octets cannot be taken for requests any more. */
enum bad_request_kind {
    BAD_REQUEST_MALFORMED,
    BAD_REQUEST_METHOD,     /* well-formed, but nobody knows this method */
    BAD_REQUEST_TOO_LARGE,  /* the head */
    BAD_REQUEST_TLS,        /* a TLS hello on a port that speaks no TLS */
    BAD_REQUEST_H2_PREFACE, /* HTTP/2 with prior knowledge on a port that speaks HTTP/1.1 */
};

struct bad_request {
    enum bad_request_kind kind;
    const char *reason;  /* static */
    struct bytes method; /* BAD_REQUEST_METHOD; valid during the callback only */
};

/* Who listens. `user` comes first in every call. */
struct protocol_listener {
    void (*on_head)(void *user, const struct request_head *head);
    void (*on_body)(void *user, struct bytes content);
    void (*on_request_end)(void *user);
    /* The last event: what is received later is ignored. */
    void (*on_bad_request)(void *user, const struct bad_request *bad);
};

struct protocol;

struct protocol_ops {
    const char *name; /* of the transport, as scenario files say it */
    struct protocol *(*open)(const struct protocol_listener *listener, void *user);
    void (*close)(struct protocol *protocol);
    void (*receive)(struct protocol *protocol, struct bytes octets);
    void (*render)(const struct place *place, size_t step, struct buf *out);
};

/* Every implementation's struct begins with this. */
struct protocol {
    const struct protocol_ops *ops;
};

extern const struct protocol_ops protocol_h1;

static inline void protocol_close(struct protocol *protocol)
{
    protocol->ops->close(protocol);
}
static inline void protocol_receive(struct protocol *protocol, struct bytes octets)
{
    protocol->ops->receive(protocol, octets);
}

#endif
