/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "h1_response.h"
#include "made.h"

enum method { METHOD_GET, METHOD_HEAD, METHOD_CONNECT };

/* The octets of all sending steps of the script. */
static void renders(enum method method, const char *script, const char *expected)
{
    struct buf text = {0}, out = {0};
    buf_append_str(&text, script);
    buf_append(&text, "", 1);
    struct scenario *scenario = made_scenario(text.data + text.start);
    int64_t params[4] = {0};
    for (size_t i = 0; i < scenario->param_count; i++)
        params[i] = scenario->params[i].default_value;
    struct place place = {
        .scenario = "made",
        .run = "r7",
        .resource = "start",
        .params = params,
        .script = &scenario->resources[0].visits[0],
        .exchange = 12,
        .is_head = method == METHOD_HEAD,
        .is_connect = method == METHOD_CONNECT,
    };
    for (size_t i = 0; i < place.script->count; i++) {
        enum step_kind kind = place.script->steps[i].kind;
        if (kind == STEP_RESPOND || kind == STEP_SEND || kind == STEP_BODY || kind == STEP_END_BODY)
            h1_response_render(&place, i, &out);
    }
    buf_append(&out, "", 1);
    assert_string_equal(out.data + out.start, expected);
    scenario_free(scenario);
    buf_fini(&text);
    buf_fini(&out);
}

#define SCRIPT "script:\n"
#define TEXT "Content-Type: text/plain\r\n"
#define OWN "interimspec made r7 start #12\n"

