/* SPDX-License-Identifier: MIT */
/* Writes JSON into a buffer, one value after the other; commas and escapes are its business, the
 * order of calls is the caller's (checked by assert). The output is ASCII but for json_text(). */
#ifndef INTERIMSPEC_JSON_H
#define INTERIMSPEC_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct json {
    struct buf *out;  /* borrowed */
    int depth;        /* open objects and arrays */
    bool needs_comma; /* before the next value or key */
    bool has_key;     /* a key waits for its value */
};

void json_init(struct json *json, struct buf *out);
void json_object(struct json *json);
void json_end_object(struct json *json);
void json_array(struct json *json);
void json_end_array(struct json *json);
/* `key` is plain ASCII without characters that need an escape. */
void json_key(struct json *json, const char *key);

void json_null(struct json *json);
void json_bool(struct json *json, bool value);
void json_int(struct json *json, int64_t value);
/* A time or length of time in ns, written in ms with three decimals (rounded down to the us). */
void json_ms(struct json *json, int64_t ns);
/* With `decimals` (0 to 9) places; not finite: null. */
void json_real(struct json *json, double value, int decimals);
/* Each octet as the code point of its value, Latin-1 wise. */
void json_octets(struct json *json, struct bytes octets);
/* UTF-8 text as it is; octets that are no UTF-8 become U+FFFD. NULL is null. */
void json_text(struct json *json, const char *text);
/* One value that is JSON already. */
void json_raw(struct json *json, struct bytes value);

/* json_key() and the value. */
void json_key_null(struct json *json, const char *key);
void json_key_bool(struct json *json, const char *key, bool value);
void json_key_int(struct json *json, const char *key, int64_t value);
void json_key_ms(struct json *json, const char *key, int64_t ns);
void json_key_octets(struct json *json, const char *key, struct bytes octets);
void json_key_text(struct json *json, const char *key, const char *text);
void json_key_object(struct json *json, const char *key);
void json_key_array(struct json *json, const char *key);

#endif
