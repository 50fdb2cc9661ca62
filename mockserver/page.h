/* SPDX-License-Identifier: MIT */
/* The answers for people: what the server says where no script speaks. Each function appends
 * content; exchange.c puts a head before it. */
#ifndef INTERIMSPEC_PAGE_H
#define INTERIMSPEC_PAGE_H

#include "protocol.h"
#include "scenario.h"

/* HTML: every scenario with its question. */
void page_catalogue(const struct catalogue *catalogue, struct buf *out);
/* HTML: one scenario, and how to ask for it. `authority` as the client named the server. */
void page_scenario(const struct scenario *scenario, bool is_tls, struct bytes authority,
                   struct buf *out);
/* Plain text. */
void page_not_found(const struct catalogue *catalogue, struct bytes wanted, struct buf *out);
void page_ended(struct bytes run, struct buf *out);
void page_bad_request(const struct bad_request *bad, struct buf *out);

#endif
