/* SPDX-License-Identifier: MIT */
/* Events are noted at made-up times, and the JSON compared as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "made.h"
#include "player.h"
#include "transcript_json.h"

#define MS INT64_C(1000000)

struct stage {
    struct scenario *scenario;
    struct run_registry *registry;
    struct run *run;
};

static void set(struct stage *stage, const char *text)
{
    enum run_error error;
    stage->scenario = made_scenario(text);
    stage->registry = run_registry_new(4, NULL, 0, 4000, 4443);
    struct run_spec spec = {.scenario = stage->scenario,
                            .transport = TRANSPORT_H1,
                            .token = bytes_of_str("r1"),
                            .origin = {.monotonic_ns = 100 * MS, .realtime_ns = 5000 * MS}};
    stage->run = run_make(stage->registry, &spec, &error);
    assert_non_null(stage->run);
}

static struct moment at(struct stage *stage, int64_t ms, uint32_t exchange)
{
    return (struct moment){.transcript = &stage->run->transcript,
                           .now_ns = (100 + ms) * MS,
                           .began_ns = (100 + ms) * MS - MS / 4,
                           .conn = 1,
                           .exchange = exchange};
}

static void request(struct stage *stage, int64_t ms, uint32_t exchange, const char *head)
{
    struct request_note note = {
        .script = &stage->scenario->resources[0].visits[0],
        .resource = "start",
        .head = bytes_of_str(head),
        .visit = 1,
        .flags = EVENT_WITH_RECEIVED | EVENT_FIRST_ON_CONNECTION,
    };
    transcript_request(at(stage, ms, exchange), &note);
    transcript_request_end(at(stage, ms, exchange), 0, bytes_of(NULL, 0), NULL);
    transcript_note(at(stage, ms, exchange), EVENT_TURN);
}

/* The events, one per line, in slices of one octet or more. */
static struct buf events_of(struct stage *stage)
{
    struct buf out = {0};
    struct transcript_writer *writer = transcript_writer_new(stage->run, true, 1);
    while (!transcript_writer_some(writer, &out, 1)) {
    }
    transcript_writer_free(writer);
    buf_append(&out, "", 1);
    char *events = strstr(out.data + out.start, "\"events\":[");
    assert_non_null(events);
    struct buf lines = {0};
    for (char *c = events + 10; *c; c++) {
        buf_append(&lines, c, 1);
        if (c[0] == '}' && c[1] == ',')
            *++c = '\n', buf_append(&lines, "\n", 1);
    }
    buf_append(&lines, "", 1);
    buf_fini(&out);
    return lines;
}

static void expect_events(struct stage *stage, const char *expected)
{
    struct buf lines = events_of(stage);
    assert_string_equal(lines.data + lines.start, expected);
    buf_fini(&lines);
    run_registry_free(stage->registry);
    scenario_free(stage->scenario);
}

#define GET "GET /made/r1 HTTP/1.1\r\nHost: x\r\n\r\n"
#define REQUEST_LINES                                                                              \
    "{\"t\":1.000,\"conn\":1,\"event\":\"received\",\"offset\":0,\"len\":34,\"bytes\":\"GET "      \
    "/made/r1 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n\"}\n"                                              \
    "{\"t\":1.000,\"conn\":1,\"exchange\":0,\"event\":\"request\",\"resource\":\"start\","         \
    "\"visit\":1,\"method\":\"GET\",\"target\":\"/made/r1\",\"version\":\"1.1\",\"fields\":[["     \
    "\"Host\",\"x\"]],\"queued\":false,\"first_on_connection\":true,\"offset\":0,\"head_len\":"    \
    "34}\n"                                                                                        \
    "{\"t\":1.000,\"conn\":1,\"exchange\":0,\"event\":\"request-end\",\"body_len\":0,"             \
    "\"body_sha256\":null,\"body\":\"\"}\n"                                                        \
    "{\"t\":1.000,\"conn\":1,\"exchange\":0,\"event\":\"turn\"}\n"

