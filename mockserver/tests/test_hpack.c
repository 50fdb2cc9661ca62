/* SPDX-License-Identifier: MIT */
/* Field blocks that are read again as they were written, of any length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hpack.h"

/* What a block was read as: names, lengths of values, and the last octet of each value. */
struct seen {
    char text[256];
};

static void on_field(void *user, struct bytes name, struct bytes value)
{
    struct seen *seen = user;
    size_t used = strlen(seen->text);
    snprintf(seen->text + used, sizeof seen->text - used, "%.*s %zu %c\n", (int)name.len, name.data,
             value.len, value.len ? value.data[value.len - 1] : '-');
}

static bool reads_as(struct hpack_reader *reader, const struct buf *block, const char *expected)
{
    struct seen seen = {""};
    if (!hpack_read(reader, buf_bytes(block), on_field, &seen)) {
        return false;
    }
    assert_string_equal(seen.text, expected);
    return true;
}

static void test_a_value_as_long_as_nghttp2_takes_is_read_whole(void **state)
{
    (void)state;
    struct hpack_reader *reader = hpack_reader_new();
    struct buf block = {0};
    hpack_write_long(&block, bytes_of_str("x-progress"), bytes_of_str(""), HPACK_LONGEST, false);
    assert_true(reads_as(reader, &block, "x-progress 65536 x\n"));
    buf_fini(&block);
    hpack_reader_free(reader);
}

static void test_longer_values_are_read_in_part_and_the_table_stays(void **state)
{
    (void)state;
    struct hpack_reader *reader = hpack_reader_new();
    struct buf block = {0};
    hpack_write_long(&block, bytes_of_str("x-kept"), bytes_of_str("v"), 0, true);
    hpack_write(&block, bytes_of_str(":status"), bytes_of_str("102"));
    hpack_write_long(&block, bytes_of_str("x-progress"), bytes_of_str(""), 1 << 20, false);
    hpack_write_long(&block, bytes_of_str("link"), bytes_of_str("a"), HPACK_LONGEST, false);
    assert_true(
        reads_as(reader, &block, "x-kept 1 v\n:status 3 2\nx-progress 65536 x\nlink 65536 x\n"));

    buf_clear(&block);
    hpack_write_indexed(&block, 62); /* x-kept, the newest of the dynamic table */
    assert_true(reads_as(reader, &block, "x-kept 1 v\n"));
    buf_fini(&block);
    hpack_reader_free(reader);
}

static void test_a_long_value_that_is_cut_short_cannot_be_decoded(void **state)
{
    (void)state;
    struct buf block = {0};
    hpack_write_long(&block, bytes_of_str("x-progress"), bytes_of_str(""), 100000, false);
    size_t whole = buf_len(&block);
    for (size_t len = 1; len < whole; len += len < 40 ? 1 : 9973) {
        struct hpack_reader *reader = hpack_reader_new();
        struct seen seen = {""};
        assert_false(hpack_read(reader, bytes_of(block.data, len), on_field, &seen));
        hpack_reader_free(reader);
    }
    buf_fini(&block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_as_long_as_nghttp2_takes_is_read_whole),
        cmocka_unit_test(test_longer_values_are_read_in_part_and_the_table_stays),
        cmocka_unit_test(test_a_long_value_that_is_cut_short_cannot_be_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
