/* SPDX-License-Identifier: MIT */
/* The input: one octet that chooses the method, then pieces of (length, octets). The same stream
 * whole and in pieces must cover every octet, and leave the reader in the same state. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "octets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct octets_spans *spans, size_t len)
{
    size_t at = 0;
    for (size_t i = 0; i < spans->count; i++) {
        const struct octets_span *span = &spans->items[i];
        if (span->start != at || span->end <= at || span->class == OCTETS_AUTO)
            abort();
        if (span->class != OCTETS_HEAD && (span->ends_head || span->status != 0))
            abort();
        at = span->end;
    }
    if (at != len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"GET", "HEAD", "CONNECT", "POST"};
    if (size == 0)
        return 0;
    struct bytes method = bytes_of_str(methods[data[0] % 4]);
    struct octets pieces, whole;
    octets_init(&pieces, method);
    octets_init(&whole, method);
    struct octets_spans spans = {0}, part = {0};
    struct buf all = {0};
    buf_reserve(&all, size);
    for (size_t at = 1; at < size;) {
        size_t len = data[at++];
        if (len > size - at)
            len = size - at;
        struct bytes piece = bytes_of((const char *)data + at, len);
        octets_classify(&pieces, piece, OCTETS_AUTO, &spans);
        check(&spans, len);
        buf_append_bytes(&all, piece);
        at += len;
    }
    octets_classify(&whole, buf_bytes(&all), OCTETS_AUTO, &spans);
    check(&spans, buf_len(&all));
    size_t half = buf_len(&all) / 2;
    octets_slice(&spans, half, buf_len(&all), &part);
    check(&part, buf_len(&all) - half);
    if (pieces.state != whole.state || pieces.left != whole.left ||
        pieces.head.status != whole.head.status || pieces.head.length != whole.head.length)
        abort();
    octets_spans_fini(&spans);
    octets_spans_fini(&part);
    buf_fini(&all);
    return 0;
}
