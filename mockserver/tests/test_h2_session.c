/* SPDX-License-Identifier: MIT */
/* What clients send is read whole, octet by octet, and cut in two at every place; the events must
 * be the same each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "field_list.h"
#include "h2_frame.h"
#include "h2_session.h"
#include "hpack.h"

/* The events as text: one line each, content joined. */
struct log {
    struct buf text;
    struct buf replies;
};

static void on_head(void *user, const struct request_head *head)
{
    struct log *log = user;
    buf_printf(&log->text, "head %u %.*s %.*s at %llu+%llu data %u\n", head->stream,
               (int)head->method.len, head->method.data, (int)head->target.len, head->target.data,
               (unsigned long long)head->offset, (unsigned long long)head->len, head->data_max);
}

static void on_body(void *user, uint32_t stream, struct bytes content)
{
    struct log *log = user;
    buf_printf(&log->text, "body %u %.*s\n", stream, (int)content.len, content.data);
}

static void on_request_end(void *user, uint32_t stream)
{
    struct log *log = user;
    buf_printf(&log->text, "end %u\n", stream);
}

static void on_bad_request(void *user, const struct bad_request *bad)
{
    (void)user;
    fail_msg("%s", bad->reason);
}

static void on_frame(void *user, const struct frame_note *frame)
{
    struct log *log = user;
    struct bytes fields = frame->fields, name, value;
    const char *type = h2_type_name(frame->type);
    buf_printf(&log->text, "%s %u", type ? type : "unknown", frame->stream);
    while (field_list_next(&fields, &name, &value))
        buf_printf(&log->text, " %.*s=%.*s", (int)name.len, name.data, (int)value.len, value.data);
    buf_append_str(&log->text, frame->undecodable ? " undecodable\n" : "\n");
}

static void on_stream_reset(void *user, uint32_t stream, uint32_t error)
{
    struct log *log = user;
    buf_printf(&log->text, "reset %u %s\n", stream, h2_error_name(error));
}

static void on_broken_rule(void *user, const struct broken_rule *broken)
{
    struct log *log = user;
    assert_true(strlen(broken->reason) > 0);
    buf_printf(&log->text, "broken %u %s\n", broken->stream, h2_error_name(broken->error));
}

static void on_reply(void *user, struct bytes octets)
{
    struct log *log = user;
    buf_append_bytes(&log->replies, octets);
}

static const struct protocol_listener listener = {
    .on_head = on_head,
    .on_body = on_body,
    .on_request_end = on_request_end,
    .on_bad_request = on_bad_request,
    .on_frame = on_frame,
    .on_stream_reset = on_stream_reset,
    .on_broken_rule = on_broken_rule,
    .on_reply = on_reply,
};

/* ---- a client's octets ---- */

static void frame(struct buf *out, uint8_t type, uint8_t flags, uint32_t stream,
                  const char *payload, size_t len)
{
    h2_frame_write(out, type, flags, stream, bytes_of(payload, len));
}

static struct buf connection(void)
{
    struct buf out = {0};
    buf_append_str(&out, H2_PREFACE);
    frame(&out, H2_SETTINGS, 0, 0, NULL, 0);
    return out;
}

/* `pairs` are names and values in turn, ended by NULL. */
static void headers(struct buf *out, uint8_t flags, uint32_t stream, const char *const *pairs)
{
    struct buf block = {0};
    for (; *pairs; pairs += 2)
        hpack_write_long(&block, bytes_of_str(pairs[0]), bytes_of_str(pairs[1]), 0, false);
    h2_frame_write(out, H2_HEADERS, flags, stream, buf_bytes(&block));
    buf_fini(&block);
}

#define GET ":method", "GET", ":scheme", "http", ":path", "/x"
#define POST ":method", "POST", ":scheme", "http", ":path", "/x"
#define FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})
enum { ENDS = H2_END_HEADERS | H2_END_STREAM };

/* ---- reading ---- */

static void feed(struct h2_session *session, const char *octets, size_t len)
{
    /* A copy of its own, so that a sanitizer sees whoever reads beyond. */
    char *exact = malloc(len ? len : 1);
    memcpy(exact, octets, len);
    h2_session_receive(session, bytes_of(exact, len));
    free(exact);
}