static void test_request_and_send(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage, "script:\n  - respond: {status: 102}\n");
    request(&stage, 1, 0, GET);
    transcript_send(at(&stage, 3, 0), 0, 102 * MS, 0, 27);
    transcript_note(at(&stage, 3, 0), EVENT_SCRIPT_END);
    assert_int_equal(stage.run->transcript.worst_late_ns, 1 * MS);
    expect_events(&stage, REQUEST_LINES
                  "{\"t\":3.000,\"conn\":1,\"exchange\":0,\"event\":\"send\",\"step\":0,\"line\":5,"
                  "\"due\":2.000,\"began\":2.750,\"left\":3.000,\"offset\":0,\"len\":27,"
                  "\"bytes\":\"HTTP/1.1 102 "
                  "Processing\\r\\n\\r\\n\",\"spans\":[[0,27,\"head\"]],\"alone\":\"n/a\","
                  "\"unread_before\":null}\n"
                  "{\"t\":3.000,\"conn\":1,\"exchange\":0,\"event\":\"script-end\"}]}");
}

static void test_repetition_is_one_event(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage, "script:\n  - respond: {status: 102}\n    times: 40\n    every: 1ms\n");
    request(&stage, 1, 0, GET);
    struct event_repeat *repeat = transcript_repeat(at(&stage, 1, 0), 0, 101 * MS, 0, 27);
    for (int i = 0; i < 40; i++)
        transcript_repeat_add(at(&stage, 1 + i + (i == 7), 0), repeat, (101 + i) * MS, 1, 27);
    struct buf lines = events_of(&stage);
    const char *text = lines.data + lines.start;
    assert_non_null(strstr(
        text,
        "\"times\":40,\"due\":1.000,\"began\":0.750,\"left\":1.000,"
        "\"first_left\":1.000,\"last_began\":39.750,\"last_left\":40.000,\"worst_late\":1.000,"
        "\"offset\":0,\"len\":1080,\"unit_len\":27,\"bytes\":\"HTTP/1.1 102 Processing"));
    assert_non_null(strstr(text, "[8.000,9.000,8.750],[9.000,9.000,8.750]"));
    assert_non_null(strstr(text, "[32.000,32.000,31.750]],\"alone\""));
    assert_null(strstr(text, "[33.000,33.000]"));
    buf_fini(&lines);
    run_registry_free(stage.registry);
    scenario_free(stage.scenario);
}

static void test_pieces_share_the_classes_of_their_step(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage, "script:\n  - send: \"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nokmore\"\n"
                "    split: [10, 39]\n");
    request(&stage, 1, 0, GET);
    const struct piece_note notes[] = {
        {0, 0, 0, 3, ALONE_NOT_ASKED}, {10, 0, 1, 3, 0}, {39, 0, 2, 3, 4}};
    const uint64_t lens[] = {10, 29, 5};
    struct event_piece *before = NULL;
    uint64_t offset = 0;
    for (int i = 0; i < 3; i++) {
        struct event_piece *piece =
            transcript_piece(at(&stage, 2 + i, 0), 0, (102 + i) * MS, offset, lens[i], &notes[i]);
        if (before)
            before->unread_after = notes[i].unread_before;
        before = piece;
        offset += lens[i];
    }
    struct buf lines = events_of(&stage);
    const char *text = lines.data + lines.start;
    assert_non_null(strstr(text, "\"len\":10,\"bytes\":\"HTTP/1.1 2\",\"spans\":[[0,10,\"head\"]],"
                                 "\"alone\":\"yes\",\"unread_before\":null}"));
    assert_non_null(strstr(text, "\"spans\":[[0,28,\"head\"],[28,29,\"content\"]],\"alone\":\"no\","
                                 "\"unread_before\":0}"));
    assert_non_null(strstr(text, "\"bytes\":\"kmore\",\"spans\":[[0,1,\"content\"],[1,5,\"surplus\""
                                 "]],\"alone\":\"n/a\",\"unread_before\":4}"));
    buf_fini(&lines);
    run_registry_free(stage.registry);
    scenario_free(stage.scenario);
}