static void test_interim(void **state)
{
    (void)state;
    renders(METHOD_GET, SCRIPT "  - respond: {status: 102}\n", "HTTP/1.1 102 Processing\r\n\r\n");
    renders(METHOD_HEAD,
            SCRIPT "  - respond: {status: 103, fields: [\"Link: </a>; rel=preload\"]}\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n");
    renders(METHOD_GET, SCRIPT "  - respond: {status: 199}\n", "HTTP/1.1 199 \r\n\r\n");
    renders(METHOD_GET, SCRIPT "  - respond: {status: 102, reason: \"\", version: \"1.0\"}\n",
            "HTTP/1.0 102 \r\n\r\n");
    renders(METHOD_GET, SCRIPT "  - respond: {status: 102, length: 5}\n",
            "HTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\n");
    renders(METHOD_GET, SCRIPT "  - respond: {status: 102, body: \"abc\"}\n",
            "HTTP/1.1 102 Processing\r\n\r\nabc");
    renders(METHOD_GET, SCRIPT "  - respond: {status: 102, framing: length, body: \"abc\"}\n",
            "HTTP/1.1 102 Processing\r\nContent-Length: 3\r\n\r\nabc");
    renders(METHOD_GET, SCRIPT "  - respond: {status: 102, framing: chunked, body: none}\n",
            "HTTP/1.1 102 Processing\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

static void test_final(void **state)
{
    (void)state;
    renders(METHOD_GET, SCRIPT "  - respond: {status: 200}\n",
            "HTTP/1.1 200 OK\r\n" TEXT "Content-Length: 30\r\n\r\n" OWN);
    renders(METHOD_GET, SCRIPT "  - respond: {status: 200, body: none}\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    renders(METHOD_GET, SCRIPT "  - respond: {status: 200, fields: [\"content-type: a/b\"]}\n",
            "HTTP/1.1 200 OK\r\ncontent-type: a/b\r\nContent-Length: 30\r\n\r\n" OWN);
    renders(METHOD_GET, SCRIPT "  - respond: {status: 200, framing: close}\n",
            "HTTP/1.1 200 OK\r\n" TEXT "\r\n" OWN);
    renders(METHOD_GET, SCRIPT "  - respond: {status: 200, framing: chunked}\n",
            "HTTP/1.1 200 OK\r\n" TEXT "Transfer-Encoding: chunked\r\n\r\n1e\r\n" OWN
            "\r\n0\r\n\r\n");
    renders(METHOD_GET,
            SCRIPT "  - respond: {status: 200, framing: chunked, body: \"ab\", trailers: "
                   "[\"X: y\"]}\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n\r\n");
    renders(METHOD_GET, SCRIPT "  - respond: {status: 200, length: 99}\n",
            "HTTP/1.1 200 OK\r\n" TEXT "Content-Length: 99\r\n\r\n" OWN);
}

static void test_finals_without_content(void **state)
{
    (void)state;
    renders(METHOD_GET, SCRIPT "  - respond: {status: 204}\n", "HTTP/1.1 204 No Content\r\n\r\n");
    renders(METHOD_GET, SCRIPT "  - respond: {status: 304}\n", "HTTP/1.1 304 Not Modified\r\n\r\n");
    renders(METHOD_GET, SCRIPT "  - respond: {status: 204, framing: length, body: \"abc\"}\n",
            "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc");
    renders(METHOD_HEAD, SCRIPT "  - respond: {status: 200}\n", "HTTP/1.1 200 OK\r\n" TEXT "\r\n");
    renders(METHOD_HEAD, SCRIPT "  - respond: {status: 200, framing: length}\n",
            "HTTP/1.1 200 OK\r\n" TEXT "Content-Length: 30\r\n\r\n");
    renders(METHOD_CONNECT, SCRIPT "  - respond: {status: 200}\n", "HTTP/1.1 200 OK\r\n\r\n");
    renders(METHOD_CONNECT, SCRIPT "  - respond: {status: 403, body: none}\n",
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
}

static void test_order_of_fields(void **state)
{
    (void)state;
    renders(METHOD_GET,
            "resources:\n  start:\n    - [{respond: {status: 302, set_cookie: \"a=b\", location: "
            "moved, fields: [\"B: 1\", {name: A, value: \"x\", pad: 3}]}}]\n"
            "  moved:\n    - [{respond: {status: 200}}]\n",
            "HTTP/1.1 302 Found\r\nB: 1\r\nA: xxxx\r\n" TEXT "Location: /made/r7/moved\r\n"
            "Set-Cookie: a=b; Path=/made/r7\r\nContent-Length: 30\r\n\r\n" OWN);
    renders(METHOD_GET,
            "resources:\n  start:\n    - [{respond: {status: 307, location: start, body: none}}]\n",
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: /made/r7\r\nContent-Length: 0\r\n\r\n");
}

static void test_content_in_steps(void **state)
{
    (void)state;
    static const char later[] = SCRIPT "  - respond: {status: 200, framing: chunked, body: later}\n"
                                       "  - body: \"one\"\n  - body: \"seventeen octets.\"\n"
                                       "  - end-body: {trailers: [\"X: y\"]}\n";
    renders(METHOD_GET, later,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"
            "11\r\nseventeen octets.\r\n0\r\nX: y\r\n\r\n");
    renders(METHOD_HEAD, later, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    renders(METHOD_GET,
            SCRIPT "  - respond: {status: 200, length: 6, body: later}\n"
                   "  - body: \"one\"\n  - send: \"raw\"\n  - end-body: yes\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\noneraw");
}

static void test_sized_content(void **state)
{
    (void)state;
    renders(METHOD_GET, SCRIPT "  - respond: {status: 200, framing: none, body: {size: 50}}\n",
            "HTTP/1.1 200 OK\r\n" TEXT "\r\n"
            "interimspec made r7 start #12 @0000000000\ninterims");
    renders(METHOD_GET,
            "params: {n: {default: 3, min: 1, max: 9}}\n" SCRIPT
            "  - respond: {status: 200, body: {size: n, fill: text}}\n",
            "HTTP/1.1 200 OK\r\n" TEXT "Content-Length: 3\r\n\r\nint");
}

static void test_page(void **state)
{
    (void)state;
    struct buf out = {0};
    h1_response_page(404, "A: b\r\n", "text/plain", bytes_of_str("no"), false, &out);
    buf_append(&out, "", 1);
    assert_string_equal(out.data + out.start, "HTTP/1.1 404 Not Found\r\nA: b\r\nContent-Type: "
                                              "text/plain\r\nContent-Length: 2\r\n\r\nno");
    buf_clear(&out);
    h1_response_page(404, "", "text/plain", bytes_of_str("no"), true, &out);
    buf_append(&out, "", 1);
    assert_string_equal(
        out.data + out.start,
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interim),
        cmocka_unit_test(test_final),
        cmocka_unit_test(test_finals_without_content),
        cmocka_unit_test(test_order_of_fields),
        cmocka_unit_test(test_content_in_steps),
        cmocka_unit_test(test_sized_content),
        cmocka_unit_test(test_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
