/* SPDX-License-Identifier: MIT */
/* Each stream is written as parts with the class its octets must get, and read four ways: whole,
 * octet by octet, cut in two at every place, and with octets after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "octets.h"

#define HEAD_102 "HTTP/1.1 102 Processing\r\n\r\n"
#define HEAD_200 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

struct part {
    enum octet_class class;
    const char *text;
};

#define H OCTETS_HEAD
#define I OCTETS_INTERIM_CONTENT
#define F OCTETS_FRAMING
#define C OCTETS_CONTENT
#define S OCTETS_SURPLUS

/* What a way of reading found: a class per octet, and a status per head that ended. */
struct seen {
    unsigned char classes[4096];
    size_t len;
    int statuses[64];
    size_t heads;
};

static void feed(struct octets *octets, struct bytes sent, enum octet_class as, struct seen *seen)
{
    struct octets_spans spans = {0};
    octets_classify(octets, sent, as, &spans);
    size_t at = 0;
    for (size_t i = 0; i < spans.count; i++) {
        const struct octets_span *span = &spans.items[i];
        assert_int_equal(span->start, at);
        assert_true(span->end > span->start);
        assert_true(span->class != OCTETS_AUTO);
        if (i > 0 && !spans.items[i - 1].ends_head)
            assert_int_not_equal(span->class, spans.items[i - 1].class);
        assert_true(seen->len + span->end - span->start <= sizeof seen->classes);
        memset(seen->classes + seen->len, (int)span->class, span->end - span->start);
        seen->len += span->end - span->start;
        if (span->ends_head)
            seen->statuses[seen->heads++] = span->status;
        at = span->end;
    }
    assert_int_equal(at, sent.len);
    octets_spans_fini(&spans);
}

static void expect(const struct seen *seen, const struct part *parts, const int *statuses)
{
    size_t at = 0;
    for (const struct part *part = parts; part->text != NULL; part++) {
        for (const char *c = part->text; *c != '\0'; c++, at++) {
            if (at < seen->len && seen->classes[at] != part->class)
                fail_msg("octet %zu (in \"%s\" at %zu) is %s, not %s", at, part->text,
                         (size_t)(c - part->text), octets_class_name(seen->classes[at]),
                         octets_class_name(part->class));
        }
    }
    assert_int_equal(seen->len, at);
    for (size_t i = 0; i < seen->heads; i++)
        assert_int_equal(seen->statuses[i], statuses[i]);
    assert_int_equal(statuses[seen->heads], -1);
}

static char *join(const struct part *parts)
{
    size_t len = 0;
    for (const struct part *part = parts; part->text != NULL; part++)
        len += strlen(part->text);
    char *all = malloc(len + 1);
    assert_non_null(all);
    all[0] = '\0';
    for (const struct part *part = parts; part->text != NULL; part++)
        strcat(all, part->text);
    return all;
}

static void read_whole(const char *method, const struct part *parts, const int *statuses)
{
    char *all = join(parts);
    struct octets octets;
    struct seen seen = {0};
    octets_init(&octets, bytes_of_str(method));
    feed(&octets, bytes_of_str(all), OCTETS_AUTO, &seen);
    expect(&seen, parts, statuses);
    free(all);
}

static void read_bytes(const char *method, const struct part *parts, const int *statuses)
{
    char *all = join(parts);
    struct octets octets;
    struct seen seen = {0};
    octets_init(&octets, bytes_of_str(method));
    for (size_t i = 0; all[i] != '\0'; i++)
        feed(&octets, bytes_of(all + i, 1), OCTETS_AUTO, &seen);
    expect(&seen, parts, statuses);
    free(all);
}

static void read_in_two(const char *method, const struct part *parts, const int *statuses)
{
    char *all = join(parts);
    size_t len = strlen(all);
    for (size_t cut = 0; cut <= len; cut++) {
        struct octets octets;
        struct seen seen = {0};
        octets_init(&octets, bytes_of_str(method));
        feed(&octets, bytes_of(all, cut), OCTETS_AUTO, &seen);
        feed(&octets, bytes_of(all + cut, len - cut), OCTETS_AUTO, &seen);
        expect(&seen, parts, statuses);
    }
    free(all);
}

