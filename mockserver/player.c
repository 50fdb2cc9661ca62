/* SPDX-License-Identifier: MIT */
#include "player.h"

#include <assert.h>
#include <string.h>

bool gate_opens(struct gate *gate, int64_t unread, int64_t now_ns)
{
    if (now_ns >= gate->to_ns || unread == 0) {
        return true;
    }
    int64_t again_ns = unread == PLAYER_UNREAD_UNKNOWN ? gate->to_ns : now_ns + GATE_AGAIN_NS;
    gate->from_ns = again_ns < gate->to_ns ? again_ns : gate->to_ns;
    return false;
}

void player_init(struct player *player, const struct script *script, const int64_t *params,
                 double pace, bool on_connect)
{
    *player = (struct player){.script = script, .params = params, .pace = (float)pace};
    player->implicit_wait =
        !on_connect && (script->count == 0 || script->steps[0].kind != STEP_WAIT);
}

static struct player_action action(enum player_do what, const struct player *player)
{
    return (struct player_action){.what = what, .step = player->step, .at_ns = PLAYER_NEVER};
}

static struct player_action wait_until(const struct player *player, int64_t at_ns)
{
    struct player_action act = action(PLAYER_WAIT, player);
    act.at_ns = at_ns;
    return act;
}

static const struct step *current(const struct player *player)
{
    assert(player->step < player->script->count);
    return &player->script->steps[player->step];
}

static int64_t paced(const struct player *player, int64_t ns)
{
    return (int64_t)((double)ns * (double)player->pace);
}

static int64_t due_ns(const struct player *player)
{
    return player->anchor_ns + player->offset_ns;
}

/* When the next thing may happen: when it is due, but not joined to octets that left before. */
static int64_t ready_ns(const struct player *player)
{
    int64_t due = due_ns(player);
    if (player->left_ns == 0) {
        return due;
    }
    int64_t gap = player->slept_ns < PLAYER_MIN_GAP_NS ? player->slept_ns : PLAYER_MIN_GAP_NS;
    return due > player->left_ns + gap ? due : player->left_ns + gap;
}

static void anchor_at(struct player *player, int64_t now_ns)
{
    player->anchor_ns = now_ns;
    player->offset_ns = 0;
    player->slept_ns = 0;
}

static void next_step(struct player *player)
{
    player->step++;
    player->repetition = 0;
    player->piece = 0;
    player->piece_from = 0;
    player->measured = false;
    player->begun = false;
    player->gated = false;
    player->state = PLAYER_PLAYING;
}

void player_turn(struct player *player, int64_t now_ns)
{
    assert(player->state == PLAYER_IDLE);
    player->state = player->implicit_wait ? PLAYER_WAITING : PLAYER_PLAYING;
    anchor_at(player, now_ns);
}

void player_measured(struct player *player, uint64_t len)
{
    player->unit_len = len;
    player->measured = true;
}

void player_left(struct player *player, int64_t now_ns)
{
    player->pending = false;
    player->left_ns = now_ns;
    player->slept_ns = 0;
}

static void shut_gate(struct player *player)
{
    if (player->gated || player->left_ns == 0) {
        return;
    }
    player->gated = true;
    player->gate = gate_after(player->left_ns, GATE_MIN_NS, GATE_MAX_NS);
}

static bool is_gate_shut(const struct player *player)
{
    return player->gated && player->gate.from_ns != 0;
}

void player_unread(struct player *player, int64_t unread, int64_t now_ns)
{
    assert(is_gate_shut(player));
    if (gate_opens(&player->gate, unread, now_ns)) {
        player->gate.from_ns = 0;
    }
}

/* Shuts the gate after what has left, and while it is shut: wait, or look. A client that already
 * waits with its next request may not read before it is answered, so for it the shortest pause is
 * all there is. */
static bool hold_at_gate(struct player *player, int64_t now_ns, struct player_action *act)
{
    shut_gate(player);
    if (!is_gate_shut(player)) {
        return false;
    }
    if (player->facts & FACT_NEXT_REQUEST) {
        player->gate.to_ns = player->left_ns + GATE_MIN_NS;
    }
    *act = now_ns < player->gate.from_ns && now_ns < player->gate.to_ns
               ? wait_until(player, player->gate.from_ns)
               : action(PLAYER_LOOK, player);
    return true;
}

static bool is_satisfied(const struct player *player, enum wait_for what, uint64_t octets)
{
    switch (what) {
    case WAIT_HEAD:
        return player->facts & FACT_HEAD;
    case WAIT_BODY_OCTETS:
        return player->body_octets >= octets;
    case WAIT_REQUEST:
        return player->facts & FACT_REQUEST;
    case WAIT_NEXT_REQUEST:
        return player->facts & FACT_NEXT_REQUEST;
    case WAIT_CLIENT_FIN:
        return player->facts & FACT_CLIENT_FIN;
    }
    assert(!"a wait that is none");
    return false;
}

