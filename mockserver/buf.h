/* SPDX-License-Identifier: MIT */
/* Octets: borrowed (struct bytes) and owned (struct buf).
 *
 *   buf:   data ......[start ========= end)............ cap
 *                      read from here  append here
 */
#ifndef INTERIMSPEC_BUF_H
#define INTERIMSPEC_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A borrowed run of octets: whoever made it owns the memory. `data` may be NULL when len is 0. */
struct bytes {
    const char *data;
    size_t len;
};

/* A growing run of octets. All-zero is a valid empty buffer; buf_fini() frees what it owns. */
struct buf {
    char *data;   /* owned */
    size_t start; /* first octet not yet consumed */
    size_t end;   /* one past the last octet */
    size_t cap;
};

static inline struct bytes bytes_of(const char *data, size_t len)
{
    return (struct bytes){data, len};
}

/* Inline, so that the length of what stands in the code is not counted when it runs. */
static inline struct bytes bytes_of_str(const char *text)
{
    return bytes_of(text, strlen(text));
}
static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
static inline bool bytes_equal_str(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of_str(text));
}

void buf_fini(struct buf *buf);
static inline size_t buf_len(const struct buf *buf)
{
    return buf->end - buf->start;
}
static inline struct bytes buf_bytes(const struct buf *buf)
{
    /* An empty buffer has no data, and an offset from NULL is undefined. */
    if (buf->data == NULL)
        return (struct bytes){NULL, 0};
    return (struct bytes){buf->data + buf->start, buf->end - buf->start};
}
/* Room for `len` more octets; returns where to write them. Follow with buf_added(). */
char *buf_reserve(struct buf *buf, size_t len);
static inline void buf_added(struct buf *buf, size_t len)
{
    buf->end += len;
}
/* Most appends find room: those must not cost a call. */
static inline void buf_append(struct buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return;
    char *room = len <= buf->cap - buf->end ? buf->data + buf->end : buf_reserve(buf, len);
    memcpy(room, data, len);
    buf->end += len;
}
static inline void buf_append_str(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}
static inline void buf_append_bytes(struct buf *buf, struct bytes bytes)
{
    buf_append(buf, bytes.data, bytes.len);
}
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *buf, const char *format, ...);
/* The digits of a decimal number, of which there are at most 20; returns how many. In every
 * response there is one, and printf() would take a tenth of its time. */
size_t buf_digits(uint64_t number, char digits[20]);
/* Forget the first `len` octets; len must not exceed buf_len(). */
void buf_consume(struct buf *buf, size_t len);
/* Empty, keeping the memory. */
static inline void buf_clear(struct buf *buf)
{
    buf->start = buf->end = 0;
}

#endif
