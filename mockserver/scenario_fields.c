/* SPDX-License-Identifier: MIT */
#include "scenario_internal.h"

#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

/* RFC 9110 5.6.2: the characters of a token. */
static bool is_token(struct bytes text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return text.len > 0;
}

static bool fail_name(struct loader *l, const struct node *node, const char *what)
{
    return loader_fail(l, node,
                       "%s: the field name in \"%s\" is no token; use the step send for it", what,
                       show(node->text).text);
}

/* "Name: value" */
static bool read_field_line(struct loader *l, const struct node *node, const char *what,
                            struct field *field)
{
    struct bytes line = {0};
    bool good = read_line(l, node, what, &line);
    const char *colon = good && line.len > 0 ? memchr(line.data, ':', line.len) : NULL;
    if (good && colon == NULL) {
        good = loader_fail(l, node, "%s: \"%s\" has no colon; write \"Name: value\"", what,
                           show(node->text).text);
    } else if (good) {
        size_t name_len = (size_t)(colon - line.data);
        size_t value_at = name_len + 1;
        while (value_at < line.len && line.data[value_at] == ' ')
            value_at++;
        field->name = bytes_of(xmemdup0(line.data, name_len), name_len);
        field->value =
            bytes_of(xmemdup0(line.data + value_at, line.len - value_at), line.len - value_at);
        if (!is_token(field->name))
            good = fail_name(l, node, what);
    }
    bytes_free(&line);
    return good;
}

/* {name: X, value: "..", pad: 100KiB} */
static bool read_field_map(struct loader *l, const struct node *node, const char *what,
                           struct field *field)
{
    static const char *const keys[] = {"name", "value", "pad", NULL};
    const struct node *only = node->count == 1 ? node->first : NULL;
    /* YAML reads [A: b] as a list that holds a map. */
    if (only != NULL && only->kind == NODE_TEXT && !node_is(only->key, "name") &&
        !node_is(only->key, "value") && !node_is(only->key, "pad"))
        return loader_fail(l, only->key, "%s: \"%s: ...\" must be in double quotes", what,
                           show(only->key->text).text);
    if (!loader_check_keys(l, node, keys, what))
        return false;
    const struct node *name = loader_require(l, node, "name", what);
    if (name == NULL || !loader_expect(l, name, NODE_TEXT, "name"))
        return false;
    if (!is_token(name->text))
        return fail_name(l, name, what);
    field->name = bytes_of(xmemdup0(name->text.data, name->text.len), name->text.len);
    const struct node *value = node_get(node, "value");
    if (value != NULL && !read_line(l, value, "value", &field->value))
        return false;
    const struct node *pad = node_get(node, "pad");
    return pad == NULL || read_size(l, pad, MAX_SIZE, "pad", &field->pad);
}

bool read_fields(struct loader *l, const struct node *list, const char *what, struct fields *fields)
{
    if (!loader_expect(l, list, NODE_LIST, what))
        return false;
    fields->items = xcalloc(list->count, sizeof *fields->items);
    for (const struct node *item = list->first; item != NULL; item = item->next) {
        struct field *field = &fields->items[fields->count++];
        *field = (struct field){.pad = {.param = -1}};
        bool good;
        if (item->kind == NODE_MAP)
            good = read_field_map(l, item, what, field);
        else
            good = read_field_line(l, item, what, field);
        if (!good)
            return false;
    }
    return true;
}

void fields_free(struct fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        bytes_free(&fields->items[i].name);
        bytes_free(&fields->items[i].value);
    }
    free(fields->items);
    *fields = (struct fields){0};
}
