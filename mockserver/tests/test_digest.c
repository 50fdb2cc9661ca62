/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "digest.h"

#define OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
/* The examples of FIPS 180. */
#define OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OF_MILLION "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void whole(void **state)
{
    (void)state;
    char hex[DIGEST_HEX_SIZE];
    digest_sha256_hex(bytes_of_str("abc"), hex);
    assert_string_equal(hex, OF_ABC);
    digest_sha256_hex(bytes_of_str(""), hex);
    assert_string_equal(hex, OF_NOTHING);
    digest_sha256_hex(bytes_of(NULL, 0), hex);
    assert_string_equal(hex, OF_NOTHING);
}

static void piece_by_piece(void **state)
{
    (void)state;
    struct digest digest = {0};
    char hex[DIGEST_HEX_SIZE];
    digest_hex(&digest, hex);
    assert_string_equal(hex, OF_NOTHING);
    digest_add(&digest, bytes_of(NULL, 0));
    digest_add(&digest, bytes_of_str("a"));
    digest_add(&digest, bytes_of_str("bc"));
    digest_hex(&digest, hex);
    assert_string_equal(hex, OF_ABC);
    /* Being asked changes nothing. */
    digest_hex(&digest, hex);
    assert_string_equal(hex, OF_ABC);
    digest_fini(&digest);
    digest_hex(&digest, hex);
    assert_string_equal(hex, OF_NOTHING);
}

static void across_many_blocks(void **state)
{
    (void)state;
    char piece[1000];
    memset(piece, 'a', sizeof piece);
    struct digest digest = {0};
    char hex[DIGEST_HEX_SIZE];
    for (int i = 0; i < 1000; i++) {
        digest_add(&digest, bytes_of(piece, sizeof piece));
        if (i == 500)
            digest_hex(&digest, hex);
    }
    digest_hex(&digest, hex);
    assert_string_equal(hex, OF_MILLION);
    digest_fini(&digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(piece_by_piece),
        cmocka_unit_test(across_many_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
