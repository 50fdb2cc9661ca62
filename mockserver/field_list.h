/* SPDX-License-Identifier: MIT */
/* Fields one after the other in one run of octets, as they are kept in transcripts:
 *
 *   name length 32 | value length 32 | name | value | ...       host order, not aligned
 */
#ifndef INTERIMSPEC_FIELD_LIST_H
#define INTERIMSPEC_FIELD_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "buf.h"

static inline void field_list_add(struct buf *list, struct bytes name, struct bytes value)
{
    uint32_t lengths[2] = {(uint32_t)name.len, (uint32_t)value.len};
    buf_append(list, lengths, sizeof lengths);
    buf_append_bytes(list, name);
    buf_append_bytes(list, value);
}

/* Takes the first field off the list; false when there is none left. */
static inline bool field_list_next(struct bytes *list, struct bytes *name, struct bytes *value)
{
    uint32_t lengths[2];
    if (list->len < sizeof lengths) {
        return false;
    }
    assert(list->data);
    memcpy(lengths, list->data, sizeof lengths);
    *name = bytes_of(list->data + sizeof lengths, lengths[0]);
    *value = bytes_of(name->data + lengths[0], lengths[1]);
    size_t used = sizeof lengths + lengths[0] + lengths[1];
    *list = bytes_of(list->data + used, list->len - used);
    return true;
}

#endif
