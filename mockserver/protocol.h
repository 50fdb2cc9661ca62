/* SPDX-License-Identifier: MIT */
/* The seam between a connection and the protocol it speaks: octets in, events out; steps in, octets
 * out. A protocol does no input or output, knows no clock and no script; it is told who listens and
 * calls back from within protocol_receive() only. */
#ifndef INTERIMSPEC_PROTOCOL_H
#define INTERIMSPEC_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "place.h"
#include "scenario.h"

/* The header section of a request. All that is borrowed is valid during the callback only. */
struct request_head {
    struct bytes raw;    /* as received, from the method to the empty line */
    struct bytes method; /* part of raw */
    struct bytes target; /* part of raw */
    uint64_t offset;     /* of its first octet in the octets received on this connection */
    uint64_t len;        /* of the octets it came in, from there on; where there are streams */
    uint32_t stream;     /* on a connection with streams, else 0 */
    uint32_t data_max;   /* octets of content that one frame of the answer may have */
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
    BAD_REQUEST_PLAIN_TEXT, /* anything but TLS on a port that speaks TLS */
};

struct bad_request {
    enum bad_request_kind kind;
    const char *reason;  /* static */
    struct bytes method; /* BAD_REQUEST_METHOD; valid during the callback only */
};

/* A frame that has been received, on a protocol that has frames. */
struct frame_note {
    uint64_t offset;      /* of its first octet in the octets received on this connection */
    uint64_t len;         /* of its payload */
    struct bytes payload; /* as far as it is worth keeping */
    struct bytes fields;  /* the field section that ends here: field_list.h; data NULL: none */
    uint32_t stream;
    uint8_t type, flags;
    bool undecodable; /* the field section */
};

/* The client broke a rule of the framing. */
struct broken_rule {
    const char *reason; /* static */
    uint32_t stream;    /* that ends with it; 0: the connection */
    uint32_t error;     /* the code that the client is told */
};

/* Who listens. `user` comes first in every call. `stream` is 0 where the protocol has none. */
struct protocol_listener {
    void (*on_head)(void *user, const struct request_head *head);
    void (*on_body)(void *user, uint32_t stream, struct bytes content);
    void (*on_request_end)(void *user, uint32_t stream);
    /* The last event: what is received later is ignored. */
    void (*on_bad_request)(void *user, const struct bad_request *bad);
    /* The remaining ones come from protocols with streams only. */
    void (*on_frame)(void *user, const struct frame_note *frame);
    /* The client has reset the stream: nothing may be sent on it any more. */
    void (*on_stream_reset)(void *user, uint32_t stream, uint32_t error);
    void (*on_broken_rule)(void *user, const struct broken_rule *broken);
    /* What the protocol has to say for itself, between two frames of the scripts. */
    void (*on_reply)(void *user, struct bytes octets);
};

struct protocol;

struct protocol_ops {
    const char *name;
    bool has_streams; /* exchanges play side by side */
    struct protocol *(*open)(const struct protocol_listener *listener, void *user);
    void (*close)(struct protocol *protocol);
    /* Says what is to be said before anything is received; NULL: nothing. `settings` may be NULL.
     */
    void (*begin)(struct protocol *protocol, const struct h2_settings *settings);
    void (*receive)(struct protocol *protocol, struct bytes octets);
    /* How many of these octets, whole frames of one exchange in order, may leave now: those are
     * counted as sent. Unless `waits`, all of them may. NULL: always all. */
    size_t (*leave)(struct protocol *protocol, struct bytes octets, bool waits);
    void (*render)(const struct place *place, size_t step, struct buf *out);
};

/* Every implementation's struct begins with this. */
struct protocol {
    const struct protocol_ops *ops;
};

extern const struct protocol_ops protocol_h1;
extern const struct protocol_ops protocol_h2;

/* What a client that knows beforehand that the server speaks HTTP/2 begins with (RFC 9113 3.4). */
#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
enum { H2_PREFACE_LEN = 24 };

/* What is spoken over a transport; NULL: nothing, it is not served. */
const struct protocol_ops *protocol_over(enum transport_bit transport);

static inline void protocol_close(struct protocol *protocol)
{
    protocol->ops->close(protocol);
}
static inline void protocol_receive(struct protocol *protocol, struct bytes octets)
{
    protocol->ops->receive(protocol, octets);
}

#endif