static void test_octets_past_the_caps_are_left_out(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage, "script:\n  - respond: {status: 200, body: {size: 70000, fill: octets}}\n");
    request(&stage, 1, 0, GET);
    char *octets = calloc(1, TRANSCRIPT_EVENT_OCTETS + 1);
    struct bytes most = bytes_of(octets, TRANSCRIPT_EVENT_OCTETS);
    struct bytes too_many = bytes_of(octets, TRANSCRIPT_EVENT_OCTETS + 1);
    transcript_received(at(&stage, 2, EXCHANGE_NONE), 34, too_many);
    for (int i = 0; i < TRANSCRIPT_RUN_OCTETS / TRANSCRIPT_EVENT_OCTETS; i++)
        transcript_received(at(&stage, 3, EXCHANGE_NONE), 34, most);
    transcript_received(at(&stage, 4, EXCHANGE_NONE), 34, bytes_of_str("x"));
    transcript_send(at(&stage, 5, 0), 0, 105 * MS, 0, 70068);
    struct buf lines = events_of(&stage);
    const char *text = lines.data + lines.start;
    assert_non_null(strstr(text, "\"offset\":34,\"len\":65537}"));
    assert_non_null(strstr(text, "{\"t\":4.000,\"conn\":1,\"event\":\"received\",\"offset\":34,"
                                 "\"len\":1}"));
    assert_non_null(strstr(text, "\"len\":70068,\"sha256\":\""));
    assert_non_null(strstr(text, "\"content_len\":70000,\"content_sha256\":\""));
    assert_int_equal(stage.run->transcript.octets, TRANSCRIPT_RUN_OCTETS);
    assert_int_equal(stage.run->transcript.dropped, 0);
    buf_fini(&lines);
    free(octets);
    run_registry_free(stage.registry);
    scenario_free(stage.scenario);
}

static void test_a_full_transcript_drops_and_says_so(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage, "script:\n  - respond: {status: 102}\n");
    for (int i = 0; !stage.run->transcript.dropped; i++) {
        assert_true(i < 1000000);
        transcript_note(at(&stage, i, EXCHANGE_NONE), EVENT_BLOCKED);
    }
    assert_true(stage.run->transcript.memory <= TRANSCRIPT_MAX_RECORDS + 128 * 1024);
    struct buf out = {0};
    struct transcript_writer *writer = transcript_writer_new(stage.run, true, 1);
    assert_false(transcript_writer_some(writer, &out, 1));
    buf_append(&out, "", 1);
    assert_non_null(strstr(out.data + out.start, "\"complete\":false,\"dropped_events\":1,"));
    transcript_writer_free(writer);
    buf_fini(&out);
    run_registry_free(stage.registry);
    scenario_free(stage.scenario);
}

static void test_content_of_requests(void **state)
{
    (void)state;
    struct stage stage;
    set(&stage, "script:\n  - respond: {status: 102}\n");
    request(&stage, 1, 0, GET);
    transcript_request_end(at(&stage, 2, 0), 3, bytes_of_str("a\xff\""), NULL);
    transcript_request_end(at(&stage, 3, 0), 9999999, bytes_of(NULL, 0),
                           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    struct buf lines = events_of(&stage);
    const char *text = lines.data + lines.start;
    assert_non_null(strstr(text, "\"body\":\"a\\u00ff\\\"\"}"));
    assert_non_null(strstr(text, "\"body_len\":9999999,\"body_sha256\":\"0123456789abcdef01234567"
                                 "89abcdef0123456789abcdef0123456789abcdef\"}"));
    buf_fini(&lines);
    run_registry_free(stage.registry);
    scenario_free(stage.scenario);
}

static void test_nothing_is_kept_when_off(void **state)
{
    (void)state;
    struct transcript transcript;
    transcript_init(&transcript, (struct clock_pair){0}, true);
    struct moment now = {.transcript = &transcript, .now_ns = 1, .conn = 1};
    transcript_note(now, EVENT_TURN);
    transcript_received(now, 0, bytes_of_str("x"));
    transcript_send(now, 0, 0, 0, 1);
    assert_null(transcript_repeat(now, 0, 0, 0, 1));
    assert_int_equal(transcript.memory, 0);
    struct transcript_cursor cursor = {0};
    assert_null(transcript_next(&transcript, &cursor));
    transcript_fini(&transcript);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_and_send),
        cmocka_unit_test(test_repetition_is_one_event),
        cmocka_unit_test(test_pieces_share_the_classes_of_their_step),
        cmocka_unit_test(test_octets_past_the_caps_are_left_out),
        cmocka_unit_test(test_a_full_transcript_drops_and_says_so),
        cmocka_unit_test(test_content_of_requests),
        cmocka_unit_test(test_nothing_is_kept_when_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
