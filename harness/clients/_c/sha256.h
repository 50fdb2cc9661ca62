/* SPDX-License-Identifier: MIT */
#ifndef ADAPTERKIT_SHA256_H
#define ADAPTERKIT_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
    uint32_t state[8];
    uint64_t length; /* octets taken so far */
    unsigned char block[64];
};

void sha256_begin(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *octets, size_t length);
void sha256_end(struct sha256 *sha, char hex[65]);

#endif