static void check(struct h2_session *session, struct log *log, const char *expected,
                  const char *how, size_t at)
{
    buf_append(&log->text, "", 1);
    if (strcmp(log->text.data + log->text.start, expected) != 0)
        fail_msg("%s (%zu): expected\n%sgot\n%s", how, at, expected,
                 log->text.data + log->text.start);
    h2_session_free(session);
    buf_fini(&log->text);
    buf_fini(&log->replies);
    *log = (struct log){0};
}

static struct h2_session *begin(struct log *log, const struct h2_settings *settings)
{
    struct h2_session *session = h2_session_new(&listener, log);
    h2_session_begin(session, settings);
    buf_clear(&log->replies);
    return session;
}

/* Takes the octets. */
static void reads(struct buf *octets, const char *expected)
{
    struct bytes all = buf_bytes(octets);
    struct log log = {0};
    struct h2_session *session = begin(&log, NULL);
    feed(session, all.data, all.len);
    check(session, &log, expected, "whole", 0);

    session = begin(&log, NULL);
    for (size_t i = 0; i < all.len; i++)
        feed(session, all.data + i, 1);
    check(session, &log, expected, "octet by octet", 0);

    for (size_t i = 0; i <= all.len && all.len < 1000; i++) {
        session = begin(&log, NULL);
        feed(session, all.data, i);
        feed(session, all.data + i, all.len - i);
        check(session, &log, expected, "cut at", i);
    }
    buf_fini(octets);
}

static void test_requests(void **state)
{
    (void)state;
    struct buf octets = connection();
    headers(&octets, ENDS, 1, FIELDS(GET));
    headers(&octets, ENDS, 3, FIELDS(GET, "x-a", "b"));
    reads(&octets, "SETTINGS 0\n"
                   "HEADERS 1\nhead 1 GET /x at 33+24 data 16384\nend 1\n"
                   "HEADERS 3\nhead 3 GET /x at 57+31 data 16384\nend 3\n");
}

static void test_content_and_trailers(void **state)
{
    (void)state;
    struct buf octets = connection();
    headers(&octets, H2_END_HEADERS, 1, FIELDS(POST, "content-length", "5"));
    frame(&octets, H2_DATA, 0, 1, "ab", 2);
    frame(&octets, H2_DATA, H2_PADDED, 1, "\002cd\0\0", 5);
    frame(&octets, 0xfa, 7, 1, "unknown", 7);
    frame(&octets, H2_DATA, 0, 1, "e", 1);
    headers(&octets, ENDS, 1, FIELDS("x-sum", "7"));
    reads(&octets, "SETTINGS 0\nHEADERS 1\nhead 1 POST /x at 33+29 data 16384\n"
                   "DATA 1\nbody 1 ab\nDATA 1\nbody 1 cd\nunknown 1\nDATA 1\nbody 1 e\n"
                   "HEADERS 1 x-sum=7\nend 1\n");
}

static void test_continuation(void **state)
{
    (void)state;
    struct buf octets = connection(), block = {0};
    hpack_write(&block, bytes_of_str(":method"), bytes_of_str("GET"));
    hpack_write(&block, bytes_of_str(":scheme"), bytes_of_str("http"));
    hpack_write(&block, bytes_of_str(":path"), bytes_of_str("/x"));
    const char *at = buf_bytes(&block).data;
    frame(&octets, H2_HEADERS, H2_END_STREAM, 1, at, 1);
    frame(&octets, H2_CONTINUATION, 0, 1, at + 1, 0);
    frame(&octets, H2_CONTINUATION, H2_END_HEADERS, 1, at + 1, buf_len(&block) - 1);
    buf_fini(&block);
    reads(&octets, "SETTINGS 0\nHEADERS 1\nCONTINUATION 1\nCONTINUATION 1\n"
                   "head 1 GET /x at 33+42 data 16384\nend 1\n");
}

