/* SPDX-License-Identifier: MIT */
/* What the server saw and did for one run, in the order in which it happened.
 *
 *   struct transcript --> chunk [event|event|..] --> chunk [event|..] --> ...
 *
 * Events are kept as compact records and become JSON only when somebody asks (transcript_json.h).
 * What a script sent is not kept at all: the record names script and step, and the octets are
 * rendered again. The format for readers is in README.md. */
#ifndef INTERIMSPEC_TRANSCRIPT_H
#define INTERIMSPEC_TRANSCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "clock.h"
#include "place.h"
#include "protocol.h"
#include "transport.h"

enum {
    TRANSCRIPT_EVENT_OCTETS = 64 * 1024,      /* of one event's octets are kept */
    TRANSCRIPT_RUN_OCTETS = 2 * 1024 * 1024,  /* of all octets of one run */
    TRANSCRIPT_MAX_RECORDS = 8 * 1024 * 1024, /* memory of one run; past it events are dropped */
    TRANSCRIPT_FIRST = 32,                    /* repetitions of a step noted one by one */
};

#define EXCHANGE_NONE UINT32_MAX
/* `alone` and `unread_before` of a send. */
#define ALONE_NOT_ASKED (-2)

enum event_kind {
    EVENT_ACCEPT,
    EVENT_RECEIVED,
    EVENT_REQUEST,
    EVENT_REQUEST_END,
    EVENT_TURN,
    EVENT_SEND,
    EVENT_REPEAT, /* a step with `times`: one event for all repetitions */
    EVENT_PAGE,   /* octets that no script made */
    EVENT_SCRIPT_END,
    EVENT_STALL,
    EVENT_RELEASE,
    EVENT_READING_OFF,
    EVENT_READING_ON,
    EVENT_CLIENT_FIN,
    EVENT_CLIENT_RST,
    EVENT_CLOSE_FIN,    /* the server closed */
    EVENT_CLOSE_ABRUPT, /* over TLS, without close_notify */
    EVENT_CLOSE_RST,
    EVENT_WAIT_LIMIT,
    EVENT_HTTP10,
    EVENT_BAD_REQUEST,
    EVENT_TLS_HELLO,
    EVENT_TLS,        /* the handshake is complete */
    EVENT_TLS_FAILED, /* there was none, or an alert ended the connection later */
    EVENT_UPGRADE_IGNORED,
    EVENT_TUNNEL,
    EVENT_MIXED_RUNS,
    EVENT_BLOCKED, /* the socket took no more */
    EVENT_DRAINED,
    EVENT_FRAME,          /* from the client */
    EVENT_REPLY,          /* what the protocol said for itself */
    EVENT_CLIENT_RESET,   /* of a stream */
    EVENT_PROTOCOL_ERROR, /* the client broke a rule of the framing */
    EVENT_WINDOW_BLOCKED, /* the client's windows let no more go */
    EVENT_WINDOW_OPEN,
};

enum event_flag {
    /* EVENT_REQUEST stands for further events at the same moment: the octets received were just
     * this head; the request has no content and is complete; it has the turn. */
    EVENT_WITH_RECEIVED = 1,
    EVENT_WITH_END = 2,
    EVENT_WITH_TURN = 4,
    EVENT_QUEUED = 8,
    EVENT_FIRST_ON_CONNECTION = 16,
    EVENT_WITH_PARAMS = 32,
    EVENT_WITH_SCRIPT_END = 64, /* EVENT_SEND, EVENT_PAGE */
    EVENT_IS_V6 = 128,          /* EVENT_ACCEPT */
};

/* The beginning of every record; `size` octets later the next one begins. */
struct event {
    int64_t t_ns; /* monotonic */
    uint32_t size;
    uint32_t conn;
    uint32_t exchange; /* or EXCHANGE_NONE */
    uint8_t kind;      /* enum event_kind */
    uint8_t flags;     /* of enum event_flag */
    uint16_t port;     /* EVENT_ACCEPT */
};

struct event_accept {
    struct event event;
    uint8_t address[16]; /* network order; IPv4 in the first four */
};

struct event_octets { /* EVENT_RECEIVED, EVENT_PAGE, EVENT_REPLY */
    struct event event;
    int64_t began_ns; /* as in event_send; of what was received, nothing */
    uint64_t offset;
    uint32_t len;
    uint32_t kept; /* octets follow */
    char octets[];
};

struct event_request {
    struct event event;
    const struct script *script; /* borrowed; NULL: answered by a page */
    const char *resource;        /* borrowed; NULL: none */
    uint64_t offset;
    uint64_t len;      /* of the octets that the head came in */
    uint32_t stream;   /* 0: on a connection without streams */
    uint32_t data_max; /* octets of content that a frame of the answer may have */
    uint32_t visit;    /* from 1 */
    uint32_t head_len;
    char head[]; /* the octets; then, WITH_PARAMS, aligned, one int64_t per parameter */
};

struct event_request_end {
    struct event event;
    uint64_t len;
    uint32_t kept;   /* octets follow */
    char sha256[68]; /* hexadecimal, NUL-terminated; empty when it is to be computed */
    char octets[];
};

/* The kernel has the octets at some moment between `began_ns` and `t_ns`, and no clock of ours
 * tells when: this process may lose its processor on either side of the call that writes. */
struct event_send {
    struct event event; /* t_ns: after the write that took its last octet */
    int64_t due_ns;
    int64_t began_ns; /* before the write that took its first octet */
    uint64_t offset;
    uint32_t len; /* octets that left */
    uint32_t step;
};

