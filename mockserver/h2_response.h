/* SPDX-License-Identifier: MIT */
/* Renders the sending steps of a script as HTTP/2 frames on the stream of the place. Pure, as
 * h1_response.h is: the same step in the same place gives the same octets.
 *
 *   respond   HEADERS, and DATA of at most place->data_max octets; END_STREAM with the end of a
 *             complete final response. What is h1's own (reason, version, chunks, fields of the
 *             connection) is left out; framing: close is ended like any other.
 *   body      DATA
 *   end-body  DATA without octets, or the trailers, with END_STREAM
 *   frames    what they say
 *   window    WINDOW_UPDATE */
#ifndef INTERIMSPEC_H2_RESPONSE_H
#define INTERIMSPEC_H2_RESPONSE_H

#include <stdbool.h>

#include "buf.h"
#include "place.h"

void h2_response_render(const struct place *place, size_t step, struct buf *out);
/* A whole response that no script makes. */
void h2_response_page(uint32_t stream, int status, const char *content_type, struct bytes content,
                      bool is_head, struct buf *out);

#endif
