/* SPDX-License-Identifier: MIT */
/* Scripts are rendered as frames, and what was rendered is read again: h2_response.h, h2_frames.h
 * and h2_octets.h, hpack.h on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "field_list.h"
#include "h2_frame.h"
#include "h2_octets.h"
#include "h2_response.h"
#include "hpack.h"
#include "made.h"

enum method { METHOD_GET, METHOD_HEAD, METHOD_CONNECT };

static void say_frame(struct buf *out, const struct h2_described *described,
                      const struct h2_sent_frame *frame)
{
    struct bytes name, value;
    if (frame->is_raw) {
        buf_printf(out, "  raw %zu\n", frame->len);
        return;
    }
    const char *type = h2_type_name(frame->type);
    buf_printf(out, "  %s %u", type ? type : "unknown", frame->stream);
    for (unsigned bit = 1; bit <= 0x80; bit <<= 1) {
        const char *flag = frame->flags & bit ? h2_flag_name(frame->type, (uint8_t)bit) : NULL;
        if (flag)
            buf_printf(out, " %s", flag);
    }
    struct bytes fields =
        frame->has_fields && frame->fields_len > 0
            ? bytes_of(described->fields.data + frame->fields_at, frame->fields_len)
            : bytes_of(NULL, 0);
    while (field_list_next(&fields, &name, &value))
        buf_printf(out, " %.*s=%.*s", (int)name.len, name.data, value.len > 40 ? 4 : (int)value.len,
                   value.data);
    buf_printf(out, "%s\n", frame->undecodable ? " undecodable" : "");
}

/* Every sending step: its frames, and the classes of its octets. */
static void plays(enum method method, const char *script, const char *expected)
{
    struct scenario *scenario = made_scenario(script);
    int64_t params[4] = {0};
    for (size_t i = 0; i < scenario->param_count; i++)
        params[i] = scenario->params[i].default_value;
    struct place place = {
        .scenario = "made",
        .run = "r7",
        .resource = "start",
        .params = params,
        .script = &scenario->resources[0].visits[0],
        .stream = 5,
        .data_max = 16384,
        .exchange = 12,
        .is_head = method == METHOD_HEAD,
        .is_connect = method == METHOD_CONNECT,
    };
    struct h2_octets octets = {.stream = 5};
    struct hpack_reader *table = hpack_reader_new();
    struct h2_described described = {0};
    struct octets_spans spans = {0};
    struct buf out = {0}, said = {0};
    for (size_t i = 0; i < place.script->count; i++) {
        enum step_kind kind = place.script->steps[i].kind;
        if (kind != STEP_RESPOND && kind != STEP_BODY && kind != STEP_END_BODY &&
            kind != STEP_FRAMES && kind != STEP_WINDOW)
            continue;
        buf_clear(&out);
        h2_response_render(&place, i, &out);
        h2_octets_read(&octets, table, buf_bytes(&out), &described, &spans);
        buf_printf(&said, "%zu:", i);
        size_t at = 0;
        for (size_t j = 0; j < spans.count; j++) {
            assert_int_equal(spans.items[j].start, at);
            at = spans.items[j].end;
            buf_printf(&said, " %s %zu", octets_class_name(spans.items[j].class),
                       at - spans.items[j].start);
        }
        assert_int_equal(at, buf_len(&out));
        buf_append_str(&said, "\n");
        for (size_t j = 0; j < described.count; j++)
            say_frame(&said, &described, &described.items[j]);
    }
    buf_append(&said, "", 1);
    assert_string_equal(said.data + said.start, expected);
    hpack_reader_free(table);
    h2_described_fini(&described);
    h2_octets_fini(&octets);
    octets_spans_fini(&spans);
    scenario_free(scenario);
    buf_fini(&out);
    buf_fini(&said);
}

#define SCRIPT "transports: [h2c, h2]\nscript:\n"