/* The same stream, and `rest` after it in the same call. */
static void read_with_rest(const char *method, const struct part *parts, const int *statuses,
                           struct part rest)
{
    struct part more[32] = {0};
    size_t count = 0;
    while (parts[count].text != NULL) {
        more[count] = parts[count];
        count++;
    }
    more[count] = rest;
    read_whole(method, more, statuses);
}

#define PARTS(...) ((const struct part[]){__VA_ARGS__, {0, NULL}})
#define STATUSES(...) ((const int[]){__VA_ARGS__, -1})

static void every_way(const char *method, const struct part *parts, const int *statuses,
                      enum octet_class class_of_rest)
{
    read_whole(method, parts, statuses);
    read_bytes(method, parts, statuses);
    read_in_two(method, parts, statuses);
    read_with_rest(method, parts, statuses, (struct part){class_of_rest, "xyz"});
}

static void final_with_length(void **state)
{
    (void)state;
    every_way("GET", PARTS({H, HEAD_200}, {C, "hello"}), STATUSES(200), S);
    every_way("GET", PARTS({H, "HTTP/1.1 200 \r\ncontent-length:0\r\n\r\n"}), STATUSES(200), S);
}

static void interims_before_the_final(void **state)
{
    (void)state;
    every_way("GET",
              PARTS({H, HEAD_102},
                    {H, "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"},
                    {H, HEAD_200}, {C, "hello"}),
              STATUSES(102, 103, 200), S);
}

static void interim_alone(void **state)
{
    (void)state;
    every_way("GET", PARTS({H, HEAD_102}), STATUSES(102), I);
}

static void interim_framing_means_nothing(void **state)
{
    (void)state;
    every_way("GET",
              PARTS({H, "HTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\n"}, {H, HEAD_200},
                    {C, "hello"}),
              STATUSES(102, 200), S);
    every_way("GET",
              PARTS({H, "HTTP/1.1 102 Processing\r\nTransfer-Encoding: chunked\r\n\r\n"},
                    {H, HEAD_200}, {C, "hello"}),
              STATUSES(102, 200), S);
}

static void content_after_an_interim(void **state)
{
    (void)state;
    const struct part *parts =
        PARTS({H, "HTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\n"}, {I, "early\r\n"});
    every_way("GET", parts, STATUSES(102), I);
    /* With the next head glued on, which only whole calls can tell in time. */
    read_whole("GET", PARTS({H, HEAD_102}, {I, "earlyHello HTTP/x H"}, {H, HEAD_200}, {C, "hello"}),
               STATUSES(102, 200));
    read_whole("GET", PARTS({H, HEAD_102}, {I, "HTTQ"}, {H, HEAD_200}, {C, "hello"}),
               STATUSES(102, 200));
}

static void next_head_in_pieces_after_content(void **state)
{
    (void)state;
    /* Known for a status line at its tenth octet; what went before had to be named already. */
    read_bytes("GET",
               PARTS({H, HEAD_102}, {I, "early"}, {I, "HTTP/1.1 "},
                     {H, "200 OK\r\nContent-Length: 5\r\n\r\n"}, {C, "hello"}),
               STATUSES(102, 200));
}

static void prefix_of_a_head_after_an_interim(void **state)
{
    (void)state;
    struct octets octets;
    struct seen seen = {0};
    octets_init(&octets, bytes_of_str("GET"));
    feed(&octets, bytes_of_str(HEAD_102 "HT"), OCTETS_AUTO, &seen);
    feed(&octets, bytes_of_str("ML"), OCTETS_AUTO, &seen);
    expect(&seen, PARTS({H, HEAD_102 "HT"}, {I, "ML"}), STATUSES(102));
}

