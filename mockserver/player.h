/* SPDX-License-Identifier: MIT */
/* Plays one script: says what to do next, and when. Pure: it does no input or output, reads no
 * clock, allocates nothing; (script, facts so far, now) decides. Whoever owns the player performs
 * the action, tells what came of it, and asks again.
 *
 *   idle --turn--> waiting --satisfied--> playing --last step--> ended
 *                     ^                   |  ^
 *                     +---- wait step ----+  +-- pauses, flushes, gates
 *
 * Time: a step is due at the anchor (the turn, or the moment the last wait was satisfied) plus the
 * sum of the sleeps since, never relative to the last send; but it is not played sooner than
 * min(its sleep, 5 ms) after octets have left. */
#ifndef INTERIMSPEC_PLAYER_H
#define INTERIMSPEC_PLAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "place.h"

#define PLAYER_NEVER INT64_MAX

enum {
    PLAYER_BATCH_OCTETS = 64 * 1024, /* repetitions without a pause leave in writes of so many */
    PLAYER_MIN_GAP_NS = 5 * 1000000, /* overdue octets are not joined to those before them */
    GATE_MIN_NS = 2 * 1000000,       /* a piece is alone for at least so long ... */
    GATE_MAX_NS = 50 * 1000000,      /* ... and until it was read, at most so long */
    GATE_AGAIN_NS = 1 * 1000000,     /* between two looks at the peer's unread octets */
    TURN_MIN_NS = 20 * 1000000,      /* between the octets of two exchanges, the next one queued */
};

#define PLAYER_UNREAD_UNKNOWN (-1)

/* Holds something back until the octets before it were read alone by the peer. */
struct gate {
    int64_t from_ns; /* shut until then */
    int64_t to_ns;   /* open from then on, whatever the peer has read */
};

static inline struct gate gate_after(int64_t left_ns, int64_t min_ns, int64_t max_ns)
{
    return (struct gate){left_ns + min_ns, left_ns + max_ns};
}

/* The number of octets that the peer has not read was `unread` at `now_ns`: is the gate open? If
 * not, gate->from_ns says when to look again. PLAYER_UNREAD_UNKNOWN waits for the whole time. */
bool gate_opens(struct gate *gate, int64_t unread, int64_t now_ns);

/* What has happened on the exchange's connection so far. Facts never become untrue. */
enum player_fact {
    FACT_HEAD = 1,
    FACT_REQUEST = 2, /* the whole request */
    FACT_NEXT_REQUEST = 4,
    FACT_CLIENT_FIN = 8,
};

enum player_state {
    PLAYER_IDLE,    /* has not had its turn */
    PLAYER_WAITING, /* for a fact */
    PLAYER_PLAYING, /* at the beginning of a step, or of a repetition or piece of it */
    PLAYER_STALLED,
    PLAYER_ENDED,
};

struct player {
    const struct script *script; /* borrowed */
    const int64_t *params;       /* borrowed; values in the order of scenario.params */
    int64_t anchor_ns;
    int64_t offset_ns;    /* sum of the sleeps since the anchor */
    int64_t slept_ns;     /* sum of the sleeps since octets left */
    int64_t left_ns;      /* when octets last left; 0: never */
    uint64_t body_octets; /* of the request's content, received so far */
    uint64_t repetition;  /* of the current step, from 0 */
    uint64_t unit_len;    /* octets of one repetition, valid when measured */
    uint64_t piece_from;  /* where the next piece of a split begins */
    struct gate gate;
    uint32_t step; /* index of the current step */
    uint32_t piece;
    float pace;             /* factor on every sleep and `every` */
    uint8_t state;          /* enum player_state */
    uint8_t facts;          /* of enum player_fact */
    bool implicit_wait : 1; /* waiting for the whole request before step 0 */
    bool pending : 1;       /* octets were appended that have not left */
    bool measured : 1;
    bool begun : 1; /* the step was entered: its wait is counted from wait_ns */
    bool gated : 1; /* the gate has been shut for this piece or reset */
};

enum player_do {
    PLAYER_WAIT,    /* nothing, until at_ns or until something is told */
    PLAYER_MEASURE, /* render the step and tell its length with player_measured() */
    PLAYER_SEND,    /* append octets [from, to) of the step, `count` times */
    PLAYER_FLUSH,   /* write what was appended, then player_left() */
    PLAYER_LOOK,    /* tell how much the peer has not read with player_unread() */
    PLAYER_READING, /* start or stop reading, as the step says */
    PLAYER_RELEASE, /* pass the turn now, play on */
    PLAYER_STALL,   /* keep the turn, nothing will follow */
    PLAYER_CLOSE,   /* as the step says; then ask again */
    PLAYER_RESET,   /* RST; then ask again */
    PLAYER_LIMIT,   /* a wait ran into its limit: the script was aborted; told once */
    PLAYER_END,     /* every octet has left, nothing follows; told each time one asks */
};

struct player_action {
    enum player_do what;
    uint32_t step;          /* index */
    int64_t at_ns;          /* PLAYER_WAIT: when to ask again, or PLAYER_NEVER */
    int64_t due_ns;         /* PLAYER_SEND: when the schedule wanted it */
    uint64_t from;          /* PLAYER_SEND */
    uint64_t to;            /* PLAYER_SEND; UINT64_MAX: to the end of the unit */
    uint64_t count;         /* PLAYER_SEND: repetitions in this write */
    uint64_t repetition;    /* PLAYER_SEND: number of the first of them */
    uint32_t piece, pieces; /* PLAYER_SEND: pieces is 0 unless the step is split */
};

/* `script` and `params` must outlive the player. With `on_connect` the script has no request, and
 * does not wait for one. */
void player_init(struct player *player, const struct script *script, const int64_t *params,
                 double pace, bool on_connect);
/* Tells a fact; ask again afterwards. */
static inline void player_fact(struct player *player, enum player_fact fact)
{
    player->facts |= (uint8_t)fact;
}
/* The exchange has its turn: the anchor is now. */
void player_turn(struct player *player, int64_t now_ns);
void player_measured(struct player *player, uint64_t len);
/* Everything that was appended has left. */
void player_left(struct player *player, int64_t now_ns);
void player_unread(struct player *player, int64_t unread, int64_t now_ns);
struct player_action player_next(struct player *player, int64_t now_ns);

#endif