static void test_respond(void **state)
{
    (void)state;
    plays(METHOD_GET,
          SCRIPT "  - respond: {status: 102}\n"
                 "  - respond: {status: 200, fields: [\"X-A: b\"], body: \"hello\"}\n",
          "0: head 14\n"
          "  HEADERS 5 END_HEADERS :status=102\n"
          "1: head 21 framing 9 content 5\n"
          "  HEADERS 5 END_HEADERS :status=200 x-a=b content-length=5\n"
          "  DATA 5 END_STREAM\n");
    plays(METHOD_GET, SCRIPT "  - respond: {status: 204}\n",
          "0: head 10\n"
          "  HEADERS 5 END_STREAM END_HEADERS :status=204\n");
    plays(METHOD_GET, SCRIPT "  - respond: {status: 200}\n",
          "0: head 28 framing 9 content 30\n"
          "  HEADERS 5 END_HEADERS :status=200 content-type=text/plain content-length=30\n"
          "  DATA 5 END_STREAM\n");
    plays(METHOD_HEAD, SCRIPT "  - respond: {status: 200}\n",
          "0: head 23\n"
          "  HEADERS 5 END_STREAM END_HEADERS :status=200 content-type=text/plain\n");
    plays(METHOD_CONNECT, SCRIPT "  - respond: {status: 200}\n",
          "0: head 10\n"
          "  HEADERS 5 END_HEADERS :status=200\n");
}

/* A complete response ends its stream, one that lacks octets does not. */
static void test_ends(void **state)
{
    (void)state;
    plays(METHOD_GET,
          SCRIPT "  - respond: {status: 200, framing: close, body: \"x\"}\n  - close: fin\n",
          "0: head 10 framing 9 content 1\n"
          "  HEADERS 5 END_HEADERS :status=200\n"
          "  DATA 5 END_STREAM\n");
    plays(METHOD_GET, SCRIPT "  - respond: {status: 200, length: 9, body: \"x\"}\n  - close: fin\n",
          "0: head 14 framing 9 content 1\n"
          "  HEADERS 5 END_HEADERS :status=200 content-length=9\n"
          "  DATA 5\n");
    plays(METHOD_GET,
          SCRIPT "  - respond: {status: 200, framing: chunked, body: later}\n"
                 "  - body: \"ab\"\n"
                 "  - respond: {status: 102}\n"
                 "  - body: \"c\"\n"
                 "  - end-body: {trailers: [\"X-Sum: 7\"]}\n",
          "0: head 10\n  HEADERS 5 END_HEADERS :status=200\n"
          "1: framing 9 content 2\n  DATA 5\n"
          "2: surplus 14\n  HEADERS 5 END_HEADERS :status=102\n"
          "3: framing 9 content 1\n  DATA 5\n"
          "4: framing 18\n  HEADERS 5 END_STREAM END_HEADERS x-sum=7\n");
}

static void test_content_is_cut(void **state)
{
    (void)state;
    plays(METHOD_GET,
          SCRIPT "  - respond: {status: 200, body: {size: 20000}, framing: close}\n"
                 "  - close: fin\n",
          "0: head 23 framing 9 content 16384 framing 9 content 3616\n"
          "  HEADERS 5 END_HEADERS :status=200 content-type=text/plain\n"
          "  DATA 5\n  DATA 5 END_STREAM\n");
}

static void test_long_sections(void **state)
{
    (void)state;
    plays(METHOD_GET,
          SCRIPT "  - respond: {status: 102, fields: [{name: x-large, value: \"\", pad: 20000}]}\n",
          "0: head 20036\n"
          "  HEADERS 5 :status=102 x-large=xxxx\n"
          "  CONTINUATION 5 END_HEADERS\n");
}

