/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../xmalloc.h"
#include "../yaml_reader.h"

static struct node *parse(const char *text)
{
    struct yaml_reader_error error;
    struct node *root = yaml_reader_parse(bytes_of_str(text), &error);
    if (root == NULL)
        fail_msg("%d:%d: %s", error.line, error.column, error.message);
    return root;
}

/* The text is refused at that place with those words in the message. */
static void refuse(struct bytes text, int line, int column, const char *words)
{
    struct yaml_reader_error error;
    struct node *root = yaml_reader_parse(text, &error);
    assert_null(root);
    if (error.line != line || error.column != column || strstr(error.message, words) == NULL)
        fail_msg("expected %d:%d %s, got %d:%d %s", line, column, words, error.line, error.column,
                 error.message);
    free(error.message);
}

static void refuse_text(const char *text, int line, int column, const char *words)
{
    refuse(bytes_of_str(text), line, column, words);
}

static void test_tree(void **state)
{
    (void)state;
    struct node *root = parse("a: 0102\nb: [no, \"x\\0y\", 'q']\nc:\n  d: ~\n  e:\n");
    assert_int_equal(root->kind, NODE_MAP);
    assert_int_equal(root->count, 3);
    assert_true(node_is(node_get(root, "a"), "0102"));
    const struct node *b = node_get(root, "b");
    assert_int_equal(b->kind, NODE_LIST);
    assert_int_equal(b->count, 3);
    assert_int_equal(b->line, 2);
    assert_int_equal(b->column, 4);
    assert_int_equal(b->key->column, 1);
    assert_true(node_is(b->first, "no"));
    assert_false(b->first->quoted);
    const struct node *quoted = b->first->next;
    assert_true(quoted->quoted);
    assert_int_equal(quoted->column, 9);
    assert_int_equal(quoted->text.len, 3);
    assert_memory_equal(quoted->text.data, "x\0y", 4);
    assert_false(quoted->next->quoted);
    const struct node *c = node_get(root, "c");
    assert_true(node_is(node_get(c, "d"), "~"));
    assert_true(node_is(node_get(c, "e"), ""));
    assert_null(node_get(c, "f"));
    assert_null(node_get(b, "f"));
    assert_false(node_is(b, ""));
    node_free(root);
}

static void test_json(void **state)
{
    (void)state;
    struct node *root = parse("{\"scenario\":\"single-102\",\t\"port\":true,\"params\":{\"n\":5},"
                              "\"none\":null,\"list\":[],\"slash\":\"\\/\\u00e9\"}\n");
    assert_true(node_is(node_get(root, "scenario"), "single-102"));
    assert_true(node_get(root, "scenario")->quoted);
    assert_true(node_is(node_get(root, "port"), "true"));
    assert_true(node_is(node_get(node_get(root, "params"), "n"), "5"));
    assert_true(node_is(node_get(root, "none"), "null"));
    assert_int_equal(node_get(root, "list")->count, 0);
    assert_true(node_is(node_get(root, "slash"), "/\xc3\xa9"));
    node_free(root);
}

static void test_columns_count_code_points(void **state)
{
    (void)state;
    struct node *root = parse("{ä€: [\"\xf0\x9f\x98\x80\", x]}");
    assert_int_equal(root->first->first->next->column, 12);
    node_free(root);
    refuse_text("ä: é\n€ : *a\n", 2, 5, "aliases");
}

static void test_refuses_what_is_not_in_the_subset(void **state)
{
    (void)state;
    refuse_text("a: &x 1\n", 1, 4, "anchors");
    refuse_text("a: !x 1\n", 1, 4, "tags");
    refuse_text("a: ! 1\n", 1, 4, "tags");
    refuse_text("- *x\n", 1, 3, "aliases");
    refuse_text("a: 1\nb: 2\na: 3\n", 3, 1, "first in line 1");
    refuse_text("? {a: b}\n: c\n", 1, 3, "a key must be text");
    refuse_text("*x : c\n", 1, 1, "aliases");
    refuse_text("%TAG ! !x\n---\na: b\n", 1, 1, "directives");
    refuse_text("a: b\n---\nc: d\n", 2, 1, "second document");
    refuse_text("", 1, 1, "holds nothing");
    refuse_text("# only this\n", 2, 1, "holds nothing");
    refuse_text("a: b: c\n", 1, 5, "mapping values are not allowed");
}