/* The implicit wait for the whole request has no limit: a request that never ends starts nothing.
 */
static bool play_implicit_wait(struct player *player, int64_t now_ns, struct player_action *act)
{
    if (!(player->facts & FACT_REQUEST)) {
        *act = wait_until(player, PLAYER_NEVER);
        return true;
    }
    anchor_at(player, now_ns);
    player->state = PLAYER_PLAYING;
    return false;
}

static bool play_wait(struct player *player, const struct step *step, int64_t now_ns,
                      struct player_action *act)
{
    int64_t octets = int_value_of(step->u.wait.octets, player->params);
    if (is_satisfied(player, step->u.wait.what, octets > 0 ? (uint64_t)octets : 0)) {
        anchor_at(player, now_ns);
        next_step(player);
        return false;
    }
    if (player->pending) {
        *act = action(PLAYER_FLUSH, player);
        return true;
    }
    if (!player->begun) {
        /* anchor_ns serves as the beginning of the wait: it is set anew when the wait is over. */
        player->begun = true;
        anchor_at(player, now_ns);
    }
    int64_t limit = step->u.wait.limit_ns;
    limit = player->pace > 1 ? paced(player, limit) : limit;
    if (now_ns >= player->anchor_ns + limit) {
        *act = action(PLAYER_LIMIT, player);
        player->state = PLAYER_ENDED;
        return true;
    }
    *act = wait_until(player, player->anchor_ns + limit);
    return true;
}

static bool play_sleep(struct player *player, const struct step *step, struct player_action *act)
{
    int64_t ns = paced(player, duration_of(step->u.sleep, player->params));
    if (ns > 0 && player->pending) {
        *act = action(PLAYER_FLUSH, player);
        return true;
    }
    player->offset_ns += ns;
    player->slept_ns += ns;
    next_step(player);
    return false;
}

static uint64_t times_of(const struct player *player, const struct step *step)
{
    if (step->forever) {
        return UINT64_MAX;
    }
    int64_t times = int_value_of(step->times, player->params);
    return times > 0 ? (uint64_t)times : 0;
}

/* Where the piece that begins at `from` ends. */
static uint64_t piece_end(const struct player *player, const struct split *split, uint64_t from)
{
    uint64_t end = player->unit_len;
    if (split->each_byte) {
        return from + 1 < end ? from + 1 : end;
    }
    for (size_t i = 0; i < split->count; i++) {
        int64_t at = int_value_of(split->at[i], player->params);
        if (at > 0 && (uint64_t)at > from && (uint64_t)at < end) {
            end = (uint64_t)at;
        }
    }
    return end;
}

static uint32_t piece_count(const struct player *player, const struct split *split)
{
    if (split->each_byte) {
        return (uint32_t)player->unit_len;
    }
    uint32_t count = 0;
    for (uint64_t from = 0; from < player->unit_len; count++) {
        from = piece_end(player, split, from);
    }
    return count;
}

static struct player_action send_action(struct player *player, uint64_t to, uint64_t count)
{
    struct player_action act = action(PLAYER_SEND, player);
    act.due_ns = due_ns(player);
    act.from = player->piece_from;
    act.to = to;
    act.count = count;
    act.repetition = player->repetition;
    act.piece = player->piece;
    player->pending = true;
    return act;
}

/* One repetition is over; the next one is due `every` after its start. */
static void end_repetitions(struct player *player, uint64_t count, uint64_t times, int64_t every)
{
    player->repetition += count;
    player->piece = 0;
    player->piece_from = 0;
    if (player->repetition >= times) {
        next_step(player);
        return;
    }
    player->offset_ns += every;
    player->slept_ns += every;
}

static struct player_action play_piece(struct player *player, const struct step *step,
                                       uint64_t times, int64_t every, int64_t now_ns)
{
    if (player->piece > 0) {
        struct player_action held;
        if (player->pending) {
            return action(PLAYER_FLUSH, player);
        }
        if (hold_at_gate(player, now_ns, &held)) {
            return held;
        }
        player->gated = false;
        /* What follows a split is counted from its last piece, which has no time of its own. */
        player->offset_ns = now_ns - player->anchor_ns;
    }
    uint64_t to = piece_end(player, &step->split, player->piece_from);
    uint32_t pieces = piece_count(player, &step->split);
    struct player_action act = send_action(player, to, 1);
    act.pieces = pieces;
    if (to < player->unit_len) {
        player->piece++;
        player->piece_from = to;
    } else {
        end_repetitions(player, 1, times, every);
    }
    return act;
}

