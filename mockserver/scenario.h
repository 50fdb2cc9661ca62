/* SPDX-License-Identifier: MIT */
/* The server's half of a scenario file: what to do for each exchange.
 *
 *   scenario 1--* resource 1--* script 1--* step
 *
 * Made once by scenario_load() before the server listens, immutable afterwards, and outlives every
 * connection; nobody but the catalogue frees it. The grammar is documented in scenarios/README.md.
 * Expectations are not here: the server never sees them. */
#ifndef INTERIMSPEC_SCENARIO_H
#define INTERIMSPEC_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* An integer that is written in the file, or comes from a parameter of the run. */
struct int_value {
    int64_t literal;
    int param; /* index into scenario.params, or -1 for the literal */
};

/* A length of time; a parameter counts milliseconds. */
struct duration {
    int64_t ns;
    int param; /* index into scenario.params, or -1 for ns */
};

struct param {
    char *name; /* owned */
    int64_t default_value;
    int64_t min, max; /* both inclusive */
};

enum step_kind {
    STEP_WAIT,
    STEP_RESPOND,
    STEP_BODY,
    STEP_END_BODY,
    STEP_SEND,
    STEP_SLEEP,
    STEP_RELEASE,
    STEP_STALL,
    STEP_READING,
    STEP_CLOSE,
    STEP_RESET,
    STEP_FRAMES,
    STEP_WINDOW,
};

enum wait_for {
    WAIT_HEAD,         /* the request's header section is complete */
    WAIT_BODY_OCTETS,  /* so many octets of its content have been received */
    WAIT_REQUEST,      /* the whole request has been received */
    WAIT_NEXT_REQUEST, /* the head of a further request has arrived on this connection */
    WAIT_CLIENT_FIN,   /* the client has closed its sending side */
};

enum framing {
    FRAMING_DEFAULT, /* none for 1xx, 204, 304 and answers to HEAD; Content-Length otherwise */
    FRAMING_LENGTH,
    FRAMING_CHUNKED,
    FRAMING_CLOSE,
    FRAMING_NONE,
};

enum body_source {
    BODY_NONE,  /* no octets of content */
    BODY_OWN,   /* one line that names scenario, run, resource and exchange */
    BODY_BYTES, /* what the file says */
    BODY_SIZED, /* so many octets, made by the server */
    BODY_LATER, /* `body` steps follow */
};

enum body_fill {
    FILL_TEXT,   /* lines that name run, exchange and position */
    FILL_OCTETS, /* all 256 octet values in turn */
};

/* Class of octets on a connection, as an ideal RFC 9112 reader would see them. AUTO: work it out.
 */
enum octet_class {
    OCTETS_AUTO,
    OCTETS_HEAD,
    OCTETS_INTERIM_CONTENT,
    OCTETS_FRAMING,
    OCTETS_CONTENT,
    OCTETS_SURPLUS,
};

/* A header or trailer field; `pad` appends so many octets of 'x' to the value. */
struct field {
    struct bytes name;  /* owned by the scenario */
    struct bytes value; /* owned by the scenario */
    struct int_value pad;
};

struct fields {
    struct field *items; /* owned */
    size_t count;
};

struct respond_step {
    struct int_value status;
    bool has_reason;      /* false: the registered phrase */
    struct bytes reason;  /* owned */
    struct bytes version; /* "1.1" unless the file says otherwise; owned */
    struct fields fields;
    char *location;          /* owned; name of a resource, or NULL */
    struct bytes set_cookie; /* owned; "name=value", empty if none */
    enum framing framing;
    bool has_length; /* Content-Length says `length`, whatever is sent */
    struct int_value length;
    enum body_source body;
    struct bytes body_bytes;    /* owned; BODY_BYTES */
    struct int_value body_size; /* BODY_SIZED */
    enum body_fill fill;
    struct fields trailers; /* FRAMING_CHUNKED only */
};

struct send_step {
    struct bytes bytes; /* owned */
    enum octet_class as;
};

enum frame_kind {
    FRAME_HEADERS,
    FRAME_PUSH_PROMISE,
    FRAME_DATA,
    FRAME_RST_STREAM,
    FRAME_GOAWAY,
    FRAME_PING,
    FRAME_WINDOW_UPDATE,
    FRAME_SETTINGS,
    FRAME_UNKNOWN,
    FRAME_RAW,
};

/* A field as it is written into a field block, right or wrong. */
struct frame_field {
    struct bytes name, value; /* owned by the scenario */
    struct int_value pad;
    int64_t indexed; /* the field that has this number in the client's tables; 0: a literal */
    bool adds;       /* the client puts it into its table */
};

struct frame_setting {
    uint32_t value;
    uint16_t id;
};

