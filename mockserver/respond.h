/* SPDX-License-Identifier: MIT */
/* What a `respond` step means, whatever protocol it is rendered for. Pure. */
#ifndef INTERIMSPEC_RESPOND_H
#define INTERIMSPEC_RESPOND_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "place.h"

/* How the content of a response is delimited, after the defaults have been applied. */
struct respond_delimiting {
    bool chunked;
    bool writes_length;
    bool has_content; /* octets of content are sent at all */
    uint64_t length;
};

/* The step must be a `respond`. */
struct respond_delimiting respond_delimit(const struct place *place, size_t step);
/* Octets of content that the step itself sends. */
uint64_t respond_content_length(const struct place *place, size_t step);
void respond_append_content(const struct place *place, const struct respond_step *respond,
                            struct buf *out);
/* In any case of letters. */
bool respond_has_field(const struct respond_step *respond, const char *name);
/* The `respond` with `body: later` that a body step belongs to: the last such before it. */
const struct respond_step *respond_open_at(const struct place *place, size_t step);

#endif
