/* SPDX-License-Identifier: MIT */
/* Renders the sending steps of a script (respond, body, end-body, send) as HTTP/1.1 octets. Pure:
 * the same step in the same place gives the same octets, so that a transcript can render again what
 * was sent instead of keeping it. */
#ifndef INTERIMSPEC_H1_RESPONSE_H
#define INTERIMSPEC_H1_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "place.h"

/* Appends one repetition of script->steps[step], which may come out empty (content in answer to
 * HEAD). Steps that send nothing must not be asked for. */
void h1_response_render(const struct place *place, size_t step, struct buf *out);

/* The registered phrase of a status, or "". */
const char *h1_response_reason(int64_t status);

/* A whole response that no script makes: a page, an error. `fields` are complete lines. */
void h1_response_page(int status, const char *fields, const char *content_type,
                      struct bytes content, bool is_head, struct buf *out);

#endif
