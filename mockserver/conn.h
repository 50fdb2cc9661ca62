/* SPDX-License-Identifier: MIT */
/* A client's connection, and the exchanges on it. Only here do transport, protocol and scripts
 * meet.
 *
 *   conn --first--> exchange --> exchange --> ...     in the order of their requests
 *                   active       queued
 *
 * One exchange at most has the turn; those that released it may play on. Where the protocol has
 * streams there is no turn, and all of them play side by side. Exchanges are told what
 * happens, and conn_advance() plays what can be played, in one place, at the edge of every
 * callback; it also arms the one deadline that a connection has.
 *
 * Nothing is freed inside a callback: a dead connection is put on server->dead. */
#ifndef INTERIMSPEC_CONN_H
#define INTERIMSPEC_CONN_H

#include <ev.h>

#include "digest.h"
#include "player.h"
#include "protocol.h"
#include "server.h"
#include "transcript.h"
#include "transport.h"

enum {
    CONN_MAX_QUEUED = 256,        /* exchanges; reading pauses while there are more */
    CONN_FLUSHES = 16,            /* writes of one exchange before others have a go */
    CONN_MAX_REPLIES = 64 * 1024, /* octets that wait; reading pauses while there are more */
    CONN_MAX_EARLY = 192 * 1024,  /* memory for what happens before the first request */
    CONN_READS = 8,               /* reads of a transport that reads in parts, the same */
};
/* After our FIN, for the client's; after a run has ended; before the first request. */
#define CONN_LINGER_NS (10 * CLOCK_NS_PER_S)
#define CONN_CANCELLED_NS (1 * CLOCK_NS_PER_S)
#define CONN_IDLE_NS (120 * CLOCK_NS_PER_S)
/* For a TLS handshake; a client that needs longer has stopped. */
#define CONN_HANDSHAKE_NS (10 * CLOCK_NS_PER_S)
/* Octets of an exchange that has released the turn are kept apart from those of others. */
#define CONN_APART_NS (2 * CLOCK_NS_PER_MS)

enum conn_state {
    CONN_HANDSHAKE, /* the transport is not established, and no protocol is spoken yet */
    CONN_OPEN,
    CONN_ENDING, /* our side is closed: read and discard until the client's FIN, or a limit */
    CONN_DEAD,   /* closed; waits to be freed */
};

enum exchange_state {
    EXCHANGE_QUEUED,
    EXCHANGE_ACTIVE,   /* has the turn */
    EXCHANGE_RELEASED, /* had it, and plays on */
    EXCHANGE_OVER,
};

/* A request's content, as far as it is kept. */
struct body {
    struct buf octets;    /* owned */
    struct digest digest; /* owned; used once there are too many octets to keep */
    uint64_t len;
};

/* An answer that no script of the catalogue makes, made into one. */
struct page {
    struct script script;
    struct step step;
    struct buf octets; /* owned */
};

struct exchange {
    struct exchange *next;
    struct run *run;             /* a reference; NULL: of no run */
    const char *resource;        /* borrowed; NULL: a page */
    int64_t *params;             /* owned; NULL: those of the run */
    struct page *page;           /* owned; NULL: a script of the catalogue */
    struct body *body;           /* owned; NULL before the first octet of content */
    struct event_repeat *repeat; /* borrowed from the transcript: the repetition under way */
    struct event_piece *piece;   /* the same: the last piece of a split */
    struct outgoing *held;       /* owned; what the client's windows hold back; NULL: nothing */
    struct player player;
    int64_t wake_ns;
    int64_t unread;       /* the last answer about the peer's unread octets */
    uint32_t number;      /* within the run; EXCHANGE_NONE: at accept */
    uint32_t conn_number; /* of the connection in the exchange's run */
    uint32_t stream;      /* on a connection with streams, else 0 */
    uint32_t data_max;    /* octets of content that a frame may have */
    uint8_t state;        /* enum exchange_state */
    bool receives : 1;    /* its request is not complete; on a connection with streams only */
    bool is_head : 1;
    bool is_connect : 1;
    bool close_after : 1;     /* the client does not want the connection to persist */
    bool ends_connection : 1; /* nothing can be read after this request */
};

/* What happened before it was known for which run. */
struct early {
    struct transcript transcript; /* owned */
};

/* One step's octets, or a part, on their way. */
struct leaving {
    uint64_t len;
    uint64_t from, repetition, count;
    int64_t due_ns, unread_before;
    uint32_t step, piece, pieces;
    bool repeats;
};

struct outgoing {
    struct exchange *exchange; /* borrowed */
    struct buf octets;         /* owned */
    struct leaving *items;     /* owned */
    size_t count, cap;
    size_t left_count; /* items that have left as a whole */
    uint64_t left;     /* octets of the next item that have left */
    uint64_t noted;    /* of those, what a note has told of */
    int64_t began_ns;  /* before the write that took the first octet not noted yet */
    size_t allowed;    /* octets from the start on that windows let go; where there are windows */
};

