/* SPDX-License-Identifier: MIT */
#include "buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

enum { SMALLEST_CAP = 256 };

void buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

char *buf_reserve(struct buf *buf, size_t len)
{
    if (buf->start == buf->end)
        buf_clear(buf);
    if (buf->cap - buf->end < len && buf->start != 0) {
        memmove(buf->data, buf->data + buf->start, buf_len(buf));
        buf->end -= buf->start;
        buf->start = 0;
    }
    if (buf->cap - buf->end < len) {
        size_t cap = buf->cap == 0 ? SMALLEST_CAP : buf->cap;
        while (cap - buf->end < len)
            cap *= 2;
        buf->data = xreallocarray(buf->data, cap, 1);
        buf->cap = cap;
    }
    return buf->data + buf->end;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    char *room = buf_reserve(buf, (size_t)len + 1);
    vsnprintf(room, (size_t)len + 1, format, again);
    va_end(again);
    buf->end += (size_t)len;
}

size_t buf_digits(uint64_t number, char digits[20])
{
    char reversed[20];
    size_t len = 0;
    do {
        reversed[len++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    for (size_t i = 0; i < len; i++) {
        digits[i] = reversed[len - 1 - i];
    }
    return len;
}

void buf_consume(struct buf *buf, size_t len)
{
    assert(len <= buf_len(buf));
    buf->start += len;
    if (buf->start == buf->end)
        buf_clear(buf);
}
