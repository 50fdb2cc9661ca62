/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 16 };

static struct json *parse_value(const char **at, int depth);

static void skip_space(const char **at)
{
    *at += strspn(*at, " \t\r\n");
}

static bool take(const char **at, const char *word)
{
    skip_space(at);
    size_t n = strlen(word);
    if (strncmp(*at, word, n) != 0)
        return false;
    *at += n;
    return true;
}

static char *put_utf8(char *to, unsigned long code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

static bool take_hex(const char **at, unsigned long *code)
{
    char digits[5] = {0}, *end;
    strncpy(digits, *at, 4);
    *code = strtoul(digits, &end, 16);
    if (end != digits + 4)
        return false;
    *at += 4;
    return true;
}

static bool take_escape(const char **at, char **to)
{
    static const char names[] = "\"\\/bfnrt", octets[] = "\"\\/\b\f\n\r\t";
    const char *found = **at ? strchr(names, **at) : NULL;
    if (found) {
        *(*to)++ = octets[found - names];
        ++*at;
        return true;
    }
    unsigned long code, low;
    if (!take(at, "u") || !take_hex(at, &code))
        return false;
    if (code >= 0xd800 && code < 0xdc00) {
        if (!take(at, "\\u") || !take_hex(at, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *to = put_utf8(*to, code);
    return true;
}

/* The opening quote has been read. */
static char *parse_string(const char **at)
{
    char *text = malloc(strlen(*at) + 1), *to = text;
    if (!text)
        abort();
    while (**at != '"') {
        bool good = **at != '\0';
        if (good && **at == '\\') {
            ++*at;
            good = take_escape(at, &to);
        } else if (good) {
            *to++ = *(*at)++;
        }
        if (!good) {
            free(text);
            return NULL;
        }
    }
    ++*at;
    *to = '\0';
    return text;
}

/* The opening bracket has been read. */
static bool parse_items(const char **at, struct json *value, const char *close, int depth)
{
    struct json **last = &value->item;
    if (take(at, close))
        return true;
    do {
        char *key = NULL;
        if (value->kind == JSON_OBJECT) {
            if (!take(at, "\"") || !(key = parse_string(at)))
                return false;
            if (!take(at, ":")) {
                free(key);
                return false;
            }
        }
        *last = parse_value(at, depth + 1);
        if (!*last) {
            free(key);
            return false;
        }
        (*last)->key = key;
        last = &(*last)->next;
    } while (take(at, ","));
    return take(at, close);
}

static bool parse_number(const char **at, struct json *value)
{
    char *end;
    value->kind = JSON_NUMBER;
    value->number = strtod(*at, &end);
    if (end == *at)
        return false;
    *at = end;
    return true;
}

static bool parse_into(const char **at, struct json *value, int depth)
{
    if (depth > DEEPEST)
        return false;
    if (take(at, "null"))
        return true;
    if (take(at, "true")) {
        value->kind = JSON_TRUE;
        return true;
    }
    if (take(at, "false")) {
        value->kind = JSON_FALSE;
        return true;
    }
    if (take(at, "\"")) {
        value->kind = JSON_STRING;
        return (value->text = parse_string(at)) != NULL;
    }
    if (take(at, "[")) {
        value->kind = JSON_ARRAY;
        return parse_items(at, value, "]", depth);
    }
    if (take(at, "{")) {
        value->kind = JSON_OBJECT;
        return parse_items(at, value, "}", depth);
    }
    return parse_number(at, value);
}

static struct json *parse_value(const char **at, int depth)
{
    struct json *value = calloc(1, sizeof *value);
    if (!value)
        abort();
    if (parse_into(at, value, depth))
        return value;
    json_free(value);
    return NULL;
}

struct json *json_parse(const char *text)
{
    struct json *value = parse_value(&text, 0);
    skip_space(&text);
    if (value && *text) {
        json_free(value);
        return NULL;
    }
    return value;
}

void json_free(struct json *value)
{
    while (value) {
        struct json *next = value->next;
        json_free(value->item);
        free(value->text);
        free(value->key);
        free(value);
        value = next;
    }
}

const struct json *json_get(const struct json *object, const char *key)
{
    for (const struct json *item = object->item; item; item = item->next)
        if (item->key && strcmp(item->key, key) == 0)
            return item->kind == JSON_NULL ? NULL : item;
    return NULL;
}

size_t json_count(const struct json *array)
{
    size_t n = 0;
    for (const struct json *item = array ? array->item : NULL; item; item = item->next)
        n++;
    return n;
}

void json_write(FILE *out, const struct json *value)
{
    bool object = value->kind == JSON_OBJECT;
    switch (value->kind) {
    case JSON_NULL:
        fputs("null", out);
        break;
    case JSON_FALSE:
        fputs("false", out);
        break;
    case JSON_TRUE:
        fputs("true", out);
        break;
    case JSON_NUMBER:
        fprintf(out, "%.15g", value->number);
        break;
    case JSON_STRING:
        json_write_string(out, value->text);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        putc(object ? '{' : '[', out);
        for (const struct json *item = value->item; item; item = item->next) {
            if (object) {
                json_write_string(out, item->key);
                putc(':', out);
            }
            json_write(out, item);
            if (item->next)
                putc(',', out);
        }
        putc(object ? '}' : ']', out);
        break;
    }
}

void json_write_octets(FILE *out, const char *octets, size_t length)
{
    putc('"', out);
    for (size_t i = 0; i < length; i++) {
        unsigned char octet = (unsigned char)octets[i];
        if (octet == '"' || octet == '\\')
            fprintf(out, "\\%c", octet);
        else if (octet < 0x20 || octet >= 0x7f)
            fprintf(out, "\\u%04x", octet);
        else
            putc(octet, out);
    }
    putc('"', out);
}

void json_write_string(FILE *out, const char *text)
{
    if (text)
        json_write_octets(out, text, strlen(text));
    else
        fputs("null", out);
}