static void chunks_after_an_interim(void **state)
{
    (void)state;
#define CHUNKED_102 "HTTP/1.1 102 Processing\r\nTransfer-Encoding: chunked\r\n\r\n"
    const struct part *parts =
        PARTS({H, CHUNKED_102}, {F, "5;x=y\r\n"}, {I, "early"}, {F, "\r\nA\r\n"}, {I, "0123456789"},
              {F, "\r\n0\r\nX: y\r\n\r\n"}, {H, HEAD_200}, {C, "hello"});
    every_way("GET", parts, STATUSES(102, 200), S);
    /* The last chunk is missing, or its empty line, or the end of a chunk. */
    every_way("GET",
              PARTS({H, CHUNKED_102}, {F, "5\r\n"}, {I, "early"}, {F, "\r\n"}, {H, HEAD_200},
                    {C, "hello"}),
              STATUSES(102, 200), S);
    read_whole("GET", PARTS({H, CHUNKED_102}, {F, "0\r\n"}, {H, HEAD_200}, {C, "hello"}),
               STATUSES(102, 200));
    read_whole("GET",
               PARTS({H, CHUNKED_102}, {F, "5\r\n"}, {I, "early"}, {H, HEAD_200}, {C, "hello"}),
               STATUSES(102, 200));
    read_whole("GET",
               PARTS({H, CHUNKED_102}, {F, "ff\r\n"}, {I, "early"}, {H, HEAD_200}, {C, "hello"}),
               STATUSES(102, 200));
    read_bytes("GET",
               PARTS({H, CHUNKED_102}, {F, "0\r\nX: HTTP/\r\nHTTP"},
                     {H, "/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"}, {C, "hello"}),
               STATUSES(102, 200));
    /* What said chunked and is none. */
    every_way("GET", PARTS({H, CHUNKED_102}, {I, "xyz\r\n"}), STATUSES(102), I);
#undef CHUNKED_102
}

