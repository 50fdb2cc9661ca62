/* SPDX-License-Identifier: MIT */
/* Every stream is read whole, octet by octet, cut in two at every place, and with octets behind it;
 * the events must be the same each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "h1_request.h"

/* The events as text: one line each, content joined. */
struct log {
    struct buf text;
    struct buf content;
    bool bad;
};

static void on_head(void *user, const struct request_head *head)
{
    struct log *log = user;
    buf_printf(&log->text, "head %.*s %.*s %d.%d at %llu+%zu%s%s\n", (int)head->method.len,
               head->method.data, (int)head->target.len, head->target.data, head->version_major,
               head->version_minor, (unsigned long long)head->offset, head->raw.len,
               head->keep_alive ? "" : " close", head->upgrade ? " upgrade" : "");
}

static void on_body(void *user, uint32_t stream, struct bytes content)
{
    (void)stream;
    struct log *log = user;
    buf_append_bytes(&log->content, content);
}

static void on_request_end(void *user, uint32_t stream)
{
    (void)stream;
    struct log *log = user;
    buf_append_str(&log->text, "end ");
    buf_append_bytes(&log->text, buf_bytes(&log->content));
    buf_append_str(&log->text, "\n");
    buf_clear(&log->content);
}

static void on_bad_request(void *user, const struct bad_request *bad)
{
    static const char *const kinds[] = {"malformed", "method", "too-large", "tls", "h2"};
    struct log *log = user;
    assert_false(log->bad);
    log->bad = true;
    buf_printf(&log->text, "bad %s %.*s\n", kinds[bad->kind], (int)bad->method.len,
               bad->method.len ? bad->method.data : "");
    assert_true(strlen(bad->reason) > 0);
}

static const struct protocol_listener listener = {.on_head = on_head,
                                                  .on_body = on_body,
                                                  .on_request_end = on_request_end,
                                                  .on_bad_request = on_bad_request};

static void feed(struct h1_request *request, const char *octets, size_t len)
{
    /* A copy of its own, so that a sanitizer sees whoever reads beyond. */
    char *copy = malloc(len + 1);
    memcpy(copy, octets, len);
    char *exact = realloc(copy, len ? len : 1);
    h1_request_receive(request, bytes_of(exact, len));
    free(exact);
}

static void check(struct h1_request *request, struct log *log, const char *expected,
                  const char *how, size_t at)
{
    buf_append(&log->text, "", 1);
    if (strcmp(log->text.data + log->text.start, expected) != 0)
        fail_msg("%s (%zu): expected\n%sgot\n%s", how, at, expected,
                 log->text.data + log->text.start);
    h1_request_free(request);
    buf_fini(&log->text);
    buf_fini(&log->content);
    *log = (struct log){0};
}

static void reads(const char *octets, const char *expected)
{
    size_t len = strlen(octets);
    struct log log = {0};
    struct h1_request *request = h1_request_new(&listener, &log);
    feed(request, octets, len);
    check(request, &log, expected, "whole", 0);

    request = h1_request_new(&listener, &log);
    for (size_t i = 0; i < len; i++)
        feed(request, octets + i, 1);
    check(request, &log, expected, "octet by octet", 0);

    for (size_t i = 0; i <= len; i++) {
        request = h1_request_new(&listener, &log);
        feed(request, octets, i);
        feed(request, octets + i, len - i);
        check(request, &log, expected, "cut at", i);
    }

    /* Trailing octets begin the next request, or are ignored after a bad one. */
    request = h1_request_new(&listener, &log);
    struct buf more = {0};
    buf_append(&more, octets, len);
    buf_append_str(&more, "\r\nGET /tra");
    feed(request, more.data + more.start, buf_len(&more));
    buf_fini(&more);
    check(request, &log, expected, "with octets behind it", 0);
}

static void test_simple(void **state)
{
    (void)state;
    reads("GET /a/b HTTP/1.1\r\nHost: x\r\n\r\n", "head GET /a/b 1.1 at 0+30\nend \n");
    reads("GET / HTTP/1.0\r\n\r\n", "head GET / 1.0 at 0+18 close\nend \n");
    reads("HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n", "head HEAD / 1.1 at 0+38 close\nend \n");
    reads("PROPFIND /c/ HTTP/1.1\r\nDepth: 1\r\n\r\n", "head PROPFIND /c/ 1.1 at 0+35\nend \n");
}

