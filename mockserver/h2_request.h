/* SPDX-License-Identifier: MIT */
/* What makes a field section a request (RFC 9113 8.3.1), and the request as a head of text, so that
 * everything behind the protocol reads one form:
 *
 *   GET /single-102/me HTTP/2\r\n
 *   :method: GET\r\n
 *   ... all fields as received, in order ...
 *   \r\n
 */
#ifndef INTERIMSPEC_H2_REQUEST_H
#define INTERIMSPEC_H2_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct h2_request {
    struct buf head; /* owned */
    size_t method_at, method_len, target_at, target_len;
    int64_t content_length; /* -1: none */
};

/* `fields` as field_list.h says. NULL when all is well, else why it is malformed. */
const char *h2_request_make(struct bytes fields, struct h2_request *request);
bool h2_request_is_good(struct bytes fields);
void h2_request_fini(struct h2_request *request);

#endif