struct conn {
    struct server *server;    /* borrowed */
    struct conn *prev, *next; /* all, or the dead */
    struct conn *run_prev, *run_next;
    struct run *run;            /* a reference; whose connection this is at the moment, or NULL */
    struct protocol *protocol;  /* owned; NULL during the handshake */
    struct transport transport; /* owned */
    ev_io io;
    struct schedule_entry entry;
    struct exchange *first, *last; /* owned */
    struct exchange *active;       /* has the turn, or NULL */
    struct exchange *receiving;    /* its request is not complete, or NULL */
    struct exchange *last_sender;  /* only to be compared */
    struct exchange *sending;      /* whose octets are being noted */
    struct outgoing *backlog;      /* owned; what the socket did not take; NULL: nothing */
    struct early *early;           /* owned */
    struct buf replies;            /* owned; what the protocol has to say for itself */
    uint64_t received, sent;
    uint64_t received_before, sent_before; /* it was of this run */
    uint64_t received_outside;             /* before its protocol began: outside the tunnel */
    int64_t accepted_ns, established_ns;
    int64_t now_ns;   /* of the read under way, for what the protocol calls back */
    int64_t left_ns;  /* when octets last left; 0: never */
    int64_t limit_ns; /* CONN_ENDING: until then */
    struct gate turn_gate;
    struct bytes read; /* the octets just received, until they are noted */
    uint32_t number;   /* within the run */
    uint32_t requests; /* seen on this connection */
    uint32_t queued;
    uint8_t peer[16];
    uint16_t peer_port;
    uint8_t state;          /* enum conn_state */
    uint8_t transport_bit;  /* enum transport_bit; on a shared port for TLS, ALPN may change it */
    uint8_t preface_octets; /* so many of HTTP/2's preface have come, too few to choose by */
    bool peer_is_v6 : 1;
    bool is_leased : 1; /* run came from the port */
    bool is_tunnel : 1; /* a CONNECT has come: what follows it may be TLS */
    bool is_early : 1;  /* TLS has begun in a tunnel that is not there yet: it waits unread */
    bool reading : 1;   /* no script has switched it off */
    bool client_fin : 1;
    bool is_deaf : 1; /* what is received means nothing any more */
    bool turn_gated : 1;
    bool released : 1;   /* an exchange has released the turn and may play on */
    bool is_full : 1;    /* too many exchanges are queued */
    bool has_failed : 1; /* the client broke a rule: when the replies have left, all ends */
};

/* Where a connection comes from and what its port is for. */
struct conn_origin {
    const struct sockaddr_storage *peer;
    struct run *run; /* whose leased port it is, or NULL */
    enum transport_bit transport;
};
/* Takes the descriptor. */
void conn_new(struct server *server, int fd, const struct conn_origin *origin);
/* Frees the dead. Only at the edge of the loop. */
void conn_reap(struct server *server);

/* Reads what has been received, once, without waiting. */
void conn_read(struct conn *conn, int64_t now_ns);
/* Plays what can be played. */
void conn_advance(struct conn *conn, int64_t now_ns);
/* Everything ends here: FIN, then the client has a moment to close. */
void conn_end(struct conn *conn, int64_t now_ns, int64_t linger_ns);
/* The same without TLS's close_notify. */
void conn_end_abruptly(struct conn *conn, int64_t now_ns);
void conn_reset(struct conn *conn, int64_t now_ns);
/* Its run has ended: scripts are dropped, nothing is noted any more. */
void conn_cancel(struct conn *conn, int64_t now_ns);
/* Closed, for whatever reason. */
void conn_die(struct conn *conn, int64_t now_ns);
/* `run` may be NULL. */
void conn_set_run(struct conn *conn, struct run *run, int64_t now_ns);
/* Notes the octets just read, if that has not been done. */
void conn_note_read(struct conn *conn, int64_t now_ns);
void conn_free_early(struct conn *conn);
void conn_watch(struct conn *conn);
/* Octets the client has not read, or UNREAD_UNKNOWN. */
int64_t conn_unread(struct conn *conn);
struct moment conn_moment(struct conn *conn, const struct exchange *exchange, int64_t now_ns);
void conn_note(struct conn *conn, const struct exchange *exchange, int64_t now_ns,
               enum event_kind kind);

/* exchange.c: making them of requests, playing, and ending them. */
extern const struct protocol_listener exchange_listener; /* user is the conn */
void exchange_at_accept(struct conn *conn, int64_t now_ns);
void exchange_give_turn(struct conn *conn, struct exchange *exchange, int64_t now_ns);
void exchange_play(struct conn *conn, struct exchange *exchange, int64_t now_ns);
void exchange_free(struct conn *conn, struct exchange *exchange);
struct place exchange_place(const struct exchange *exchange);

/* conn_send.c: what is on its way out. */
void outgoing_add(struct conn *conn, struct exchange *exchange, const struct player_action *action);
/* Writes what was put together. IO_AGAIN: the rest waits in conn->backlog. */
enum io_status outgoing_flush(struct conn *conn, struct exchange *exchange, int64_t now_ns);
enum io_status outgoing_drain(struct conn *conn, int64_t now_ns);
/* What left of an item before it was abandoned is noted. */
void outgoing_abandon(struct conn *conn);
/* Lets go what windows held back and hold back no longer; true when nothing is held any more. */
bool outgoing_resume(struct conn *conn, struct exchange *exchange, int64_t now_ns);
/* Writes conn->replies, unless octets of a script have to go first. */
enum io_status outgoing_reply(struct conn *conn, int64_t now_ns);
void outgoing_free(struct outgoing *outgoing);
/* Whether an ideal reader of all that the script sends has a whole final response. */
bool outgoing_had_final(const struct exchange *exchange);

#endif
