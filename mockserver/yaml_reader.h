/* SPDX-License-Identifier: MIT */
/* Reads the strict YAML subset that scenario files are written in, and with it plain JSON text,
 * into a tree of nodes. Knows nothing about scenarios.
 *
 * The subset: one UTF-8 document of maps, lists and text. No anchors, aliases, tags, directives or
 * duplicate keys; every scalar is text (`no` and `0102` are what they look like) and it is up to
 * whoever asks to give it a type. The same rules live in harness/interimspec/yaml_subset.py.
 *
 *   map   first -> value -> value ...        each value has its key beside it
 *                  |        |
 *                  key      key
 *   list  first -> item -> item ...
 */
#ifndef INTERIMSPEC_YAML_READER_H
#define INTERIMSPEC_YAML_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

enum {
    YAML_READER_MAX_OCTETS = 256 * 1024,
    YAML_READER_MAX_DEPTH = 16,    /* maps and lists inside each other, the root included */
    YAML_READER_MAX_NODES = 10000, /* keys count too */
};

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool quoted;        /* NODE_TEXT: was written in double quotes */
    int line, column;   /* where it begins; both from 1, columns count code points */
    struct bytes text;  /* NODE_TEXT: UTF-8, followed by a NUL that does not count; owned */
    struct node *key;   /* its key when the parent is a map, else NULL; owned */
    struct node *first; /* NODE_LIST, NODE_MAP: the first item or value; owned */
    struct node *next;  /* the next item or value of the same parent; owned */
    size_t count;       /* NODE_LIST, NODE_MAP: items or values */
};

struct yaml_reader_error {
    int line, column; /* from 1 */
    char *message;    /* owned by the caller */
};

/* The root of the document, or NULL with *error filled. The tree does not refer to `text`. */
__attribute__((warn_unused_result)) struct node *yaml_reader_parse(struct bytes text,
                                                                   struct yaml_reader_error *error);
/* Frees a whole tree; NULL is allowed. */
void node_free(struct node *root);

/* The value of a key, or NULL when `map` is no map or has no such key. */
const struct node *node_get(const struct node *map, const char *key);
/* Whether it is text and says exactly this. */
bool node_is(const struct node *node, const char *text);
/* "text", "a list" or "a map", for messages. */
const char *node_kind_name(const struct node *node);

#endif