static void test_malformed(void **state)
{
    (void)state;
    plays(METHOD_GET,
          SCRIPT "  - frames: [{headers: {status: 102}, end_stream: yes}]\n"
                 "  - respond: {status: 200, body: none}\n",
          "0: head 14\n  HEADERS 5 END_STREAM END_HEADERS :status=102\n"
          "1: surplus 14\n  HEADERS 5 END_STREAM END_HEADERS :status=200 content-length=0\n");
    plays(
        METHOD_GET,
        SCRIPT
        "  - frames: [{headers: {status: 102}}, {data: \"junk\"}]\n"
        "  - frames: [{headers: {fields: [\"X-Upper: y\", \":status: 200\", \":status: 201\"]}}]\n"
        "  - frames: [{data: own, end_stream: yes, pad: 3}, {headers: {status: 102}}]\n",
        "0: head 14 framing 9 interim-content 4\n"
        "  HEADERS 5 END_HEADERS :status=102\n  DATA 5\n"
        "1: head 26\n  HEADERS 5 END_HEADERS X-Upper=y :status=200 :status=201\n"
        "2: framing 10 content 30 framing 3 surplus 14\n"
        "  DATA 5 END_STREAM PADDED\n  HEADERS 5 END_HEADERS :status=102\n");
    plays(METHOD_GET,
          SCRIPT "  - frames: [{headers: {fields: [\"x: y\"]}}, {data: \"a\"}]\n"
                 "  - frames: [{headers: {status: 200}}, {data: \"b\"}]\n"
                 "  - frames: [{headers: {fields: [\"x: y\"]}}]\n",
          "0: head 14 framing 9 content 1\n  HEADERS 5 END_HEADERS x=y\n  DATA 5\n"
          "1: head 10 framing 9 content 1\n  HEADERS 5 END_HEADERS :status=200\n  DATA 5\n"
          "2: framing 14\n  HEADERS 5 END_HEADERS x=y\n");
}

static void test_other_frames(void **state)
{
    (void)state;
    plays(METHOD_GET,
          SCRIPT "  - frames:\n"
                 "      - {ping: \"12345678\"}\n"
                 "      - {settings: {MAX_CONCURRENT_STREAMS: 1, 4660: 2}}\n"
                 "      - {unknown: {type: 250, flags: 1, payload: \"ab\"}}\n"
                 "      - {window_update: 7}\n"
                 "      - {push_promise: {promised: 2, fields: [\":method: GET\"]}}\n"
                 "      - {goaway: {code: CANCEL, last: this, debug: \"bye\"}}\n"
                 "      - {rst_stream: INTERNAL_ERROR}\n"
                 "      - {raw: \"junk\"}\n"
                 "  - window: 1KiB\n",
          "0: framing 117\n"
          "  PING 0\n  SETTINGS 0\n  unknown 5\n  WINDOW_UPDATE 5\n"
          "  PUSH_PROMISE 5 END_HEADERS :method=GET\n  GOAWAY 0\n  RST_STREAM 5\n  raw 4\n"
          "1: framing 13\n  WINDOW_UPDATE 5\n");
}

/* The table is shared by all sections: who leaves one out cannot read the next. */
static void test_table(void **state)
{
    (void)state;
    plays(METHOD_GET,
          SCRIPT
          "  - frames: [{headers: {status: 102, fields: [{name: x-a, value: \"1\", table: add}],"
          " split: [1, 4]}, pad: 2}]\n"
          "  - frames: [{headers: {status: 200, fields: [{indexed: 62}]}, end_stream: yes}]\n"
          "  - frames: [{headers: {status: 200, fields: [{indexed: 70}]}, stream: 7}]\n",
          "0: head 42\n  HEADERS 5 PADDED :status=102 x-a=1\n"
          "  CONTINUATION 5\n  CONTINUATION 5 END_HEADERS\n"
          "1: head 11\n  HEADERS 5 END_STREAM END_HEADERS :status=200 x-a=1\n"
          "2: framing 11\n  HEADERS 7 END_HEADERS :status=200 undecodable\n");
}

/* A section that is never finished is a head as far as it goes. */
static void test_unfinished(void **state)
{
    (void)state;
    plays(METHOD_GET,
          SCRIPT "  - frames: [{headers: {status: 102, unfinished: yes}}]\n"
                 "  - frames: [{ping: \"12345678\"}]\n",
          "0: head 14\n  HEADERS 5\n"
          "1: framing 17\n  PING 0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_respond),        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_content_is_cut), cmocka_unit_test(test_long_sections),
        cmocka_unit_test(test_malformed),      cmocka_unit_test(test_other_frames),
        cmocka_unit_test(test_table),          cmocka_unit_test(test_unfinished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