struct frame {
    enum frame_kind kind;
    enum { FRAME_STREAM_THIS, FRAME_STREAM_NUMBER } stream_is;
    uint32_t stream;
    uint32_t code;   /* FRAME_RST_STREAM, FRAME_GOAWAY */
    uint32_t number; /* FRAME_PUSH_PROMISE: promised; FRAME_GOAWAY: last; FRAME_WINDOW_UPDATE:
                        increment; FRAME_UNKNOWN: type */
    int pad;         /* octets of padding; -1: not padded */
    uint8_t flags;   /* FRAME_UNKNOWN */
    bool end_stream;
    bool has_status;
    bool unfinished;   /* no END_HEADERS */
    bool is_own;       /* FRAME_DATA: the line that names the exchange */
    bool last_is_this; /* FRAME_GOAWAY */
    struct int_value status;
    struct frame_field *fields; /* owned */
    size_t field_count;
    int64_t *split; /* owned; where the field block is cut into frames */
    size_t split_count;
    struct frame_setting *settings; /* owned */
    size_t setting_count;
    struct bytes octets; /* owned; FRAME_DATA, _PING, _UNKNOWN, _RAW, debug data of FRAME_GOAWAY */
};

struct frames_step {
    struct frame *items; /* owned */
    size_t count;
};

enum close_how { CLOSE_FIN, CLOSE_ABRUPT };

/* Where a step's octets are cut into pieces, each of which must have been read alone. */
struct split {
    bool each_byte;
    struct int_value *at; /* owned; offsets into the step's octets, ascending where literal */
    size_t count;         /* 0 and !each_byte: not split */
};

struct step {
    enum step_kind kind;
    int line;               /* in the file, for messages and transcripts */
    bool forever;           /* `times: forever` */
    struct int_value times; /* 1 by default */
    struct duration every;  /* from the start of one repetition to the next; 0: no pause */
    struct split split;     /* STEP_RESPOND, STEP_SEND and STEP_BODY only */
    union {
        struct {
            enum wait_for what;
            struct int_value octets; /* WAIT_BODY_OCTETS */
            int64_t limit_ns;        /* how long to wait before the script is aborted */
        } wait;
        struct respond_step respond;
        struct bytes body;      /* owned */
        struct fields trailers; /* STEP_END_BODY */
        struct send_step send;
        struct duration sleep;
        bool reading;
        enum close_how close;
        struct frames_step frames;
        struct int_value window; /* STEP_WINDOW: the increment */
    } u;
};

struct script {
    struct step *steps; /* owned */
    size_t count;
};

struct resource {
    char *name;            /* owned; "start" for the first request */
    struct script *visits; /* owned; one per visit, the last repeats */
    size_t visit_count;    /* at least 1 */
};

enum transport_bit {
    TRANSPORT_H1 = 1,
    TRANSPORT_H1S = 2,
    TRANSPORT_H2C = 4,
    TRANSPORT_H2 = 8,
    TRANSPORT_H3 = 16,
};
enum { TRANSPORT_COUNT = 5 };
/* As scenario files say them, in the order of the bits; NULL ends them. */
extern const char *const transport_names[TRANSPORT_COUNT + 1];
const char *transport_name(enum transport_bit transport);
/* 0: there is none of that name. */
unsigned transport_named(struct bytes name);

/* What the server says of itself on HTTP/2; -1: nothing. */
struct h2_settings {
    int64_t initial_window; /* then no window for content is given unless a script does */
    int64_t max_streams;
};

struct scenario {
    char *id;             /* owned; equals the file's name without .yaml */
    char *title;          /* owned */
    char *family;         /* owned; the folder below the catalogue, slashes for nested ones */
    char *path;           /* owned; as given, for messages */
    unsigned transports;  /* of enum transport_bit */
    bool unknown_ca;      /* the certificate is signed by an authority that nobody knows */
    struct param *params; /* owned */
    size_t param_count;
    struct resource *resources; /* owned; [0] is "start" */
    size_t resource_count;
    struct h2_settings h2;
    bool has_on_connect;
    struct script on_connect; /* plays at accept, on leased ports only */
};

/* Returns NULL and fills *error with "path:line:column: message" (owned by the caller) on bad
 * input. `family` is borrowed. */
struct scenario *scenario_load(const char *path, const char *family, char **error);
/* The same from memory, for tests and fuzzing; `path` only names it in messages. */
struct scenario *scenario_parse(const char *path, const char *family, struct bytes text,
                                char **error);
void scenario_free(struct scenario *scenario);

/* NULL when there is none of that name. */
const struct resource *scenario_resource(const struct scenario *scenario, struct bytes name);
/* Index into params, or -1. */
int scenario_param(const struct scenario *scenario, struct bytes name);

/* Every file below a folder, sorted by id; two files of one id are an error. */
struct catalogue {
    struct scenario **scenarios; /* owned */
    size_t count;
};
/* Reads `path`: a folder (every *.yaml below it, names starting with "_" or "." skipped) or one
 * file. All bad files are reported, one line each in *errors (owned by the caller), false then. */
bool catalogue_load(struct catalogue *catalogue, const char *path, char **errors);
void catalogue_fini(struct catalogue *catalogue);
const struct scenario *catalogue_find(const struct catalogue *catalogue, struct bytes id);

#endif
