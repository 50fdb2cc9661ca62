/* SPDX-License-Identifier: MIT */
/* Scripts played without a clock: time is what the test says it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "made.h"
#include "player.h"

#define MS INT64_C(1000000)
#define T0 (1000 * MS)

/* The player and the moment at which it is asked. Units are 10 octets long. */
struct stage {
    struct scenario *scenario;
    int64_t params[4];
    struct player player;
    int64_t now_ns;
};

static void set(struct stage *stage, const char *text, double pace)
{
    stage->scenario = made_scenario(text);
    for (size_t i = 0; i < stage->scenario->param_count; i++)
        stage->params[i] = stage->scenario->params[i].default_value;
    player_init(&stage->player, &stage->scenario->resources[0].visits[0], stage->params, pace,
                false);
    stage->now_ns = T0;
}

static void turn(struct stage *stage)
{
    player_fact(&stage->player, FACT_HEAD);
    player_fact(&stage->player, FACT_REQUEST);
    player_turn(&stage->player, stage->now_ns);
}

static struct player_action next(struct stage *stage)
{
    struct player_action action = player_next(&stage->player, stage->now_ns);
    while (action.what == PLAYER_MEASURE) {
        player_measured(&stage->player, 10);
        action = player_next(&stage->player, stage->now_ns);
    }
    return action;
}

static struct player_action expect(struct stage *stage, enum player_do what)
{
    struct player_action action = next(stage);
    assert_int_equal(action.what, what);
    if (what == PLAYER_FLUSH)
        player_left(&stage->player, stage->now_ns);
    return action;
}

/* Waits as long as the player wants to, which must be until `ms` after the turn. */
static void expect_wait(struct stage *stage, double ms)
{
    struct player_action action = expect(stage, PLAYER_WAIT);
    assert_int_equal(action.at_ns, T0 + (int64_t)(ms * (double)MS));
    stage->now_ns = action.at_ns;
}

static void expect_send(struct stage *stage, uint32_t step, double due_ms)
{
    struct player_action action = expect(stage, PLAYER_SEND);
    assert_int_equal(action.step, step);
    assert_int_equal(action.due_ns, T0 + (int64_t)(due_ms * (double)MS));
}

static void fini(struct stage *stage)
{
    expect(stage, PLAYER_END);
    expect(stage, PLAYER_END);
    scenario_free(stage->scenario);
}

static void test_steps_without_a_pause_are_one_write(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage, "script:\n  - respond: {status: 102}\n  - respond: {status: 200}\n", 1);
    expect(&stage, PLAYER_WAIT);
    turn(&stage);
    expect_send(&stage, 0, 0);
    expect_send(&stage, 1, 0);
    expect(&stage, PLAYER_FLUSH);
    fini(&stage);
}

static void test_the_whole_request_is_waited_for(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage, "script:\n  - respond: {status: 200}\n", 1);
    player_fact(&stage.player, FACT_HEAD);
    player_turn(&stage.player, stage.now_ns);
    assert_int_equal(expect(&stage, PLAYER_WAIT).at_ns, PLAYER_NEVER);
    stage.now_ns += 70 * MS;
    player_fact(&stage.player, FACT_REQUEST);
    expect_send(&stage, 0, 70);
    expect(&stage, PLAYER_FLUSH);
    fini(&stage);
}

static void test_time_is_counted_from_the_anchor(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "script:\n  - respond: {status: 102}\n  - sleep: 100ms\n  - respond: {status: 102}\n"
        "  - sleep: 100ms\n  - respond: {status: 200}\n",
        1);
    turn(&stage);
    expect_send(&stage, 0, 0);
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 100);
    stage.now_ns += 30 * MS; /* the second one leaves late ... */
    expect_send(&stage, 2, 100);
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 200); /* ... and the third one does not */
    expect_send(&stage, 4, 200);
    expect(&stage, PLAYER_FLUSH);
    fini(&stage);
}

static void test_overdue_steps_are_not_joined(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "script:\n  - respond: {status: 102}\n  - sleep: 100ms\n  - respond: {status: 102}\n"
        "  - sleep: 2ms\n  - respond: {status: 200}\n",
        1);
    turn(&stage);
    expect_send(&stage, 0, 0);
    stage.now_ns += 500 * MS;
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 505); /* not 100: at least 5 ms after what left before */
    expect_send(&stage, 2, 100);
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 507); /* not 102: its whole sleep, as it is shorter than 5 ms */
    expect_send(&stage, 4, 102);
    expect(&stage, PLAYER_FLUSH);
    fini(&stage);
}