static void test_content(void **state)
{
    (void)state;
    reads("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
          "head POST / 1.1 at 0+38\nend hello\n");
    reads("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n"
          "0\r\nX: y\r\n\r\n",
          "head POST / 1.1 at 0+47\nend hello world\n");
    reads("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "head POST / 1.1 at 0+38\nend \n");
}

static void test_several(void **state)
{
    (void)state;
    reads("GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"
          "\r\n\r\nGET /3 HTTP/1.1\r\n\r\n",
          "head GET /1 1.1 at 0+19\nend \nhead POST /2 1.1 at 19+39\nend ab\n"
          "head GET /3 1.1 at 64+19\nend \n");
    reads("GET /1 HTTP/1.1\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\n\r\n",
          "head GET /1 1.1 at 0+38 close\nend \nhead GET /2 1.1 at 38+19\nend \n");
}

static void test_upgrade_is_ignored(void **state)
{
    (void)state;
    reads("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /2 HTTP/1.1\r\n\r\n",
          "head GET / 1.1 at 0+53 upgrade\nend \nhead GET /2 1.1 at 53+19\nend \n");
    reads("POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc"
          "GET /2 HTTP/1.1\r\n\r\n",
          "head POST / 1.1 at 0+73 upgrade\nend abc\nhead GET /2 1.1 at 76+19\nend \n");
}

static void test_connect(void **state)
{
    (void)state;
    reads("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\nGET /in HTTP/1.1\r\n\r\n",
          "head CONNECT a:80 1.1 at 0+37\nend \nhead GET /in 1.1 at 37+20\nend \n");
    reads("CONNECT a:80 HTTP/1.1\r\nContent-Length: 4\r\n\r\nGET /in HTTP/1.1\r\n\r\n",
          "head CONNECT a:80 1.1 at 0+44\nend \nhead GET /in 1.1 at 44+20\nend \n");
}

static void test_bad(void **state)
{
    (void)state;
    reads("nonsense\r\n", "bad malformed \n");
    reads("GET / HTTP/1.1\r\nHost x\r\n\r\n", "bad malformed \n");
    reads("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "bad malformed \n");
    reads("GET / HTTP/3.7\r\n\r\n", "bad malformed \n");
    reads("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
          "head POST / 1.1 at 0+47\nbad malformed \n");
}

static void test_unknown_methods(void **state)
{
    (void)state;
    reads("QUERY /a HTTP/1.1\r\nHost: x\r\n\r\n", "bad method QUERY\n");
    reads("get /a HTTP/1.1\r\n\r\n", "bad method get\n");
    reads("FOOBAR /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "bad method FOOBAR\n");
    reads("PLAY rtsp://a HTTP/1.1\r\n\r\n", "bad method PLAY\n");
    reads("F@O / HTTP/1.1\r\n\r\n", "bad malformed \n");
    reads("FOO /\r\n\r\n", "bad malformed \n");
}

static void test_other_protocols(void **state)
{
    (void)state;
    reads("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "bad h2 \n");
    reads("\x16\x03\x01\x02", "bad tls \n");
    reads("\x16\x04", "bad malformed \n");
    reads("\x15\x03\x01", "bad malformed \n");
    reads("\x80\x2e\x01", "bad malformed \n");
}

static void test_too_large(void **state)
{
    (void)state;
    struct log log = {0};
    struct buf head = {0};
    buf_append_str(&head, "GET / HTTP/1.1\r\nX: ");
    memset(buf_reserve(&head, H1_REQUEST_MAX_HEAD), 'x', H1_REQUEST_MAX_HEAD);
    buf_added(&head, H1_REQUEST_MAX_HEAD);
    buf_append_str(&head, "\r\n\r\n");
    for (size_t step = buf_len(&head); step > 64; step /= 3) {
        struct h1_request *request = h1_request_new(&listener, &log);
        for (size_t at = 0; at < buf_len(&head); at += step)
            feed(request, head.data + head.start + at,
                 step < buf_len(&head) - at ? step : buf_len(&head) - at);
        check(request, &log, "bad too-large \n", "step", step);
    }
    buf_fini(&head);
}

static void test_fields(void **state)
{
    (void)state;
    struct bytes head = bytes_of_str("GET / HTTP/1.1\r\nHost: x\r\nA:\r\nB:  y z \t\r\n"
                                     "C: one\r\n  two\r\nhost: again\r\n\r\n");
    const char *at = NULL;
    struct bytes name, value;
    static const char *const expected[][2] = {
        {"Host", "x"}, {"A", ""}, {"B", "y z"}, {"C", "one\r\n  two"}, {"host", "again"}};
    for (size_t i = 0; i < 5; i++) {
        assert_true(h1_request_next_field(head, &at, &name, &value));
        assert_true(bytes_equal_str(name, expected[i][0]));
        assert_true(bytes_equal_str(value, expected[i][1]));
    }
    assert_false(h1_request_next_field(head, &at, &name, &value));
    assert_true(bytes_equal_str(h1_request_field(head, "HOST"), "x"));
    assert_null(h1_request_field(head, "Expect").data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple),          cmocka_unit_test(test_content),
        cmocka_unit_test(test_several),         cmocka_unit_test(test_upgrade_is_ignored),
        cmocka_unit_test(test_connect),         cmocka_unit_test(test_bad),
        cmocka_unit_test(test_unknown_methods), cmocka_unit_test(test_other_protocols),
        cmocka_unit_test(test_too_large),       cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
