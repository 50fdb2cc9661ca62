/* SPDX-License-Identifier: MIT */
#include "rendered.h"

#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

enum { ENTRIES = 1024, LONGEST = 480, MAX_DIGITS = 20 };

struct rendered {
    const struct step *step; /* borrowed; NULL: free */
    const char *resource;    /* borrowed; only to be compared */
    uint64_t owner;
    uint16_t len;
    uint8_t digits; /* of the exchange's number; 0: the octets do not depend on it */
    bool is_head, is_connect;
    bool has_number; /* the number stands before the last octet */
    char octets[LONGEST];
};

struct rendered_cache {
    struct rendered *entries[ENTRIES]; /* owned */
};

struct rendered_cache *rendered_cache_new(void)
{
    return xcalloc(1, sizeof(struct rendered_cache));
}

void rendered_cache_free(struct rendered_cache *cache)
{
    if (cache) {
        for (size_t i = 0; i < ENTRIES; i++) {
            free(cache->entries[i]);
        }
        free(cache);
    }
}

static uint8_t digits_of(int64_t number, char digits[static MAX_DIGITS])
{
    uint8_t count = 0;
    do {
        digits[MAX_DIGITS - ++count] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return count;
}

/* Where the number could stand elsewhere than at the end, nothing is cached. */
static bool is_cacheable(const struct place *place, const struct step *step)
{
    return step->kind == STEP_RESPOND && place->exchange >= 0 &&
           (step->u.respond.body == BODY_NONE || step->u.respond.body == BODY_BYTES ||
            (step->u.respond.body == BODY_OWN && step->u.respond.framing != FRAMING_CHUNKED));
}

static size_t slot_of(const struct step *step, uint64_t owner)
{
    uint64_t hash = ((uint64_t)(uintptr_t)step >> 4) * 0x9e3779b97f4a7c15u;
    hash ^= owner * 0xff51afd7ed558ccdu;
    return (size_t)(hash >> 32) % ENTRIES;
}

static bool matches(const struct rendered *entry, const struct place *place,
                    const struct step *step, uint64_t owner, uint8_t digits)
{
    return entry && entry->step == step && entry->owner == owner &&
           entry->resource == place->resource && entry->is_head == place->is_head &&
           entry->is_connect == place->is_connect &&
           (entry->digits == 0 || entry->digits == digits);
}

static void store(struct rendered **at, const struct place *place, const struct step *step,
                  uint64_t owner, struct bytes octets, uint8_t digits)
{
    bool is_own = step->u.respond.body == BODY_OWN;
    if (!*at) {
        *at = xmalloc(sizeof **at);
    }
    struct rendered *entry = *at;
    entry->step = step;
    entry->resource = place->resource;
    entry->owner = owner;
    entry->len = (uint16_t)octets.len;
    entry->digits = is_own ? digits : 0;
    entry->is_head = place->is_head;
    entry->is_connect = place->is_connect;
    /* Of own content the number and a line feed are the end; a head ends in two line feeds. */
    entry->has_number = is_own && octets.len > 1 && octets.data[octets.len - 2] != '\r';
    memcpy(entry->octets, octets.data, octets.len);
}

void rendered_append(struct rendered_cache *cache, const struct protocol_ops *ops,
                     const struct place *place, uint64_t owner, size_t step, struct buf *out)
{
    const struct step *what = &place->script->steps[step];
    if (owner == 0 || !is_cacheable(place, what)) {
        ops->render(place, step, out);
        return;
    }
    char number[MAX_DIGITS];
    uint8_t digits = digits_of(place->exchange, number);
    struct rendered **at = &cache->entries[slot_of(what, owner)];
    if (matches(*at, place, what, owner, digits)) {
        const struct rendered *entry = *at;
        char *to = buf_reserve(out, entry->len);
        memcpy(to, entry->octets, entry->len);
        if (entry->has_number) {
            memcpy(to + entry->len - 1 - digits, number + MAX_DIGITS - digits, digits);
        }
        buf_added(out, entry->len);
        return;
    }
    size_t before = buf_len(out);
    ops->render(place, step, out);
    size_t len = buf_len(out) - before;
    if (len <= LONGEST) {
        store(at, place, what, owner, bytes_of(out->data + out->end - len, len), digits);
    }
}
