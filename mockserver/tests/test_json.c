/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "json.h"

static void expect(struct buf *buf, const char *text)
{
    buf_append(buf, "", 1);
    assert_string_equal(buf->data + buf->start, text);
    buf_fini(buf);
}

static void objects_and_arrays(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct json json;
    json_init(&json, &buf);
    json_object(&json);
    json_key_int(&json, "v", 1);
    json_key_array(&json, "events");
    json_object(&json);
    json_end_object(&json);
    json_int(&json, -2);
    json_array(&json);
    json_end_array(&json);
    json_bool(&json, true);
    json_null(&json);
    json_end_array(&json);
    json_key_object(&json, "params");
    json_end_object(&json);
    json_key_bool(&json, "complete", false);
    json_key_null(&json, "port");
    json_key(&json, "raw");
    json_raw(&json, bytes_of_str("{\"a\":1}"));
    json_end_object(&json);
    assert_int_equal(json.depth, 0);
    expect(&buf, "{\"v\":1,\"events\":[{},-2,[],true,null],\"params\":{},\"complete\":false,"
                 "\"port\":null,\"raw\":{\"a\":1}}");
}

static void one_int(int64_t value, const char *text)
{
    struct buf buf = {0};
    struct json json;
    json_init(&json, &buf);
    json_int(&json, value);
    expect(&buf, text);
}

static void integers(void **state)
{
    (void)state;
    one_int(0, "0");
    one_int(-1, "-1");
    one_int(INT64_MAX, "9223372036854775807");
    one_int(INT64_MIN, "-9223372036854775808");
}

static void one_ms(int64_t ns, const char *text)
{
    struct buf buf = {0};
    struct json json;
    json_init(&json, &buf);
    json_ms(&json, ns);
    expect(&buf, text);
}

static void milliseconds(void **state)
{
    (void)state;
    one_ms(0, "0.000");
    one_ms(999, "0.000");
    one_ms(1000, "0.001");
    one_ms(1234567, "1.234");
    one_ms(1795212784000123456, "1795212784000.123");
    one_ms(-1, "-0.001");
    one_ms(-1000, "-0.001");
    one_ms(-1500000, "-1.500");
    one_ms(INT64_MIN, "-9223372036854.776");
}

static void reals(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct json json;
    json_init(&json, &buf);
    json_array(&json);
    json_real(&json, 1.0, 1);
    json_real(&json, -0.12345, 3);
    json_real(&json, NAN, 3);
    json_real(&json, INFINITY, 0);
    json_end_array(&json);
    expect(&buf, "[1.0,-0.123,null,null]");
}

static void octets_become_code_points(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct json json;
    json_init(&json, &buf);
    json_array(&json);
    json_octets(&json, bytes_of("a\"\\/\r\n\t\b\f\0\x1f\x7f\x80\xff", 14));
    json_octets(&json, bytes_of(NULL, 0));
    json_end_array(&json);
    expect(&buf, "[\"a\\\"\\\\/\\r\\n\\t\\b\\f\\u0000\\u001f\\u007f\\u0080\\u00ff\",\"\"]");
}

static void many_octets(void **state)
{
    (void)state;
    char octets[10000];
    memset(octets, 0xfe, sizeof octets);
    struct buf buf = {0};
    struct json json;
    json_init(&json, &buf);
    json_octets(&json, bytes_of(octets, sizeof octets));
    assert_int_equal(buf_len(&buf), 2 + 6 * sizeof octets);
    for (size_t i = 0; i < sizeof octets; i++)
        assert_memory_equal(buf.data + buf.start + 1 + 6 * i, "\\u00fe", 6);
    buf_fini(&buf);
}

static void text_is_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"plain \"q\" \n", "\"plain \\\"q\\\" \\n\""},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xc3", "\"\\ufffd\""},
        {"\xc3(", "\"\\ufffd(\""},
        {"\xc0\xaf", "\"\\ufffd\\ufffd\""},
        {"\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\""},
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
        {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
        {"\xff\x80z", "\"\\ufffd\\ufffdz\""},
        {"\xf0\x9f\x98", "\"\\ufffd\\ufffd\\ufffd\""},
        {NULL, "null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf buf = {0};
        struct json json;
        json_init(&json, &buf);
        json_text(&json, cases[i].text);
        expect(&buf, cases[i].json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_and_arrays),
        cmocka_unit_test(integers),
        cmocka_unit_test(milliseconds),
        cmocka_unit_test(reals),
        cmocka_unit_test(octets_become_code_points),
        cmocka_unit_test(many_octets),
        cmocka_unit_test(text_is_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
