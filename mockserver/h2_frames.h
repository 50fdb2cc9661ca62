/* SPDX-License-Identifier: MIT */
/* Renders the step `frames`: frames as the file says, right or wrong. Pure. */
#ifndef INTERIMSPEC_H2_FRAMES_H
#define INTERIMSPEC_H2_FRAMES_H

#include "buf.h"
#include "place.h"

void h2_frames_render(const struct place *place, const struct frames_step *frames, struct buf *out);
/* A field block in a HEADERS (or PUSH_PROMISE) and as many CONTINUATIONs as its length takes. */
void h2_frames_write_block(struct buf *out, uint8_t type, uint8_t flags, uint32_t stream,
                           struct bytes block);

#endif