static void test_sleep_of_nothing_is_no_boundary(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "params: {gap: {default: 0, min: 0, max: 9}}\n"
        "script:\n  - respond: {status: 102}\n  - sleep: gap\n  - respond: {status: 200}\n",
        1);
    turn(&stage);
    expect_send(&stage, 0, 0);
    expect_send(&stage, 2, 0);
    expect(&stage, PLAYER_FLUSH);
    fini(&stage);
}

static void test_pace(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "script:\n  - respond: {status: 102}\n    times: 2\n    every: 20ms\n  - sleep: 100ms\n"
        "  - respond: {status: 200}\n",
        0.5);
    turn(&stage);
    expect_send(&stage, 0, 0);
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 10);
    expect_send(&stage, 0, 10);
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 60);
    expect_send(&stage, 2, 60);
    expect(&stage, PLAYER_FLUSH);
    fini(&stage);
}

static void test_repetition_on_a_schedule(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "script:\n  - respond: {status: 102}\n    times: 3\n    every: 40ms\n"
        "  - respond: {status: 200}\n",
        1);
    turn(&stage);
    for (int i = 0; i < 3; i++) {
        struct player_action action = expect(&stage, PLAYER_SEND);
        assert_int_equal(action.repetition, i);
        assert_int_equal(action.count, 1);
        assert_int_equal(action.due_ns, T0 + i * 40 * MS);
        if (i < 2) {
            expect(&stage, PLAYER_FLUSH);
            expect_wait(&stage, (i + 1) * 40);
        }
    }
    expect_send(&stage, 1, 80); /* no pause: joined to the last one */
    expect(&stage, PLAYER_FLUSH);
    fini(&stage);
}

static void test_repetition_without_a_pause_is_one_write(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "script:\n  - respond: {status: 102}\n    times: 1000\n  - respond: {status: 200}\n", 1);
    turn(&stage);
    assert_int_equal(expect(&stage, PLAYER_SEND).count, 1000);
    expect_send(&stage, 1, 0);
    expect(&stage, PLAYER_FLUSH);
    fini(&stage);
}

static void test_many_repetitions_leave_in_batches(void **state)
{
    (void)state;
    struct stage stage;
    uint64_t sent = 0;
    set(&stage, "script:\n  - respond: {status: 102}\n    times: 20000\n", 1);
    turn(&stage);
    while (sent < 20000) {
        struct player_action action = expect(&stage, PLAYER_SEND);
        assert_int_equal(action.repetition, sent);
        assert_true(action.count * 10 <= PLAYER_BATCH_OCTETS);
        sent += action.count;
        expect(&stage, PLAYER_FLUSH);
    }
    assert_int_equal(sent, 20000);
    fini(&stage);
}

static void test_forever(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage, "script:\n  - respond: {status: 102}\n    times: forever\n    every: 1s\n", 1);
    turn(&stage);
    for (int i = 0; i < 1000; i++) {
        expect_send(&stage, 0, i * 1000.0);
        expect(&stage, PLAYER_FLUSH);
        expect_wait(&stage, (i + 1) * 1000.0);
    }
    scenario_free(stage.scenario);
}

static void test_pieces_wait_until_they_were_read(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "script:\n  - send: \"0123456789\"\n    split: [3, 7]\n  - sleep: 20ms\n"
        "  - respond: {status: 200}\n",
        1);
    turn(&stage);
    struct player_action action = expect(&stage, PLAYER_SEND);
    assert_int_equal(action.from, 0);
    assert_int_equal(action.to, 3);
    assert_int_equal(action.pieces, 3);
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 2);
    expect(&stage, PLAYER_LOOK);
    player_unread(&stage.player, 0, stage.now_ns); /* read: goes on at once */
    action = expect(&stage, PLAYER_SEND);
    assert_int_equal(action.from, 3);
    assert_int_equal(action.to, 7);
    assert_int_equal(action.piece, 1);
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 4);
    expect(&stage, PLAYER_LOOK);
    player_unread(&stage.player, 4, stage.now_ns); /* not read: look again, at most 50 ms long */
    expect_wait(&stage, 5);
    for (int i = 0; i < 47; i++) {
        expect(&stage, PLAYER_LOOK);
        player_unread(&stage.player, 4, stage.now_ns);
        expect_wait(&stage, 6 + i);
    }
    expect(&stage, PLAYER_LOOK);
    player_unread(&stage.player, 4, stage.now_ns);
    action = expect(&stage, PLAYER_SEND);
    assert_int_equal(action.to, 10);
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 52 + 20); /* counted from the last piece */
    expect_send(&stage, 2, 72);
    expect(&stage, PLAYER_FLUSH);
    fini(&stage);
}