/* The connection goes on after a malformed request (RFC 9113 8.1.1). */
static void test_malformed_requests(void **state)
{
    (void)state;
    static const char *const requests[][16] = {
        {":method", "GET", ":scheme", "http", NULL},
        {":method", "GET", ":method", "GET", ":scheme", "http", ":path", "/", NULL},
        {GET, ":status", "102", NULL},
        {"x", "y", GET, NULL},
        {GET, "X", "y", NULL},
        {GET, "connection", "close", NULL},
        {GET, "te", "gzip", NULL},
        {GET, "x", "a\rb", NULL},
        {GET, "", "a", NULL},
        {GET, "content-length", "1x", NULL},
        {GET, "content-length", "1", "content-length", "2", NULL},
        {":method", "CONNECT", ":scheme", "http", ":path", "/", NULL},
        {":method", "GET", ":scheme", "http", ":path", "", NULL},
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct log log = {0};
        struct buf octets = connection();
        struct h2_session *session = begin(&log, NULL);
        headers(&octets, ENDS, 1, requests[i]);
        headers(&octets, ENDS, 3, FIELDS(GET));
        feed(session, octets.data, buf_len(&octets));
        buf_append(&log.text, "", 1);
        assert_non_null(strstr(log.text.data, "broken 1 PROTOCOL_ERROR\n"));
        assert_non_null(strstr(log.text.data, "end 3\n"));
        assert_null(strstr(log.text.data, "head 1"));
        log.text.end--;
        buf_clear(&log.text);
        check(session, &log, "", "malformed", i);
        buf_fini(&octets);
    }
}

static void breaks(uint8_t type, uint8_t flags, uint32_t stream, const char *payload, size_t len,
                   const char *error)
{
    struct log log = {0};
    struct buf octets = connection(), expected = {0};
    struct h2_session *session = begin(&log, NULL);
    headers(&octets, H2_END_HEADERS, 1, FIELDS(POST));
    frame(&octets, type, flags, stream, payload, len);
    headers(&octets, ENDS, 7, FIELDS(GET));
    feed(session, octets.data, buf_len(&octets));
    buf_printf(&expected, "broken %s\n", error);
    buf_append(&expected, "", 1);
    buf_append(&log.text, "", 1);
    if (!strstr(log.text.data, expected.data))
        fail_msg("type %d: wanted %s, got\n%s", type, expected.data, log.text.data);
    bool goes_on = strstr(log.text.data, "end 7") != NULL;
    assert_int_equal(goes_on, error[0] != '0');
    buf_fini(&expected);
    buf_fini(&octets);
    buf_fini(&log.text);
    check(session, &log, "", "broken", type);
}

static void test_broken_rules(void **state)
{
    (void)state;
    breaks(H2_DATA, 0, 0, "x", 1, "0 PROTOCOL_ERROR");
    breaks(H2_DATA, 0, 5, "x", 1, "0 PROTOCOL_ERROR");
    breaks(H2_DATA, H2_PADDED, 1, "\005x", 2, "0 PROTOCOL_ERROR");
    breaks(H2_HEADERS, H2_END_HEADERS, 2, "\x82", 1, "0 PROTOCOL_ERROR");
    breaks(H2_HEADERS, H2_END_HEADERS, 3, "\xff\xff\xff\xff\xff\xff", 6, "0 COMPRESSION_ERROR");
    breaks(H2_HEADERS, 0, 3, "\x82", 1, "0 PROTOCOL_ERROR"); /* others stand amid the block */
    breaks(H2_HEADERS, H2_END_HEADERS, 1, "\x82", 1, "1 PROTOCOL_ERROR");
    breaks(H2_CONTINUATION, H2_END_HEADERS, 1, "\x82", 1, "0 PROTOCOL_ERROR");
    breaks(H2_PRIORITY, 0, 1, "1234", 4, "0 FRAME_SIZE_ERROR");
    breaks(H2_RST_STREAM, 0, 1, "123", 3, "0 FRAME_SIZE_ERROR");
    breaks(H2_RST_STREAM, 0, 9, "1234", 4, "0 PROTOCOL_ERROR");
    breaks(H2_SETTINGS, 0, 0, "12345", 5, "0 FRAME_SIZE_ERROR");
    breaks(H2_SETTINGS, 0, 1, NULL, 0, "0 PROTOCOL_ERROR");
    breaks(H2_SETTINGS, 0, 0, "\0\004\xff\xff\xff\xff", 6, "0 FLOW_CONTROL_ERROR");
    breaks(H2_SETTINGS, 0, 0, "\0\005\0\0\0\1", 6, "0 PROTOCOL_ERROR");
    breaks(H2_PUSH_PROMISE, H2_END_HEADERS, 1, "\0\0\0\2\x82", 5, "0 PROTOCOL_ERROR");
    breaks(H2_PING, 0, 0, "1234567", 7, "0 FRAME_SIZE_ERROR");
    breaks(H2_GOAWAY, 0, 0, "1234567", 7, "0 FRAME_SIZE_ERROR");
    breaks(H2_WINDOW_UPDATE, 0, 0, "\0\0\0\0", 4, "0 PROTOCOL_ERROR");
    breaks(H2_WINDOW_UPDATE, 0, 1, "\0\0\0\0", 4, "1 PROTOCOL_ERROR");
    breaks(H2_WINDOW_UPDATE, 0, 0, "\x7f\xff\xff\xff", 4, "0 FLOW_CONTROL_ERROR");
    breaks(H2_WINDOW_UPDATE, 0, 1, "\x7f\xff\xff\xff", 4, "1 FLOW_CONTROL_ERROR");
    breaks(H2_WINDOW_UPDATE, 0, 1, "\0\0", 2, "0 FRAME_SIZE_ERROR");
}

