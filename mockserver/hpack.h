/* SPDX-License-Identifier: MIT */
/* Field blocks (RFC 7541). Reading is libnghttp2's: this is the only file that knows it. Writing is
 * our own, since it must be pure: the same fields give the same octets whatever was written before,
 * and names that no correct encoder would take are written too. */
#ifndef INTERIMSPEC_HPACK_H
#define INTERIMSPEC_HPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct hpack_reader;

struct hpack_reader *hpack_reader_new(void);
void hpack_reader_free(struct hpack_reader *reader);
/* The longest value that nghttp2 reads. Of a longer one that hpack_write_long has written, reading
 * gives the first so many octets. */
enum { HPACK_LONGEST = 65536 };

/* Decodes a whole block and calls back for each field; the octets are valid during the callback
 * only. False when it cannot be decoded: the reader is of no use any more. */
typedef void hpack_field(void *user, struct bytes name, struct bytes value);
bool hpack_read(struct hpack_reader *reader, struct bytes block, hpack_field *on_field, void *user)
    __attribute__((warn_unused_result));

/* A literal that leaves the table as it is; the name by its number where the static table has it,
 * and a :status that stands there whole by its number alone. */
void hpack_write(struct buf *out, struct bytes name, struct bytes value);
/* The same, and `pad` octets of 'x' behind the value; `adds`: the reader puts it into its table. */
void hpack_write_long(struct buf *out, struct bytes name, struct bytes value, size_t pad,
                      bool adds);
/* The field that has this number in the reader's tables. */
void hpack_write_indexed(struct buf *out, uint64_t index);

#endif