static void test_pieces_where_nobody_knows(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage, "script:\n  - send: \"0123456789\"\n    split: [3]\n", 1);
    turn(&stage);
    expect(&stage, PLAYER_SEND);
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 2);
    expect(&stage, PLAYER_LOOK);
    player_unread(&stage.player, PLAYER_UNREAD_UNKNOWN, stage.now_ns);
    expect_wait(&stage, 50);
    expect(&stage, PLAYER_LOOK);
    player_unread(&stage.player, PLAYER_UNREAD_UNKNOWN, stage.now_ns);
    expect(&stage, PLAYER_SEND);
    expect(&stage, PLAYER_FLUSH);
    fini(&stage);
}

static void test_pieces_while_a_request_waits(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage, "script:\n  - send: \"0123456789\"\n    split: each-byte\n", 1);
    turn(&stage);
    player_fact(&stage.player, FACT_NEXT_REQUEST);
    for (int i = 0; i < 10; i++) {
        struct player_action action = expect(&stage, PLAYER_SEND);
        assert_int_equal(action.from, i);
        assert_int_equal(action.to, i + 1);
        expect(&stage, PLAYER_FLUSH);
        if (i < 9) {
            expect_wait(&stage, 2 * (i + 1));
            expect(&stage, PLAYER_LOOK);
            player_unread(&stage.player, 1, stage.now_ns);
        }
    }
    fini(&stage);
}

static void test_cuts_outside_the_octets_are_none(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "params: {at: {default: 99, min: 1, max: 99}}\n"
        "script:\n  - respond: {status: 200}\n    split: [at]\n",
        1);
    turn(&stage);
    struct player_action action = expect(&stage, PLAYER_SEND);
    assert_int_equal(action.pieces, 1);
    assert_int_equal(action.to, 10);
    expect(&stage, PLAYER_FLUSH);
    fini(&stage);
}

static void test_reset_waits_until_all_was_read(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage, "script:\n  - respond: {status: 102}\n  - reset: yes\n", 1);
    turn(&stage);
    expect_send(&stage, 0, 0);
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 2);
    expect(&stage, PLAYER_LOOK);
    player_unread(&stage.player, 0, stage.now_ns);
    expect(&stage, PLAYER_RESET);
    fini(&stage);
}

static void test_waits(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "script:\n  - wait: head\n  - respond: {status: 102}\n  - wait: {body: 5}\n"
        "  - respond: {status: 102}\n  - wait: next-request\n  - sleep: 10ms\n"
        "  - respond: {status: 200}\n  - wait: client-fin\n",
        1);
    player_turn(&stage.player, stage.now_ns);
    assert_true(expect(&stage, PLAYER_WAIT).at_ns > stage.now_ns);
    player_fact(&stage.player, FACT_HEAD);
    expect_send(&stage, 1, 0);
    expect(&stage, PLAYER_FLUSH);
    stage.player.body_octets = 4;
    expect(&stage, PLAYER_WAIT);
    stage.player.body_octets = 5;
    stage.now_ns += 20 * MS;
    expect_send(&stage, 3, 20); /* the anchor is the moment of the wait's end */
    expect(&stage, PLAYER_FLUSH);
    expect(&stage, PLAYER_WAIT);
    stage.now_ns += 20 * MS;
    player_fact(&stage.player, FACT_NEXT_REQUEST);
    expect_wait(&stage, 50);
    expect_send(&stage, 6, 50);
    expect(&stage, PLAYER_FLUSH);
    expect(&stage, PLAYER_WAIT);
    player_fact(&stage.player, FACT_CLIENT_FIN);
    fini(&stage);
}

static void test_a_wait_that_is_over_is_no_boundary(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "script:\n  - wait: head\n  - respond: {status: 102}\n  - wait: request\n"
        "  - respond: {status: 200}\n",
        1);
    turn(&stage);
    expect_send(&stage, 1, 0);
    expect_send(&stage, 3, 0);
    expect(&stage, PLAYER_FLUSH);
    fini(&stage);
}

