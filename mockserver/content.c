/* SPDX-License-Identifier: MIT */
#include "content.h"

#include <string.h>

/* Digits of the exchange's number into `digits`, which holds 24; returns how many. A script that
 * plays at accept has no exchange: "-". */
static size_t exchange_digits(int64_t exchange, char *digits)
{
    if (exchange < 0) {
        digits[0] = '-';
        return 1;
    }
    return buf_digits((uint64_t)exchange, digits);
}

void content_append(struct buf *out, const struct bytes *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += parts[i].len;
    }
    char *to = buf_reserve(out, len);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0) {
            memcpy(to, parts[i].data, parts[i].len);
            to += parts[i].len;
        }
    }
    buf_added(out, len);
}

/* The line without what follows the exchange's number. */
static void append_line(const struct place *place, const char *end, struct buf *out)
{
    char digits[24];
    size_t digits_len = exchange_digits(place->exchange, digits);
    const struct bytes parts[] = {
        {"interimspec ", 12},
        bytes_of_str(place->scenario),
        {" ", 1},
        bytes_of_str(place->run),
        {" ", 1},
        bytes_of_str(place->resource),
        {" #", 2},
        {digits, digits_len},
        bytes_of_str(end),
    };
    content_append(out, parts, sizeof parts / sizeof parts[0]);
}

uint64_t content_own_len(const struct place *place)
{
    char digits[24];
    return 12 + strlen(place->scenario) + 1 + strlen(place->run) + 1 + strlen(place->resource) + 2 +
           exchange_digits(place->exchange, digits) + 1;
}

void content_own(const struct place *place, struct buf *out)
{
    append_line(place, "\n", out);
}

static void fill_text(const struct place *place, uint64_t size, struct buf *out)
{
    struct buf line = {0};
    append_line(place, "", &line);
    size_t fixed = line.end;
    for (uint64_t written = 0; written < size; written += line.end) {
        line.end = fixed;
        buf_printf(&line, " @%010llu\n", (unsigned long long)written);
        uint64_t left = size - written;
        buf_append(out, line.data, line.end < left ? line.end : (size_t)left);
    }
    buf_fini(&line);
}

void content_sized(const struct place *place, enum body_fill fill, uint64_t size, struct buf *out)
{
    switch (fill) {
    case FILL_TEXT:
        fill_text(place, size, out);
        return;
    case FILL_OCTETS: {
        char *to = buf_reserve(out, (size_t)size);
        for (uint64_t i = 0; i < size; i++) {
            to[i] = (char)(unsigned char)(i & 0xff);
        }
        buf_added(out, (size_t)size);
        return;
    }
    }
}