static bool play_octets(struct player *player, const struct step *step, int64_t now_ns,
                        struct player_action *act)
{
    uint64_t times = times_of(player, step);
    if (player->repetition >= times) {
        next_step(player);
        return false;
    }
    bool split = step->split.each_byte || step->split.count > 0;
    if (times == 1 && !split) {
        *act = send_action(player, UINT64_MAX, 1);
        next_step(player);
        return true;
    }
    if (!player->measured) {
        *act = action(PLAYER_MEASURE, player);
        return true;
    }
    int64_t every = paced(player, duration_of(step->every, player->params));
    if (player->unit_len == 0) {
        /* Nothing to repeat, as with content in answer to HEAD. */
        next_step(player);
        return false;
    }
    if (every > 0 && player->repetition > 0 && player->piece == 0 && player->pending) {
        *act = action(PLAYER_FLUSH, player);
        return true;
    }
    if (split) {
        *act = play_piece(player, step, times, every, now_ns);
        return true;
    }
    uint64_t fit = PLAYER_BATCH_OCTETS / player->unit_len;
    uint64_t left = times - player->repetition;
    uint64_t count = every > 0 || fit == 0 ? 1 : left < fit ? left : fit;
    if (player->repetition > 0 && player->pending) {
        *act = action(PLAYER_FLUSH, player);
        return true;
    }
    *act = send_action(player, UINT64_MAX, count);
    end_repetitions(player, count, times, every);
    return true;
}

/* Steps that need every octet before them to have left. */
static bool play_ending(struct player *player, const struct step *step, int64_t now_ns,
                        struct player_action *act)
{
    if (player->pending) {
        *act = action(PLAYER_FLUSH, player);
        return true;
    }
    if (step->kind == STEP_RELEASE) {
        *act = action(PLAYER_RELEASE, player);
        next_step(player);
        return true;
    }
    if (step->kind == STEP_STALL) {
        *act = action(PLAYER_STALL, player);
        player->state = PLAYER_STALLED;
        return true;
    }
    if (step->kind == STEP_RESET && hold_at_gate(player, now_ns, act)) {
        return true;
    }
    *act = action(step->kind == STEP_RESET ? PLAYER_RESET : PLAYER_CLOSE, player);
    player->state = PLAYER_ENDED;
    return true;
}

/* Plays the current step as far as it goes; true when there is an action to perform. */
static bool play_step(struct player *player, int64_t now_ns, struct player_action *act)
{
    const struct step *step = current(player);
    if (step->kind == STEP_SLEEP) {
        return play_sleep(player, step, act);
    }
    /* A split is under way: its gate, not the schedule, decides. */
    if (player->piece == 0 && now_ns < ready_ns(player)) {
        *act =
            player->pending ? action(PLAYER_FLUSH, player) : wait_until(player, ready_ns(player));
        return true;
    }
    switch (step->kind) {
    case STEP_WAIT:
        return play_wait(player, step, now_ns, act);
    case STEP_RESPOND:
    case STEP_BODY:
    case STEP_END_BODY:
    case STEP_SEND:
    case STEP_FRAMES:
    case STEP_WINDOW:
        return play_octets(player, step, now_ns, act);
    case STEP_READING:
        *act = action(PLAYER_READING, player);
        next_step(player);
        return true;
    case STEP_RELEASE:
    case STEP_STALL:
    case STEP_CLOSE:
    case STEP_RESET:
        return play_ending(player, step, now_ns, act);
    case STEP_SLEEP:
        break;
    }
    assert(!"a step that is none");
    return false;
}

/* After the last step: what was appended must leave, and what was slept be waited for. */
static struct player_action play_end(struct player *player, int64_t now_ns)
{
    if (player->pending) {
        return action(PLAYER_FLUSH, player);
    }
    if (now_ns < ready_ns(player)) {
        return wait_until(player, ready_ns(player));
    }
    player->state = PLAYER_ENDED;
    return action(PLAYER_END, player);
}

static struct player_action play(struct player *player, int64_t now_ns)
{
    struct player_action act;
    while (player->step < player->script->count) {
        if (play_step(player, now_ns, &act)) {
            return act;
        }
    }
    return play_end(player, now_ns);
}

struct player_action player_next(struct player *player, int64_t now_ns)
{
    struct player_action act;
    switch ((enum player_state)player->state) {
    case PLAYER_IDLE:
    case PLAYER_STALLED:
        return wait_until(player, PLAYER_NEVER);
    case PLAYER_WAITING:
        return play_implicit_wait(player, now_ns, &act) ? act : play(player, now_ns);
    case PLAYER_PLAYING:
        return play(player, now_ns);
    case PLAYER_ENDED:
        return action(PLAYER_END, player);
    }
    assert(!"a state that is none");
    return action(PLAYER_END, player);
}