static void test_a_wait_has_a_limit(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "script:\n  - respond: {status: 102}\n  - wait: next-request\n    limit: 5s\n"
        "  - respond: {status: 200}\n",
        1);
    turn(&stage);
    expect_send(&stage, 0, 0);
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 5000);
    assert_int_equal(expect(&stage, PLAYER_LIMIT).step, 1);
    fini(&stage);
}

static void test_release_stall_and_close(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "script:\n  - respond: {status: 200}\n  - release: yes\n  - sleep: 50ms\n"
        "  - respond: {status: 102}\n  - close: fin\n",
        1);
    turn(&stage);
    expect_send(&stage, 0, 0);
    expect(&stage, PLAYER_FLUSH);
    expect(&stage, PLAYER_RELEASE);
    expect_wait(&stage, 50);
    expect_send(&stage, 3, 50);
    expect(&stage, PLAYER_FLUSH);
    expect(&stage, PLAYER_CLOSE);
    fini(&stage);
    set(&stage, "script:\n  - respond: {status: 102}\n  - stall: yes\n", 1);
    turn(&stage);
    expect_send(&stage, 0, 0);
    expect(&stage, PLAYER_FLUSH);
    expect(&stage, PLAYER_STALL);
    assert_int_equal(expect(&stage, PLAYER_WAIT).at_ns, PLAYER_NEVER);
    scenario_free(stage.scenario);
}

static void test_a_sleep_at_the_end_is_waited_for(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage, "script:\n  - respond: {status: 102}\n  - sleep: 30ms\n", 1);
    turn(&stage);
    expect_send(&stage, 0, 0);
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 30);
    fini(&stage);
}

static void test_reading_does_not_part_a_write(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "script:\n  - wait: head\n  - respond: {status: 102}\n  - reading: off\n"
        "  - respond: {status: 102}\n  - sleep: 10ms\n  - reading: on\n",
        1);
    turn(&stage);
    expect_send(&stage, 1, 0);
    expect(&stage, PLAYER_READING);
    expect_send(&stage, 3, 0);
    expect(&stage, PLAYER_FLUSH);
    expect_wait(&stage, 10);
    expect(&stage, PLAYER_READING);
    fini(&stage);
}

static void test_thirty_seconds_take_no_time(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage,
        "script:\n  - respond: {status: 102}\n    times: 30\n    every: 1s\n  - sleep: 1s\n"
        "  - respond: {status: 200}\n",
        1);
    turn(&stage);
    int sends = 0;
    for (struct player_action action = next(&stage); action.what != PLAYER_END;
         action = next(&stage)) {
        sends += action.what == PLAYER_SEND;
        if (action.what == PLAYER_FLUSH)
            player_left(&stage.player, stage.now_ns);
        if (action.what == PLAYER_WAIT)
            stage.now_ns = action.at_ns;
    }
    assert_int_equal(sends, 31);
    assert_int_equal(stage.now_ns, T0 + 30000 * MS);
    scenario_free(stage.scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_without_a_pause_are_one_write),
        cmocka_unit_test(test_the_whole_request_is_waited_for),
        cmocka_unit_test(test_time_is_counted_from_the_anchor),
        cmocka_unit_test(test_overdue_steps_are_not_joined),
        cmocka_unit_test(test_sleep_of_nothing_is_no_boundary),
        cmocka_unit_test(test_pace),
        cmocka_unit_test(test_repetition_on_a_schedule),
        cmocka_unit_test(test_repetition_without_a_pause_is_one_write),
        cmocka_unit_test(test_many_repetitions_leave_in_batches),
        cmocka_unit_test(test_forever),
        cmocka_unit_test(test_pieces_wait_until_they_were_read),
        cmocka_unit_test(test_pieces_where_nobody_knows),
        cmocka_unit_test(test_pieces_while_a_request_waits),
        cmocka_unit_test(test_cuts_outside_the_octets_are_none),
        cmocka_unit_test(test_reset_waits_until_all_was_read),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_a_wait_that_is_over_is_no_boundary),
        cmocka_unit_test(test_a_wait_has_a_limit),
        cmocka_unit_test(test_release_stall_and_close),
        cmocka_unit_test(test_a_sleep_at_the_end_is_waited_for),
        cmocka_unit_test(test_reading_does_not_part_a_write),
        cmocka_unit_test(test_thirty_seconds_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