static void test_not_http2(void **state)
{
    (void)state;
    struct buf octets = {0};
    buf_append_str(&octets, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    reads(&octets, "broken 0 PROTOCOL_ERROR\n");
    buf_append_str(&octets, H2_PREFACE);
    frame(&octets, H2_PING, 0, 0, "12345678", 8);
    reads(&octets, "PING 0\nbroken 0 PROTOCOL_ERROR\n");
    octets = connection();
    h2_frame_write_header(&octets, H2_FRAME_MAX + 1, H2_DATA, 0, 1);
    reads(&octets, "SETTINGS 0\nbroken 0 FRAME_SIZE_ERROR\n");
}

static void test_floods_end(void **state)
{
    (void)state;
    static const struct {
        uint8_t type, flags;
        const char *payload;
        size_t len;
    } floods[] = {{H2_PING, 0, "12345678", 8},
                  {H2_SETTINGS, 0, NULL, 0},
                  {H2_DATA, 0, NULL, 0},
                  {H2_PRIORITY, 0, "12345", 5},
                  {0xfa, 0, NULL, 0}};
    for (size_t i = 0; i < sizeof floods / sizeof floods[0]; i++) {
        struct log log = {0};
        struct buf octets = connection();
        bool whole = floods[i].type == H2_PING || floods[i].type == H2_SETTINGS;
        struct h2_session *session = begin(&log, NULL);
        headers(&octets, H2_END_HEADERS, 1, FIELDS(POST));
        for (int j = 0; j <= H2_MAX_IDLE_FRAMES; j++)
            frame(&octets, floods[i].type, floods[i].flags, whole ? 0 : 1, floods[i].payload,
                  floods[i].len);
        feed(session, octets.data, buf_len(&octets));
        buf_append(&log.text, "", 1);
        assert_non_null(strstr(log.text.data, "broken 0 ENHANCE_YOUR_CALM"));
        buf_fini(&log.text);
        check(session, &log, "", "flood", i);
        buf_fini(&octets);
    }
}

static void test_rapid_reset_ends(void **state)
{
    (void)state;
    struct log log = {0};
    struct buf octets = connection();
    struct h2_session *session = begin(&log, NULL);
    feed(session, octets.data, buf_len(&octets));
    for (uint32_t i = 0; i <= H2_MAX_RESETS; i++) {
        buf_clear(&octets);
        buf_clear(&log.text);
        headers(&octets, ENDS, 2 * i + 1, FIELDS(GET));
        frame(&octets, H2_RST_STREAM, 0, 2 * i + 1, "\0\0\0\010", 4);
        feed(session, octets.data, buf_len(&octets));
        assert_int_equal(h2_session_open_streams(session), i == H2_MAX_RESETS ? 1 : 0);
    }
    buf_append(&log.text, "", 1);
    assert_non_null(strstr(log.text.data, "broken 0 ENHANCE_YOUR_CALM"));
    buf_fini(&log.text);
    check(session, &log, "", "resets", 0);
    buf_fini(&octets);
}

static void test_streams_are_bounded(void **state)
{
    (void)state;
    struct log log = {0};
    struct h2_settings settings = {.initial_window = -1, .max_streams = 2};
    struct h2_session *session = begin(&log, &settings);
    struct buf octets = connection();
    for (uint32_t id = 1; id <= 5; id += 2)
        headers(&octets, ENDS, id, FIELDS(GET));
    feed(session, octets.data, buf_len(&octets));
    assert_int_equal(h2_session_open_streams(session), 2);
    buf_append(&log.text, "", 1);
    assert_non_null(strstr(log.text.data, "broken 5 REFUSED_STREAM"));
    buf_fini(&log.text);
    check(session, &log, "", "bounded", 0);
    buf_fini(&octets);
}

static void test_field_sections_are_bounded(void **state)
{
    (void)state;
    struct log log = {0};
    struct h2_session *session = begin(&log, NULL);
    struct buf octets = connection();
    /* One octet in the block, thousands in the section. */
    static const char *const large[] = {GET, NULL};
    headers(&octets, ENDS, 1, large);
    struct buf block = {0}, value = {0};
    memset(buf_reserve(&value, 4000), 'x', 4000);
    buf_added(&value, 4000);
    hpack_write_long(&block, bytes_of_str("x"), buf_bytes(&value), 0, true);
    for (int i = 0; i < 100; i++)
        hpack_write_indexed(&block, 62);
    h2_frame_write(&octets, H2_HEADERS, ENDS, 3, buf_bytes(&block));
    headers(&octets, ENDS, 5, FIELDS(GET));
    feed(session, octets.data, buf_len(&octets));
    buf_append(&log.text, "", 1);
    assert_non_null(strstr(log.text.data, "broken 3 ENHANCE_YOUR_CALM"));
    assert_non_null(strstr(log.text.data, "end 5"));
    buf_fini(&log.text);
    check(session, &log, "", "bomb", 0);
    buf_fini(&block);
    buf_fini(&value);
    buf_fini(&octets);
}

/* ---- sending ---- */

static void test_windows_hold_data_back(void **state)
{
    (void)state;
    struct log log = {0};
    struct h2_session *session = begin(&log, NULL);
    struct buf octets = connection(), out = {0};
    frame(&octets, H2_SETTINGS, 0, 0, "\0\004\0\0\0\012", 6); /* a window of ten octets */
    headers(&octets, ENDS, 1, FIELDS(GET));
    feed(session, octets.data, buf_len(&octets));
    frame(&out, H2_HEADERS, H2_END_HEADERS, 1, "\x88", 1);
    size_t head_len = buf_len(&out);
    frame(&out, H2_DATA, 0, 1, "0123456", 7);
    size_t first_len = buf_len(&out);
    frame(&out, H2_DATA, H2_END_STREAM, 1, "7890", 4);
    assert_int_equal(h2_session_leave(session, bytes_of(out.data, head_len), true), head_len);
    struct bytes rest = bytes_of(out.data + head_len, buf_len(&out) - head_len);
    assert_int_equal(h2_session_leave(session, rest, true), first_len - head_len);
    rest = bytes_of(out.data + first_len, buf_len(&out) - first_len);
    assert_int_equal(h2_session_leave(session, rest, true), 0);
    buf_clear(&octets);
    frame(&octets, H2_WINDOW_UPDATE, 0, 1, "\0\0\0\1", 4);
    feed(session, octets.data, buf_len(&octets));
    assert_int_equal(h2_session_open_streams(session), 1);
    assert_int_equal(h2_session_leave(session, rest, true), rest.len);
    assert_int_equal(h2_session_open_streams(session), 0);
    /* Frames that do not wait leave whatever the windows are, and octets that are none too. */
    assert_int_equal(h2_session_leave(session, rest, false), rest.len);
    assert_int_equal(h2_session_leave(session, bytes_of("junk", 4), true), 4);
    buf_fini(&log.text);
    check(session, &log, "", "windows", 0);
    buf_fini(&octets);
    buf_fini(&out);
}

static void test_answers(void **state)
{
    (void)state;
    static const char expected[] = "\0\0\0\004\001\0\0\0\0"
                                   "\0\0\010\006\001\0\0\0\0"
                                   "12345678"
                                   "\0\0\004\010\0\0\0\0\001\0\0\0\003"
                                   "\0\0\004\010\0\0\0\0\0\0\0\0\003";
    struct log log = {0};
    struct h2_session *session = begin(&log, NULL);
    struct buf octets = connection();
    frame(&octets, H2_PING, 0, 0, "12345678", 8);
    headers(&octets, H2_END_HEADERS, 1, FIELDS(POST));
    frame(&octets, H2_DATA, 0, 1, "ab", 2);
    frame(&octets, H2_DATA, 0, 1, "c", 1);
    feed(session, octets.data, buf_len(&octets));
    assert_int_equal(buf_len(&log.replies), sizeof expected - 1);
    assert_memory_equal(buf_bytes(&log.replies).data, expected, sizeof expected - 1);
    buf_fini(&log.text);
    check(session, &log, "", "answers", 0);
    buf_fini(&octets);
}

/* Where the scenario says how large the window is, only its scripts give more. */
static void test_window_that_scripts_give(void **state)
{
    (void)state;
    struct log log = {0};
    struct h2_settings settings = {.initial_window = 4, .max_streams = -1};
    struct h2_session *session = begin(&log, &settings);
    struct buf octets = connection(), out = {0};
    frame(&octets, H2_SETTINGS, H2_ACK, 0, NULL, 0);
    headers(&octets, H2_END_HEADERS, 1, FIELDS(POST));
    frame(&octets, H2_DATA, 0, 1, "abcd", 4);
    feed(session, octets.data, buf_len(&octets));
    frame(&out, H2_WINDOW_UPDATE, 0, 1, "\0\0\0\1", 4);
    h2_session_leave(session, buf_bytes(&out), true);
    buf_clear(&octets);
    frame(&octets, H2_DATA, 0, 1, "e", 1);
    frame(&octets, H2_DATA, 0, 1, "f", 1);
    feed(session, octets.data, buf_len(&octets));
    buf_append(&log.text, "", 1);
    assert_non_null(strstr(log.text.data, "body 1 e\n"));
    assert_null(strstr(log.text.data, "body 1 f\n"));
    assert_non_null(strstr(log.text.data, "broken 1 FLOW_CONTROL_ERROR\n"));
    buf_fini(&log.text);
    check(session, &log, "", "given", 0);
    buf_fini(&octets);
    buf_fini(&out);
}

/* A client may send as much as the window was before it has read our SETTINGS. It makes the window
 * negative when they hold, and an empty frame takes none of it (RFC 9113, 6.9.1 and 6.9.2). */
static void test_empty_data_needs_no_window(void **state)
{
    (void)state;
    struct log log = {0};
    struct h2_settings settings = {.initial_window = 4, .max_streams = -1};
    struct h2_session *session = begin(&log, &settings);
    struct buf octets = connection();
    headers(&octets, H2_END_HEADERS, 1, FIELDS(POST));
    frame(&octets, H2_DATA, 0, 1, "abcdefgh", 8);
    frame(&octets, H2_SETTINGS, H2_ACK, 0, NULL, 0);
    frame(&octets, H2_DATA, 0, 1, NULL, 0);
    frame(&octets, H2_DATA, H2_END_STREAM, 1, NULL, 0);
    feed(session, octets.data, buf_len(&octets));
    buf_append(&log.text, "", 1);
    assert_non_null(strstr(log.text.data, "body 1 abcdefgh\n"));
    assert_null(strstr(log.text.data, "broken"));
    buf_fini(&log.text);
    check(session, &log, "", "empty", 0);
    buf_fini(&octets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_empty_data_needs_no_window),
        cmocka_unit_test(test_content_and_trailers),
        cmocka_unit_test(test_continuation),
        cmocka_unit_test(test_malformed_requests),
        cmocka_unit_test(test_broken_rules),
        cmocka_unit_test(test_not_http2),
        cmocka_unit_test(test_floods_end),
        cmocka_unit_test(test_rapid_reset_ends),
        cmocka_unit_test(test_streams_are_bounded),
        cmocka_unit_test(test_field_sections_are_bounded),
        cmocka_unit_test(test_windows_hold_data_back),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_window_that_scripts_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
