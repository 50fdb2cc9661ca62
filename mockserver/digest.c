/* SPDX-License-Identifier: MIT */
#include "digest.h"

#include <assert.h>
#include <gnutls/crypto.h>

enum { SHA256_SIZE = 32 };

static void to_hex(const unsigned char *hash, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < SHA256_SIZE; i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    hex[2 * (size_t)SHA256_SIZE] = '\0';
}

void digest_sha256_hex(struct bytes octets, char hex[static DIGEST_HEX_SIZE])
{
    unsigned char hash[SHA256_SIZE];
    int result = gnutls_hash_fast(GNUTLS_DIG_SHA256, octets.data, octets.len, hash);
    assert(result == 0);
    (void)result;
    to_hex(hash, hex);
}

void digest_fini(struct digest *digest)
{
    if (digest->handle != NULL)
        gnutls_hash_deinit(digest->handle, NULL);
    digest->handle = NULL;
}

void digest_add(struct digest *digest, struct bytes octets)
{
    if (octets.len == 0)
        return;
    if (digest->handle == NULL) {
        gnutls_hash_hd_t handle;
        int result = gnutls_hash_init(&handle, GNUTLS_DIG_SHA256);
        assert(result == 0);
        (void)result;
        digest->handle = handle;
    }
    int result = gnutls_hash(digest->handle, octets.data, octets.len);
    assert(result == 0);
    (void)result;
}

void digest_hex(const struct digest *digest, char hex[static DIGEST_HEX_SIZE])
{
    if (digest->handle == NULL) {
        digest_sha256_hex((struct bytes){"", 0}, hex);
        return;
    }
    gnutls_hash_hd_t copy = gnutls_hash_copy(digest->handle);
    assert(copy != NULL);
    unsigned char hash[SHA256_SIZE];
    gnutls_hash_deinit(copy, hash);
    to_hex(hash, hex);
}
