/* SPDX-License-Identifier: MIT */
#include "yaml_reader.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "xmalloc.h"

struct reading {
    yaml_parser_t parser;
    struct yaml_reader_error *error;
    size_t nodes;
};

__attribute__((format(printf, 4, 5))) static void fail(struct yaml_reader_error *error, int line,
                                                       int column, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error->line = line;
    error->column = column;
    error->message = xstrdup(text);
}

static int line_of(yaml_mark_t mark)
{
    return (int)mark.line + 1;
}

static int column_of(yaml_mark_t mark)
{
    return (int)mark.column + 1;
}

/* --- the octets, before libyaml sees them: its own reader names no line --- */

/* Length of the UTF-8 sequence at `at` and its code point, or 0 if it is none. */
static size_t decode(const unsigned char *at, size_t left, uint32_t *code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = at[0] < 0x80             ? 1
                 : (at[0] & 0xe0) == 0xc0 ? 2
                 : (at[0] & 0xf0) == 0xe0 ? 3
                 : (at[0] & 0xf8) == 0xf0 ? 4
                                          : 0;
    if (len == 0 || len > left)
        return 0;
    *code = len == 1 ? at[0] : at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (at[i] & 0x3f);
    }
    if (*code < smallest[len] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
        return 0;
    return len;
}

/* What YAML lets stand unescaped, less the line ends that are not everybody's line ends. */
static bool is_allowed(uint32_t code, bool before_newline)
{
    if (code == '\r')
        return before_newline;
    if (code < 0x20)
        return code == '\t' || code == '\n';
    if (code < 0xa0)
        return code < 0x7f;
    return code != 0x2028 && code != 0x2029 && code != 0xfeff && code != 0xfffe && code != 0xffff;
}

static bool check_octets(struct bytes text, struct yaml_reader_error *error)
{
    if (text.len > YAML_READER_MAX_OCTETS) {
        fail(error, 1, 1, "more than %d octets in one file", YAML_READER_MAX_OCTETS);
        return false;
    }
    int line = 1, column = 1;
    for (size_t i = 0, len; i < text.len; i += len) {
        uint32_t code = 0;
        len = decode((const unsigned char *)text.data + i, text.len - i, &code);
        if (len == 0) {
            fail(error, line, column,
                 "octet 0x%02x is not UTF-8; inside double quotes write \\x%02x",
                 (unsigned char)text.data[i], (unsigned char)text.data[i]);
            return false;
        }
        if (!is_allowed(code, i + 1 < text.len && text.data[i + 1] == '\n')) {
            fail(error, line, column,
                 "character U+%04X may not stand here; inside double quotes write an escape", code);
            return false;
        }
        column = code == '\n' ? 1 : column + 1;
        line += code == '\n';
    }
    return true;
}

/* --- events --- */

/* False at a syntax error, which is then in r->error. The caller deletes the event. */
static bool next_event(struct reading *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event))
        return true;
    yaml_mark_t mark = r->parser.problem_mark;
    const char *problem = r->parser.problem;
    fail(r->error, line_of(mark), column_of(mark), "%s%s%s",
         r->parser.context == NULL ? "" : r->parser.context, r->parser.context == NULL ? "" : ": ",
         problem == NULL ? "not YAML" : problem);
    return false;
}

/* What an event may not be or have in the subset, or NULL. */
static const char *refusal(const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_ALIAS_EVENT)
        return "aliases (*name) are not part of this format; write the value out";
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL)
        return "anchors (&name) are not part of this format; write the value out each time";
    if (tag != NULL)
        return "tags (!name) are not part of this format; the key says what a value is";
    return NULL;
}

static struct node *node_of(struct reading *r, const yaml_event_t *event, int depth)
{
    int line = line_of(event->start_mark), column = column_of(event->start_mark);
    const char *refused = refusal(event);
    if (refused != NULL) {
        fail(r->error, line, column, "%s", refused);
        return NULL;
    }
    if (++r->nodes > YAML_READER_MAX_NODES) {
        fail(r->error, line, column, "more than %d values in one file", YAML_READER_MAX_NODES);
        return NULL;
    }
    if (event->type != YAML_SCALAR_EVENT && depth > YAML_READER_MAX_DEPTH) {
        fail(r->error, line, column, "more than %d maps and lists inside each other",
             YAML_READER_MAX_DEPTH);
        return NULL;
    }
    struct node *node = xcalloc(1, sizeof *node);
    node->line = line;
    node->column = column;
    if (event->type == YAML_SCALAR_EVENT) {
        node->kind = NODE_TEXT;
        node->quoted = event->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
        node->text.len = event->data.scalar.length;
        node->text.data = xmemdup0(event->data.scalar.value, node->text.len);
    } else {
        node->kind = event->type == YAML_SEQUENCE_START_EVENT ? NODE_LIST : NODE_MAP;
    }
    return node;
}

static const struct node *find(const struct node *map, struct bytes key)
{
    for (const struct node *value = map->first; value != NULL; value = value->next)
        if (bytes_equal(value->key->text, key))
            return value;
    return NULL;
}