struct event_piece { /* EVENT_SEND when `size` says so: part of a split step; pieces is 0: of a step
                        that windows cut */
    struct event_send send;
    uint64_t from; /* within the step's octets */
    uint64_t repetition;
    uint32_t piece, pieces;
    int64_t unread_before; /* of the peer when it left; or PLAYER_UNREAD_UNKNOWN, ALONE_NOT_ASKED */
    int64_t unread_after;  /* when the next piece left */
};

struct event_repeat {
    struct event event; /* t_ns: when the first repetition left */
    int64_t due_ns;     /* of the first repetition */
    int64_t began_ns;   /* the same */
    int64_t last_began_ns, last_left_ns;
    int64_t worst_late_ns;
    uint64_t offset;
    uint64_t len; /* of all repetitions that left */
    uint64_t times;
    uint32_t unit_len;
    uint32_t step;
    uint32_t first_count, first_cap;
    struct {
        int64_t due_ns;
        uint32_t late_us;              /* it left, beyond that */
        uint32_t took_us;              /* from the beginning of its write until it left */
        uint32_t batch;                /* repetitions in the same write from here on */
    } __attribute__((packed)) * first; /* owned */
};

struct event_frame {
    struct event event;
    uint64_t offset;
    uint32_t stream;
    uint32_t len; /* of its payload */
    uint32_t kept, fields_len;
    uint8_t type, flags;
    bool undecodable, has_fields;
    char octets[]; /* `kept` of the payload, then the fields: field_list.h */
};

struct event_stream_error { /* EVENT_CLIENT_RESET, EVENT_PROTOCOL_ERROR */
    struct event event;
    const char *reason; /* static; NULL: none */
    uint32_t stream, error;
};

struct event_step { /* EVENT_WAIT_LIMIT */
    struct event event;
    uint32_t step;
};

struct event_text { /* EVENT_BAD_REQUEST, EVENT_TLS_HELLO */
    struct event event;
    const char *reason; /* static */
    int64_t status;     /* of the answer, 0: none */
    uint32_t len;       /* of the method, where it is unknown */
    char method[];
};

struct event_tls {
    struct event event;
    const char *version, *cipher; /* static */
    uint16_t alpn_len, server_name_len;
    bool resumed;
    char text[]; /* the protocol that was agreed on, then the name that was asked for */
};

struct event_tls_failed {
    struct event event;
    const char *reason, *alert; /* static; no alert: NULL */
    bool by_client;
};

struct transcript_chunk;

struct transcript {
    struct clock_pair origin;
    struct transcript_chunk *first, *last; /* owned */
    struct event *latest;                  /* the last record, or NULL */
    size_t memory;
    size_t octets; /* kept */
    uint64_t dropped;
    int64_t worst_late_ns;
    bool off; /* nothing is kept */
};

void transcript_init(struct transcript *transcript, struct clock_pair origin, bool off);
void transcript_fini(struct transcript *transcript);

/* Where and when: the first arguments of everything below. */
struct moment {
    struct transcript *transcript;
    int64_t now_ns;
    int64_t began_ns; /* of octets sent: before their first write */
    uint32_t conn;
    uint32_t exchange;
};

/* An event that has nothing but its name. */
void transcript_note(struct moment at, enum event_kind kind);
void transcript_accept(struct moment at, const uint8_t address[16], bool is_v6, uint16_t port);
void transcript_received(struct moment at, uint64_t offset, struct bytes octets);
struct request_note {
    const struct script *script;
    const char *resource;
    const int64_t *params; /* NULL: those of the run */
    size_t param_count;
    struct bytes head;
    uint64_t offset, len;
    uint32_t stream, data_max;
    uint32_t visit;
    uint8_t flags;
};
void transcript_request(struct moment at, const struct request_note *note);
/* `sha256` may be NULL while all `len` octets are given. */
void transcript_request_end(struct moment at, uint64_t len, struct bytes octets,
                            const char *sha256);
void transcript_send(struct moment at, size_t step, int64_t due_ns, uint64_t offset, uint64_t len);
struct piece_note {
    uint64_t from, repetition;
    uint32_t piece, pieces;
    int64_t unread_before;
};
/* Returns the record, so that unread_after can be told; NULL when it was dropped. */
struct event_piece *transcript_piece(struct moment at, size_t step, int64_t due_ns, uint64_t offset,
                                     uint64_t len, const struct piece_note *note);
/* The first repetitions of a step; NULL when it was dropped. Later ones are added to the record. */
struct event_repeat *transcript_repeat(struct moment at, size_t step, int64_t due_ns,
                                       uint64_t offset, uint64_t unit_len);
void transcript_repeat_add(struct moment at, struct event_repeat *repeat, int64_t due_ns,
                           uint64_t count, uint64_t len);
void transcript_page(struct moment at, uint64_t offset, struct bytes octets);
void transcript_reply(struct moment at, uint64_t offset, struct bytes octets);
void transcript_frame(struct moment at, const struct frame_note *note);
void transcript_stream_error(struct moment at, enum event_kind kind, uint32_t stream,
                             uint32_t error, const char *reason);
void transcript_wait_limit(struct moment at, size_t step);
void transcript_bad_request(struct moment at, enum event_kind kind, const char *reason, int status,
                            struct bytes method);

void transcript_tls(struct moment at, const struct tls_facts *facts);
void transcript_tls_failed(struct moment at, const struct tls_failure *failure);

/* Appends what another transcript has noted of a connection, as that of `at.conn`. */
void transcript_adopt(struct moment at, const struct transcript *early);

/* Walks the records: NULL before the first, NULL after the last. */
struct transcript_cursor {
    const struct transcript_chunk *chunk;
    size_t at;
};
const struct event *transcript_next(const struct transcript *transcript,
                                    struct transcript_cursor *cursor);

#endif
