/* SPDX-License-Identifier: MIT */
/* Heads and short responses that were rendered before: most of the work of a quick exchange is to
 * put together octets that differ from the last ones in the exchange's number alone. A cache, and
 * nothing else: what it appends is what protocol_ops.render() would. */
#ifndef INTERIMSPEC_RENDERED_H
#define INTERIMSPEC_RENDERED_H

#include "protocol.h"

struct rendered_cache;

struct rendered_cache *rendered_cache_new(void);
void rendered_cache_free(struct rendered_cache *cache);

/* Appends script->steps[step]. `owner` tells apart the places that have other parameters or another
 * run: equal numbers, equal octets but for the exchange. 0: not to be cached. */
void rendered_append(struct rendered_cache *cache, const struct protocol_ops *ops,
                     const struct place *place, uint64_t owner, size_t step, struct buf *out);

#endif
