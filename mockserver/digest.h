/* SPDX-License-Identifier: MIT */
/* SHA-256, in hexadecimal: whole, or piece by piece. */
#ifndef INTERIMSPEC_DIGEST_H
#define INTERIMSPEC_DIGEST_H

#include "buf.h"

enum { DIGEST_HEX_SIZE = 65 }; /* with the NUL */

void digest_sha256_hex(struct bytes octets, char hex[static DIGEST_HEX_SIZE]);

/* All-zero is a valid digest of nothing; digest_fini() frees what it owns. */
struct digest {
    void *handle; /* owned; NULL before the first octet */
};

void digest_fini(struct digest *digest);
void digest_add(struct digest *digest, struct bytes octets);
/* Of all octets so far; more may follow. */
void digest_hex(const struct digest *digest, char hex[static DIGEST_HEX_SIZE]);

#endif
