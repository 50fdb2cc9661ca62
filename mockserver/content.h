/* SPDX-License-Identifier: MIT */
/* The content that the server makes up itself; the same on every transport. */
#ifndef INTERIMSPEC_CONTENT_H
#define INTERIMSPEC_CONTENT_H

#include "buf.h"
#include "place.h"

/* Appends all parts with one look at the memory. */
void content_append(struct buf *out, const struct bytes *parts, size_t count);
/* "interimspec <scenario> <run> <resource> #<exchange>\n" */
uint64_t content_own_len(const struct place *place);
void content_own(const struct place *place, struct buf *out);
/* FILL_TEXT: lines "interimspec <scenario> <run> <resource> #<exchange> @<offset of the line, ten
 * digits>\n", the last one cut off. FILL_OCTETS: 0, 1, .. 255, 0, .. */
void content_sized(const struct place *place, enum body_fill fill, uint64_t size, struct buf *out);

#endif
