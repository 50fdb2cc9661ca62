/* SPDX-License-Identifier: MIT
 *
 * As much of JSON as plans and events need.
 */
#ifndef ADAPTERKIT_JSON_H
#define ADAPTERKIT_JSON_H

#include <stddef.h>
#include <stdio.h>

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_kind kind;
    double number;
    char *text;        /* of a string, in UTF-8 */
    char *key;         /* where it is a member of an object */
    struct json *item; /* the first of an array or object */
    struct json *next; /* the one after this in its array or object */
};

/* NULL where the text is no JSON. */
struct json *json_parse(const char *text);
void json_free(struct json *value);

/* A member of an object; NULL where there is none, or where it is null. */
const struct json *json_get(const struct json *object, const char *key);
size_t json_count(const struct json *array);

void json_write(FILE *out, const struct json *value);
/* Octets that are not ASCII are written as if they were Latin-1: field values are octets. */
void json_write_octets(FILE *out, const char *octets, size_t length);
void json_write_string(FILE *out, const char *text); /* null for NULL */

#endif