static bool check_key(struct reading *r, const struct node *map, const struct node *key)
{
    if (key->kind != NODE_TEXT) {
        fail(r->error, key->line, key->column, "a key must be text, not %s", node_kind_name(key));
        return false;
    }
    const struct node *before = find(map, key->text);
    if (before != NULL) {
        fail(r->error, key->line, key->column, "this key stands twice in one map, first in line %d",
             before->key->line);
        return false;
    }
    return true;
}

static bool read_children(struct reading *r, struct node *parent, int depth);

/* The node that begins with `event`, all of it; NULL after an error. */
static struct node *read_node(struct reading *r, const yaml_event_t *event, int depth)
{
    struct node *node = node_of(r, event, depth);
    if (node != NULL && node->kind != NODE_TEXT && !read_children(r, node, depth)) {
        node_free(node);
        return NULL;
    }
    return node;
}

static struct node *read_next(struct reading *r, int depth, bool *at_end)
{
    yaml_event_t event;
    *at_end = false;
    if (!next_event(r, &event))
        return NULL;
    struct node *node = NULL;
    if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
        *at_end = true;
    else
        node = read_node(r, &event, depth);
    yaml_event_delete(&event);
    return node;
}

static bool read_children(struct reading *r, struct node *parent, int depth)
{
    struct node **end = &parent->first;
    for (;;) {
        bool at_end;
        struct node *key = NULL;
        struct node *child = read_next(r, depth + 1, &at_end);
        if (at_end)
            return true;
        if (child != NULL && parent->kind == NODE_MAP) {
            key = child;
            child = check_key(r, parent, key) ? read_next(r, depth + 1, &at_end) : NULL;
        }
        if (child == NULL) {
            node_free(key);
            return false;
        }
        child->key = key;
        *end = child;
        end = &child->next;
        parent->count++;
    }
}

/* --- the document --- */

static bool check_document_start(struct reading *r, const yaml_event_t *event)
{
    int line = line_of(event->start_mark), column = column_of(event->start_mark);
    if (event->type == YAML_STREAM_END_EVENT) {
        fail(r->error, line, column, "the file holds nothing");
        return false;
    }
    assert(event->type == YAML_DOCUMENT_START_EVENT);
    if (event->data.document_start.version_directive != NULL ||
        event->data.document_start.tag_directives.start !=
            event->data.document_start.tag_directives.end) {
        fail(r->error, line, column, "directives (%%YAML, %%TAG) are not part of this format");
        return false;
    }
    return true;
}

static bool check_stream_end(struct reading *r)
{
    yaml_event_t event;
    if (!next_event(r, &event))
        return false;
    assert(event.type == YAML_DOCUMENT_END_EVENT);
    yaml_event_delete(&event);
    if (!next_event(r, &event))
        return false;
    bool ended = event.type == YAML_STREAM_END_EVENT;
    if (!ended)
        fail(r->error, line_of(event.start_mark), column_of(event.start_mark),
             "a second document begins here; one file holds one");
    yaml_event_delete(&event);
    return ended;
}

static struct node *read_document(struct reading *r)
{
    yaml_event_t event;
    if (!next_event(r, &event))
        return NULL;
    assert(event.type == YAML_STREAM_START_EVENT);
    yaml_event_delete(&event);
    if (!next_event(r, &event))
        return NULL;
    bool good = check_document_start(r, &event);
    yaml_event_delete(&event);
    if (!good)
        return NULL;
    bool at_end;
    struct node *root = read_next(r, 1, &at_end);
    assert(!at_end);
    if (root != NULL && !check_stream_end(r)) {
        node_free(root);
        root = NULL;
    }
    return root;
}

struct node *yaml_reader_parse(struct bytes text, struct yaml_reader_error *error)
{
    *error = (struct yaml_reader_error){0};
    if (!check_octets(text, error))
        return NULL;
    struct reading r = {.error = error};
    if (!yaml_parser_initialize(&r.parser)) {
        fail(error, 1, 1, "out of memory");
        return NULL;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.data, text.len);
    struct node *root = read_document(&r);
    yaml_parser_delete(&r.parser);
    assert((root == NULL) == (error->message != NULL));
    return root;
}

void node_free(struct node *root)
{
    while (root != NULL) {
        struct node *next = root->next;
        node_free(root->key);
        node_free(root->first);
        free((void *)root->text.data);
        free(root);
        root = next;
    }
}

const struct node *node_get(const struct node *map, const char *key)
{
    return map->kind == NODE_MAP ? find(map, bytes_of_str(key)) : NULL;
}

bool node_is(const struct node *node, const char *text)
{
    return node->kind == NODE_TEXT && bytes_equal_str(node->text, text);
}

const char *node_kind_name(const struct node *node)
{
    switch (node->kind) {
    case NODE_TEXT:
        return "text";
    case NODE_LIST:
        return "a list";
    case NODE_MAP:
        return "a map";
    }
    assert(false);
    return "";
}