static void test_refuses_octets(void **state)
{
    (void)state;
    refuse(bytes_of("a: \0\n", 5), 1, 4, "U+0000");
    refuse_text("\xef\xbb\xbf"
                "a: b\n",
                1, 1, "U+FEFF");
    refuse_text("a: b\rc: d\n", 1, 5, "U+000D");
    refuse_text("a: b\r", 1, 5, "U+000D");
    refuse_text("a:\n- \xff\n", 2, 3, "0xff is not UTF-8");
    refuse_text("a: \xc1\x81", 1, 4, "0xc1");
    refuse_text("a: \xe0\x80\x80", 1, 4, "0xe0");
    refuse_text("a: \xf4\x90\x80\x80", 1, 4, "0xf4");
    refuse_text("a: \xf8\x88\x80\x80\x80", 1, 4, "0xf8");
    refuse_text("a: \xed\xbf\xbf", 1, 4, "0xed");
    refuse_text("a: \xe2\x82", 1, 4, "0xe2");
    struct node *root = parse("a: b\r\nc: \"\xf4\x8f\xbf\xbf\"\r\n");
    assert_int_equal(root->count, 2);
    node_free(root);
}

static struct bytes repeat(struct buf *buf, const char *begin, const char *unit, size_t times,
                           const char *end)
{
    buf_append_str(buf, begin);
    for (size_t i = 0; i < times; i++)
        buf_append_str(buf, unit);
    buf_append_str(buf, end);
    return buf_bytes(buf);
}

static void test_limits(void **state)
{
    (void)state;
    struct yaml_reader_error error;
    struct buf nodes = {0}, too_many = {0}, deep = {0}, too_deep = {0}, hostile = {0}, large = {0};
    struct node *root =
        yaml_reader_parse(repeat(&nodes, "[", "x,", YAML_READER_MAX_NODES - 1, "]"), &error);
    assert_non_null(root);
    assert_int_equal(root->count, YAML_READER_MAX_NODES - 1);
    node_free(root);
    refuse(repeat(&too_many, "[", "x,", YAML_READER_MAX_NODES, "]"), 1, 2 * YAML_READER_MAX_NODES,
           "more than 10000 values");
    root = yaml_reader_parse(repeat(&deep, "", "- ", YAML_READER_MAX_DEPTH, "x\n"), &error);
    assert_non_null(root);
    node_free(root);
    refuse(repeat(&too_deep, "", "- ", YAML_READER_MAX_DEPTH + 1, "x\n"), 1, 33,
           "more than 16 maps and lists");
    refuse(repeat(&hostile, "", "[", YAML_READER_MAX_OCTETS, ""), 1, 17,
           "more than 16 maps and lists");
    refuse(repeat(&large, "", "#\n", YAML_READER_MAX_OCTETS / 2, "x"), 1, 1,
           "more than 262144 octets");
    buf_fini(&nodes);
    buf_fini(&too_many);
    buf_fini(&deep);
    buf_fini(&too_deep);
    buf_fini(&hostile);
    buf_fini(&large);
}

/* A file that was cut off anywhere is read or refused, never misread into a crash, and whatever
 * follows a whole document is refused. */
static void test_every_prefix(void **state)
{
    (void)state;
    static const char text[] =
        "id: x\nparams: {n: {default: 1}}\nscript:\n  - send: \"a\\r\\n\"\n"
        "  - {respond: {fields: [\"A: \xc3\xa9\"]}}\nwhy: >\n  two\n  lines\n";
    for (size_t len = 0; len < sizeof text - 1; len++) {
        struct yaml_reader_error error;
        struct node *root = yaml_reader_parse(bytes_of(text, len), &error);
        assert_true((root == NULL) == (error.message != NULL));
        if (root == NULL)
            assert_true(error.line >= 1 && error.column >= 1);
        node_free(root);
        free(error.message);
    }
    refuse_text("a: b\n...\nc: d\n", 3, 1, "document");
    refuse_text("{a: b} x\n", 1, 8, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_columns_count_code_points),
        cmocka_unit_test(test_refuses_what_is_not_in_the_subset),
        cmocka_unit_test(test_refuses_octets),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_every_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
