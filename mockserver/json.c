/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "clock.h"

static const char hex[] = "0123456789abcdef";

void json_init(struct json *json, struct buf *out)
{
    *json = (struct json){.out = out};
}

static void before_value(struct json *json)
{
    if (json->needs_comma && !json->has_key)
        buf_append(json->out, ",", 1);
    json->has_key = false;
    json->needs_comma = true;
}

static void begin(struct json *json, char bracket)
{
    before_value(json);
    buf_append(json->out, &bracket, 1);
    json->needs_comma = false;
    json->depth++;
}

static void end(struct json *json, char bracket)
{
    assert(json->depth > 0 && !json->has_key);
    buf_append(json->out, &bracket, 1);
    json->needs_comma = true;
    json->depth--;
}

void json_object(struct json *json)
{
    begin(json, '{');
}

void json_end_object(struct json *json)
{
    end(json, '}');
}

void json_array(struct json *json)
{
    begin(json, '[');
}

void json_end_array(struct json *json)
{
    end(json, ']');
}

void json_key(struct json *json, const char *key)
{
    assert(!json->has_key && json->depth > 0);
    size_t len = strlen(key);
    char *to = buf_reserve(json->out, len + 4);
    char *at = to;
    if (json->needs_comma)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, key, len);
    at += len;
    *at++ = '"';
    *at++ = ':';
    buf_added(json->out, (size_t)(at - to));
    json->has_key = true;
}

void json_null(struct json *json)
{
    json_raw(json, bytes_of("null", 4));
}

void json_bool(struct json *json, bool value)
{
    json_raw(json, value ? bytes_of("true", 4) : bytes_of("false", 5));
}

/* The decimal digits of value, at least `width` of them, before `end`; returns the first. */
static char *digits_before(char *end_of_text, uint64_t value, int width)
{
    char *at = end_of_text;
    for (int count = 0; value != 0 || count < width; count++) {
        *--at = (char)('0' + value % 10);
        value /= 10;
    }
    return at;
}

/* printf takes most of the time a transcript takes to write, so the two commonest do without. */
void json_int(struct json *json, int64_t value)
{
    char text[24];
    char *const past = text + sizeof text;
    char *at = digits_before(past, value < 0 ? -(uint64_t)value : (uint64_t)value, 1);
    if (value < 0)
        *--at = '-';
    json_raw(json, bytes_of(at, (size_t)(past - at)));
}

void json_ms(struct json *json, int64_t ns)
{
    int64_t us = ns / CLOCK_NS_PER_US - (ns % CLOCK_NS_PER_US < 0);
    uint64_t size = us < 0 ? -(uint64_t)us : (uint64_t)us;
    char text[28];
    char *const past = text + sizeof text;
    char *at = digits_before(past, size % 1000, 3);
    *--at = '.';
    at = digits_before(at, size / 1000, 1);
    if (us < 0)
        *--at = '-';
    json_raw(json, bytes_of(at, (size_t)(past - at)));
}

void json_real(struct json *json, double value, int decimals)
{
    assert(decimals >= 0 && decimals <= 9);
    if (!isfinite(value)) {
        json_null(json);
        return;
    }
    before_value(json);
    buf_printf(json->out, "%.*f", decimals, value);
}

/* How an octet below 0x80 is written, or -1 when as it is. */
static char *escape(char *to, unsigned char octet)
{
    static const char short_escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    *to++ = '\\';
    for (const char *pair = short_escapes; *pair != '\0'; pair += 2) {
        if ((unsigned char)*pair == octet) {
            *to++ = pair[1];
            return to;
        }
    }
    memcpy(to, "u00", 3);
    to[3] = hex[octet >> 4];
    to[4] = hex[octet & 15];
    return to + 5;
}

static bool is_plain(unsigned char octet)
{
    return octet >= 0x20 && octet < 0x7f && octet != '"' && octet != '\\';
}

enum { LONGEST_ESCAPE = 6, SLICE = 4096 };

void json_octets(struct json *json, struct bytes octets)
{
    before_value(json);
    buf_append(json->out, "\"", 1);
    for (size_t done = 0; done < octets.len;) {
        size_t len = octets.len - done < SLICE ? octets.len - done : SLICE;
        char *to = buf_reserve(json->out, len * LONGEST_ESCAPE);
        char *at = to;
        for (size_t i = done; i < done + len; i++) {
            unsigned char octet = (unsigned char)octets.data[i];
            if (is_plain(octet))
                *at++ = (char)octet;
            else
                at = escape(at, octet);
        }
        buf_added(json->out, (size_t)(at - to));
        done += len;
    }
    buf_append(json->out, "\"", 1);
}

/* Octets of the well-formed UTF-8 sequence at `at` (Unicode, table 3-7), or 0. */
static size_t utf8_sequence(const unsigned char *at)
{
    unsigned char first = at[0];
    size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (len == 0 || first > 0xf4)
        return 0;
    if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f) ||
        (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f))
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

void json_text(struct json *json, const char *text)
{
    if (text == NULL) {
        json_null(json);
        return;
    }
    before_value(json);
    buf_append(json->out, "\"", 1);
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        size_t len = utf8_sequence(at);
        if (len == 1 && !is_plain(*at)) {
            char escaped[LONGEST_ESCAPE];
            buf_append(json->out, escaped, (size_t)(escape(escaped, *at) - escaped));
        } else if (len != 0) {
            buf_append(json->out, at, len);
        } else {
            buf_append_str(json->out, "\\ufffd");
        }
        at += len != 0 ? len : 1;
    }
    buf_append(json->out, "\"", 1);
}

void json_raw(struct json *json, struct bytes value)
{
    before_value(json);
    buf_append_bytes(json->out, value);
}

void json_key_null(struct json *json, const char *key)
{
    json_key(json, key);
    json_null(json);
}

void json_key_bool(struct json *json, const char *key, bool value)
{
    json_key(json, key);
    json_bool(json, value);
}

void json_key_int(struct json *json, const char *key, int64_t value)
{
    json_key(json, key);
    json_int(json, value);
}

void json_key_ms(struct json *json, const char *key, int64_t ns)
{
    json_key(json, key);
    json_ms(json, ns);
}

void json_key_octets(struct json *json, const char *key, struct bytes octets)
{
    json_key(json, key);
    json_octets(json, octets);
}

void json_key_text(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text(json, text);
}

void json_key_object(struct json *json, const char *key)
{
    json_key(json, key);
    json_object(json);
}

void json_key_array(struct json *json, const char *key)
{
    json_key(json, key);
    json_array(json);
}
