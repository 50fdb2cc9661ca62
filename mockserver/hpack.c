/* SPDX-License-Identifier: MIT */
#include "hpack.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

/* The names of the static table that responses have (RFC 7541, A). */
static const struct {
    const char *name;
    uint8_t index;
} static_names[] = {
    {":authority", 1},
    {":method", 2},
    {":path", 4},
    {":scheme", 6},
    {":status", 8},
    {"accept-ranges", 18},
    {"access-control-allow-origin", 20},
    {"age", 21},
    {"allow", 22},
    {"cache-control", 24},
    {"content-disposition", 25},
    {"content-encoding", 26},
    {"content-language", 27},
    {"content-length", 28},
    {"content-location", 29},
    {"content-range", 30},
    {"content-type", 31},
    {"date", 33},
    {"etag", 34},
    {"expires", 36},
    {"last-modified", 44},
    {"link", 45},
    {"location", 46},
    {"proxy-authenticate", 48},
    {"refresh", 52},
    {"retry-after", 53},
    {"server", 54},
    {"set-cookie", 55},
    {"strict-transport-security", 56},
    {"vary", 59},
    {"via", 60},
    {"www-authenticate", 61},
};
static const struct {
    char status[4];
    uint8_t index;
} static_statuses[] = {{"200", 8},  {"204", 9},  {"206", 10}, {"304", 11},
                       {"400", 12}, {"404", 13}, {"500", 14}};

struct hpack_reader {
    nghttp2_hd_inflater *inflater; /* owned */
};

struct hpack_reader *hpack_reader_new(void)
{
    struct hpack_reader *reader = xcalloc(1, sizeof *reader);
    if (nghttp2_hd_inflate_new(&reader->inflater) != 0) {
        fprintf(stderr, "mockserver: out of memory (for an HPACK reader)\n");
        abort(); /* the only way it fails, as in xmalloc.c */
    }
    return reader;
}

void hpack_reader_free(struct hpack_reader *reader)
{
    if (reader) {
        nghttp2_hd_inflate_del(reader->inflater);
        free(reader);
    }
}

/* RFC 7541, 5.1. False where the integer does not end, or is larger than any length here. */
static bool read_integer(struct bytes *from, int bits, uint64_t *value)
{
    uint64_t most = (1u << bits) - 1;
    size_t at = 1;
    if (from->len == 0) {
        return false;
    }
    *value = (uint8_t)from->data[0] & most;
    for (int shift = 0; *value >= most || shift > 0; shift += 7, at++) {
        if (at >= from->len || shift > 28) {
            return false;
        }
        *value += (uint64_t)(from->data[at] & 127) << shift;
        if (!((uint8_t)from->data[at] & 128)) {
            at++;
            break;
        }
    }
    *from = bytes_of(from->data + at, from->len - at);
    return true;
}

/* A string that is not in Huffman's code. */
static bool read_plain(struct bytes *from, struct bytes *string)
{
    uint64_t len;
    if (from->len == 0 || (uint8_t)from->data[0] & 0x80 || !read_integer(from, 7, &len) ||
        len > from->len) {
        return false;
    }
    *string = bytes_of(from->data, (size_t)len);
    *from = bytes_of(from->data + len, from->len - (size_t)len);
    return true;
}

/* What hpack_write_long makes and nghttp2 refuses for its length: a literal that touches no table.
 * False, and nothing read, for all else. */
static bool read_long(struct bytes *from, hpack_field *on_field, void *user)
{
    struct bytes at = *from, name = bytes_of(NULL, 0), value;
    uint64_t index;
    if (at.len == 0 || (uint8_t)at.data[0] & 0xf0 || !read_integer(&at, 4, &index)) {
        return false;
    }
    if (index == 0 && !read_plain(&at, &name)) {
        return false;
    }
    for (size_t i = 0; index > 0 && i < sizeof static_names / sizeof static_names[0]; i++) {
        if (static_names[i].index == index) {
            name = bytes_of_str(static_names[i].name);
        }
    }
    if (name.len == 0 || !read_plain(&at, &value) || value.len <= HPACK_LONGEST) {
        return false;
    }
    on_field(user, name, bytes_of(value.data, HPACK_LONGEST));
    *from = at;
    return true;
}

bool hpack_read(struct hpack_reader *reader, struct bytes block, hpack_field *on_field, void *user)
{
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        while (read_long(&block, on_field, user)) {
        }
        /* An empty block has no data. */
        const uint8_t *at = (const uint8_t *)(block.len > 0 ? block.data : "");
        ssize_t used = nghttp2_hd_inflate_hd2(reader->inflater, &nv, &flags, at, block.len, 1);
        if (used < 0) {
            return false;
        }
        if (used > 0) {
            block = bytes_of(block.data + used, block.len - (size_t)used);
        }
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            on_field(user, bytes_of((const char *)nv.name, nv.namelen),
                     bytes_of((const char *)nv.value, nv.valuelen));
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL) {
            nghttp2_hd_inflate_end_headers(reader->inflater);
            return true;
        }
        if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && block.len == 0) {
            return false;
        }
    }
}

/* RFC 7541, 5.1; `bits` of the first octet are the prefix, the others are `pattern`. */
static void write_integer(struct buf *out, uint8_t pattern, int bits, uint64_t value)
{
    uint64_t most = (1u << bits) - 1;
    char octets[12];
    size_t count = 0;
    if (value < most) {
        octets[count++] = (char)(pattern | value);
    } else {
        octets[count++] = (char)(pattern | most);
        for (value -= most; value >= 128; value >>= 7) {
            octets[count++] = (char)(128 | (value & 127));
        }
        octets[count++] = (char)value;
    }
    buf_append(out, octets, count);
}

static uint8_t static_name(struct bytes name)
{
    for (size_t i = 0; i < sizeof static_names / sizeof static_names[0]; i++) {
        if (bytes_equal_str(name, static_names[i].name)) {
            return static_names[i].index;
        }
    }
    return 0;
}

void hpack_write_indexed(struct buf *out, uint64_t index)
{
    write_integer(out, 0x80, 7, index);
}

void hpack_write_long(struct buf *out, struct bytes name, struct bytes value, size_t pad, bool adds)
{
    uint8_t index = static_name(name);
    write_integer(out, adds ? 0x40 : 0x00, adds ? 6 : 4, index);
    if (index == 0) {
        write_integer(out, 0x00, 7, name.len);
        buf_append_bytes(out, name);
    }
    write_integer(out, 0x00, 7, value.len + pad);
    buf_append_bytes(out, value);
    if (pad > 0) {
        memset(buf_reserve(out, pad), 'x', pad);
        buf_added(out, pad);
    }
}

void hpack_write(struct buf *out, struct bytes name, struct bytes value)
{
    bool is_status = bytes_equal_str(name, ":status");
    for (size_t i = 0; is_status && i < sizeof static_statuses / sizeof static_statuses[0]; i++) {
        if (bytes_equal_str(value, static_statuses[i].status)) {
            hpack_write_indexed(out, static_statuses[i].index);
            return;
        }
    }
    hpack_write_long(out, name, value, 0, false);
}