static void status_line_in_the_end_of_an_interim_chunk(void **state)
{
    (void)state;
    /* The chunk is said to be longer than what comes before the next head. */
    read_whole("GET",
               PARTS({H, "HTTP/1.1 102 P\r\ntransfer-encoding: chunked\r\n\r\n"}, {F, "7\r\n"},
                     {I, "early"}, {I, "HT"}, {H, "TP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}),
               STATUSES(102, 200));
}

static void chunked_final(void **state)
{
    (void)state;
#define CHUNKED_200 "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n"
    every_way("GET",
              PARTS({H, CHUNKED_200}, {F, "5\r\n"}, {C, "he\nlo"}, {F, "\r\n1 ; ext=\"a\"\r\n"},
                    {C, "x"}, {F, "\r\n000\r\nTrailer: 1\r\n folded\r\n\r\n"}),
              STATUSES(200), S);
    every_way("GET", PARTS({H, CHUNKED_200}, {F, "0\r\n\r\n"}), STATUSES(200), S);
    every_way("GET", PARTS({H, CHUNKED_200}, {F, "1\n"}, {C, "x"}, {F, "\n0\n\n"}), STATUSES(200),
              S);
    every_way("GET", PARTS({H, CHUNKED_200}, {C, "oops\r\n0\r\n\r\n"}), STATUSES(200), C);
    every_way("GET", PARTS({H, CHUNKED_200}, {F, "5"}, {C, "x\r\nhello"}), STATUSES(200), C);
    every_way("GET", PARTS({H, CHUNKED_200}, {F, "1\r\n"}, {C, "xy\r\n"}), STATUSES(200), C);
    every_way("GET", PARTS({H, CHUNKED_200}, {F, "1000000000000000"}, {C, "0\r\n"}), STATUSES(200),
              C);
    every_way("GET", PARTS({H, CHUNKED_200}, {F, "1\r\n"}, {C, "x"}, {F, "\r"}, {C, "\r\n"}),
              STATUSES(200), C);
#undef CHUNKED_200
}

static void delimiter_of_the_final(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        enum octet_class class_of_xyz;
    } cases[] = {
        {"", C},
        {"Content-Length: 0\r\n", S},
        {"Content-Length:\t0 \r\n", S},
        {"Content-Length : 0\r\n", S},
        {"Content-Length:\r\n 0\r\n", S},
        {"content-LENGTH: 0\r\nContent-Length: 0, 0\r\n", S},
        {"Content-Length: 0\r\nContent-Length: 1\r\n", C},
        {"Content-Length: 0, 1\r\n", C},
        {"Content-Length: 0 0\r\n", C},
        {"Content-Length: -0\r\n", C},
        {"Content-Length: \r\n", C},
        {"Content-Length: 18446744073709551616\r\n", C},
        {"Content-Length: 18446744073709551615\r\n", C},
        {"Content-Length: 0x0\r\n", C},
        {"X-Content-Length: 0\r\n", C},
        {"Content-Lengths: 0\r\n", C},
        {"Content-Length\r\n", C},
        {"Transfer-Encoding: gzip\r\nContent-Length: 0\r\n", C},
        {"Transfer-Encoding: chunked, gzip\r\n", C},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", C},
        {"Transfer-Encoding: chunkedx\r\n", C},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char head[200];
        strcpy(head, "HTTP/1.1 200 OK\r\n");
        strcat(strcat(head, cases[i].fields), "\r\n");
        every_way("GET", PARTS({H, head}), STATUSES(200), cases[i].class_of_xyz);
    }
}

static void finals_without_content(void **state)
{
    (void)state;
    every_way("HEAD", PARTS({H, HEAD_102}, {H, HEAD_200}), STATUSES(102, 200), S);
    every_way("GET", PARTS({H, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"}),
              STATUSES(204), S);
    every_way("GET", PARTS({H, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"}),
              STATUSES(304), S);
    every_way("head", PARTS({H, HEAD_200}), STATUSES(200), C);
}

static void connect(void **state)
{
    (void)state;
    every_way("CONNECT", PARTS({H, HEAD_102}, {H, HEAD_200}, {C, "tunnel HTTP/1.1 200 OK\r\n\r\n"}),
              STATUSES(102, 200), C);
    every_way("CONNECT", PARTS({H, "HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\n"}, {C, "x"}),
              STATUSES(407), S);
}

static void status_line_after_the_final_is_surplus(void **state)
{
    (void)state;
    every_way("GET", PARTS({H, HEAD_200}, {C, "hello"}, {S, HEAD_102}, {S, HEAD_200}),
              STATUSES(200), S);
    every_way("GET", PARTS({H, HEAD_200}, {C, "HTTP/"}), STATUSES(200), S);
}

static void line_ends_of_heads(void **state)
{
    (void)state;
    every_way(
        "GET",
        PARTS({H, "HTTP/1.1 102 P\n\n"}, {H, "HTTP/1.1 200\nContent-Length: 1\n\r\n"}, {C, "x"}),
        STATUSES(102, 200), S);
    every_way("GET", PARTS({H, "\r\n\n\r\n" HEAD_102}, {I, "\r\n"}), STATUSES(102), I);
}

static void malformed_status_lines(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "HTTP/1.1 1O2 Processing", "HTTP/1.1 1020 P",  "HTTP/1.1 10",    "HTTP/1.1  102 P",
        "HTTP/1.1 102Processing",  "HTTP/2 200",       "http/1.1 102 P", "102 Processing",
        "HTTP/1.1 099 P",          "HTTP/1.1 000 Nil", "HTTP 1.1 102 P",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char head[100];
        strcat(strcpy(head, lines[i]), "\r\nContent-Length: 5\r\n\r\n");
        every_way("GET", PARTS({H, head}, {H, HEAD_200}, {C, "hello"}), STATUSES(0, 200), S);
        every_way("GET", PARTS({H, head}, {C, "hello"}), STATUSES(0), S);
    }
    every_way("GET", PARTS({H, "HTTP/1.1 999\r\n\r\n"}, {C, "x"}), STATUSES(999), C);
}

static void content_like_a_head_after_an_odd_one(void **state)
{
    (void)state;
    const struct part *parts =
        PARTS({H, "HTTP/1.1 20 OK\r\nContent-Length: 4\r\n\r\n"}, {C, "HTML"}, {S, "x"});
    read_whole("GET", parts, STATUSES(0));
    /* What went out as the start of a head is counted all the same. */
    read_bytes("GET",
               PARTS({H, "HTTP/1.1 20 OK\r\nContent-Length: 4\r\n\r\nHT"}, {C, "ML"}, {S, "x"}),
               STATUSES(0));
    read_bytes(
        "GET",
        PARTS({H, "HTTP/1.1 20 OK\r\nTransfer-Encoding: chunked\r\n\r\nH"}, {C, "1\r\nx\r\n"}),
        STATUSES(0));
    read_bytes("GET", PARTS({H, "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nHT"}, {S, "ML"}),
               STATUSES(0));
}

static void status_is_told_once_its_line_has_ended(void **state)
{
    (void)state;
    struct octets octets;
    struct octets_spans spans = {0};
    octets_init(&octets, bytes_of_str("GET"));
    octets_classify(&octets, bytes_of_str("HTTP/1.1 102 Processing"), OCTETS_AUTO, &spans);
    assert_int_equal(spans.items[0].status, 0);
    octets_classify(&octets, bytes_of_str("\r\n"), OCTETS_AUTO, &spans);
    assert_int_equal(spans.items[0].status, 102);
    assert_false(spans.items[0].ends_head);
    octets_classify(&octets, bytes_of_str("\r\n"), OCTETS_AUTO, &spans);
    assert_int_equal(spans.items[0].status, 102);
    assert_true(spans.items[0].ends_head);
    octets_classify(&octets, bytes_of_str(""), OCTETS_AUTO, &spans);
    assert_int_equal(spans.count, 0);
    octets_spans_fini(&spans);
}

static void complete_only_at_the_end(void **state)
{
    (void)state;
    struct octets octets;
    struct octets_spans spans = {0};
    octets_init(&octets, bytes_of_str("GET"));
    octets_classify(&octets, bytes_of_str(HEAD_102), OCTETS_AUTO, &spans);
    assert_false(octets_is_complete(&octets));
    octets_classify(&octets, bytes_of_str(HEAD_200 "hell"), OCTETS_AUTO, &spans);
    assert_false(octets_is_complete(&octets));
    octets_classify(&octets, bytes_of_str("o"), OCTETS_AUTO, &spans);
    assert_true(octets_is_complete(&octets));
    octets_spans_fini(&spans);
}

static void override_leaves_the_reader_alone(void **state)
{
    (void)state;
    struct octets octets;
    struct seen seen = {0};
    octets_init(&octets, bytes_of_str("GET"));
    feed(&octets, bytes_of_str(HEAD_102), OCTETS_AUTO, &seen);
    feed(&octets, bytes_of_str("HTTP/1.1 is text"), OCTETS_INTERIM_CONTENT, &seen);
    feed(&octets, bytes_of_str(HEAD_200 "he"), OCTETS_AUTO, &seen);
    feed(&octets, bytes_of_str("junk"), OCTETS_SURPLUS, &seen);
    feed(&octets, bytes_of_str("llo"), OCTETS_AUTO, &seen);
    feed(&octets, bytes_of_str("HTTP/1.1 102 P\r\n\r\n"), OCTETS_HEAD, &seen);
    feed(&octets, bytes_of_str("x"), OCTETS_AUTO, &seen);
    expect(&seen,
           PARTS({H, HEAD_102}, {I, "HTTP/1.1 is text"}, {H, HEAD_200}, {C, "he"}, {S, "junk"},
                 {C, "llo"}, {H, "HTTP/1.1 102 P\r\n\r\n"}, {S, "x"}),
           STATUSES(102, 200, 102));
}

static void slices(void **state)
{
    (void)state;
    struct octets octets;
    struct octets_spans spans = {0}, part = {0};
    octets_init(&octets, bytes_of_str("GET"));
    octets_classify(&octets, bytes_of_str("HTTP/1.1 102 P\r\n\r\n" HEAD_200 "hello"), OCTETS_AUTO,
                    &spans);
    assert_int_equal(spans.count, 3);
    octets_slice(&spans, 0, 4, &part);
    assert_int_equal(part.count, 1);
    assert_int_equal(part.items[0].end, 4);
    assert_false(part.items[0].ends_head);
    assert_int_equal(part.items[0].status, 102);
    octets_slice(&spans, 17, 19, &part);
    assert_int_equal(part.count, 2);
    assert_int_equal(part.items[0].end, 1);
    assert_true(part.items[0].ends_head);
    assert_int_equal(part.items[1].start, 1);
    assert_int_equal(part.items[1].end, 2);
    assert_int_equal(part.items[1].status, 200);
    octets_slice(&spans, 18, 18, &part);
    assert_int_equal(part.count, 0);
    size_t len = spans.items[2].end;
    octets_slice(&spans, len - 1, len, &part);
    assert_int_equal(part.count, 1);
    assert_int_equal(part.items[0].class, OCTETS_CONTENT);
    octets_spans_fini(&spans);
    octets_spans_fini(&part);
}

static void long_field_and_long_content(void **state)
{
    (void)state;
    size_t pad = 200 * 1024;
    struct buf buf = {0};
    buf_append_str(&buf, "HTTP/1.1 200 OK\r\nX-Pad: ");
    memset(buf_reserve(&buf, pad), 'x', pad);
    buf_added(&buf, pad);
    buf_printf(&buf, "\r\nContent-Length: %zu\r\n\r\n", pad);
    size_t head_len = buf_len(&buf);
    memset(buf_reserve(&buf, pad), '\n', pad);
    buf_added(&buf, pad);
    buf_append_str(&buf, "x");
    struct octets octets;
    struct octets_spans spans = {0};
    octets_init(&octets, bytes_of_str("GET"));
    octets_classify(&octets, buf_bytes(&buf), OCTETS_AUTO, &spans);
    assert_int_equal(spans.count, 3);
    assert_int_equal(spans.items[0].end, head_len);
    assert_int_equal(spans.items[1].end, head_len + pad);
    assert_int_equal(spans.items[1].class, OCTETS_CONTENT);
    assert_int_equal(spans.items[2].class, OCTETS_SURPLUS);
    octets_spans_fini(&spans);
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(final_with_length),
        cmocka_unit_test(interims_before_the_final),
        cmocka_unit_test(interim_alone),
        cmocka_unit_test(interim_framing_means_nothing),
        cmocka_unit_test(content_after_an_interim),
        cmocka_unit_test(next_head_in_pieces_after_content),
        cmocka_unit_test(prefix_of_a_head_after_an_interim),
        cmocka_unit_test(chunks_after_an_interim),
        cmocka_unit_test(status_line_in_the_end_of_an_interim_chunk),
        cmocka_unit_test(chunked_final),
        cmocka_unit_test(delimiter_of_the_final),
        cmocka_unit_test(finals_without_content),
        cmocka_unit_test(connect),
        cmocka_unit_test(status_line_after_the_final_is_surplus),
        cmocka_unit_test(line_ends_of_heads),
        cmocka_unit_test(malformed_status_lines),
        cmocka_unit_test(content_like_a_head_after_an_odd_one),
        cmocka_unit_test(status_is_told_once_its_line_has_ended),
        cmocka_unit_test(complete_only_at_the_end),
        cmocka_unit_test(override_leaves_the_reader_alone),
        cmocka_unit_test(slices),
        cmocka_unit_test(long_field_and_long_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
