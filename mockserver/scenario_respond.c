/* SPDX-License-Identifier: MIT */
#include "scenario_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

enum { MAX_VERSION = 8 };

int64_t respond_status(const struct loader *l, const struct respond_step *respond)
{
    const struct int_value *status = &respond->status;
    return status->param < 0 ? status->literal : l->scenario->params[status->param].default_value;
}

/* RFC 9110 6.4.1: 1xx, 204 and 304 have no content. */
static bool has_no_content(int64_t status)
{
    return status < 200 || status == 204 || status == 304;
}

/* A phrase may go without quotes: it is words, and seldom octets. */
static bool read_reason(struct loader *l, const struct node *node, struct respond_step *respond)
{
    if (node->kind != NODE_TEXT || node->quoted || memchr(node->text.data, '\\', node->text.len))
        return read_line(l, node, "reason", &respond->reason);
    struct node quoted = *node;
    quoted.quoted = true;
    return read_line(l, &quoted, "reason", &respond->reason);
}

/* The keys that say what the head is. */
static bool read_head(struct loader *l, const struct node *map, struct respond_step *respond)
{
    const struct node *status = loader_require(l, map, "status", "respond");
    if (status == NULL || !read_integer(l, status, 100, 999, "status", &respond->status))
        return false;
    const struct node *reason = node_get(map, "reason");
    respond->has_reason = reason != NULL;
    if (reason != NULL && !read_reason(l, reason, respond))
        return false;
    const struct node *version = node_get(map, "version");
    if (version != NULL && !loader_expect(l, version, NODE_TEXT, "version"))
        return false;
    struct bytes text = version == NULL ? bytes_of_str("1.1") : version->text;
    if (text.len == 0 || text.len > MAX_VERSION || strspn(text.data, "0123456789.") != text.len)
        return loader_fail(l, version, "version \"%s\" must be 1 to %d of 0-9 and \".\"",
                           show(text).text, MAX_VERSION);
    respond->version = bytes_of(xmemdup0(text.data, text.len), text.len);
    const struct node *fields = node_get(map, "fields");
    return fields == NULL || read_fields(l, fields, "fields", &respond->fields);
}

static bool read_location(struct loader *l, const struct node *node, struct respond_step *respond)
{
    if (!loader_expect(l, node, NODE_TEXT, "location"))
        return false;
    if (!node_is(node, "probe") && scenario_resource(l->scenario, node->text) == NULL)
        return loader_fail(l, node,
                           "location \"%s\" names no resource of this scenario; declare it under "
                           "resources",
                           show(node->text).text);
    respond->location = xmemdup0(node->text.data, node->text.len);
    return true;
}

static bool read_set_cookie(struct loader *l, const struct node *node, struct respond_step *respond)
{
    if (!read_line(l, node, "set_cookie", &respond->set_cookie))
        return false;
    struct bytes cookie = respond->set_cookie;
    const char *equals = cookie.len == 0 ? NULL : memchr(cookie.data, '=', cookie.len);
    if (equals == NULL || equals == cookie.data)
        return loader_fail(l, node, "set_cookie \"%s\" must be \"name=value\"",
                           show(node->text).text);
    return true;
}

/* {size: N, fill: text|octets} */
static bool read_sized_body(struct loader *l, const struct node *map, struct respond_step *respond)
{
    static const char *const keys[] = {"size", "fill", NULL};
    static const char *const fills[] = {"text", "octets", NULL};
    int fill = FILL_TEXT;
    if (!loader_check_keys(l, map, keys, "body"))
        return false;
    const struct node *size = loader_require(l, map, "size", "body");
    if (size == NULL || !read_size(l, size, MAX_SIZE, "size", &respond->body_size))
        return false;
    const struct node *fill_node = node_get(map, "fill");
    if (fill_node != NULL && !read_choice(l, fill_node, fills, "fill", &fill))
        return false;
    respond->body = BODY_SIZED;
    respond->fill = (enum body_fill)fill;
    return true;
}

static bool read_respond_body(struct loader *l, const struct node *node,
                              struct respond_step *respond)
{
    if (node->kind == NODE_MAP)
        return read_sized_body(l, node, respond);
    if (node->kind == NODE_TEXT && node->quoted) {
        struct buf octets = {0};
        bool good = read_octets(l, node, "body", &octets);
        respond->body_bytes = take_bytes(&octets);
        respond->body = BODY_BYTES;
        return good;
    }
    if (node_is(node, "own"))
        respond->body = BODY_OWN;
    else if (node_is(node, "none"))
        respond->body = BODY_NONE;
    else if (node_is(node, "later"))
        respond->body = BODY_LATER;
    else
        return loader_fail(l, node,
                           "body must be own, none, later, octets in double quotes or {size: N}");
    return true;
}

static bool read_framing(struct loader *l, const struct node *map, struct respond_step *respond)
{
    static const char *const names[] = {"length", "chunked", "close", "none", NULL};
    static const enum framing framings[] = {FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE,
                                            FRAMING_NONE};
    int index = -1;
    const struct node *framing = node_get(map, "framing");
    if (framing != NULL && !read_choice(l, framing, names, "framing", &index))
        return false;
    respond->framing = index < 0 ? FRAMING_DEFAULT : framings[index];
    const struct node *length = node_get(map, "length");
    respond->has_length = length != NULL;
    if (length != NULL && !read_size(l, length, MAX_INTEGER, "length", &respond->length))
        return false;
    if (length != NULL && index >= 0 && respond->framing != FRAMING_LENGTH)
        return loader_fail(l, length->key, "length goes with framing: length, not with %s",
                           names[index]);
    const struct node *trailers = node_get(map, "trailers");
    if (trailers != NULL && !read_fields(l, trailers, "trailers", &respond->trailers))
        return false;
    if (trailers != NULL && respond->framing != FRAMING_CHUNKED)
        return loader_fail(l, trailers->key, "trailers need framing: chunked");
    return true;
}

/* What the keys must have to do with each other. */
static bool check_respond(struct loader *l, const struct node *map,
                          const struct respond_step *respond)
{
    const struct node *trailers = node_get(map, "trailers");
    const struct node *body = node_get(map, "body");
    if (respond->body == BODY_LATER && trailers != NULL)
        return loader_fail(l, trailers->key,
                           "trailers of a body that comes later belong to the step end-body");
    if (respond->body == BODY_LATER && respond->framing <= FRAMING_LENGTH && !respond->has_length)
        return loader_fail(l, body->key,
                           "body: later needs framing: chunked, close or none, or a length");
    if (!l->in_on_connect)
        return true;
    const struct node *at = body == NULL ? map : body;
    if (respond->body == BODY_OWN)
        return loader_fail(l, at,
                           "on-connect has no exchange for an own body to name; write "
                           "another body or none");
    if (respond->body == BODY_SIZED && respond->fill == FILL_TEXT)
        return loader_fail(l, at,
                           "on-connect has no exchange for a text body to name; use fill: "
                           "octets");
    return true;
}

bool read_respond(struct loader *l, const struct node *node, struct respond_step *respond)
{
    static const char *const keys[] = {"status",   "reason",     "version", "fields",
                                       "location", "set_cookie", "framing", "length",
                                       "body",     "trailers",   NULL};
    if (!loader_expect(l, node, NODE_MAP, "respond") ||
        !loader_check_keys(l, node, keys, "respond") || !read_head(l, node, respond))
        return false;
    const struct node *location = node_get(node, "location");
    if (location != NULL && !read_location(l, location, respond))
        return false;
    const struct node *cookie = node_get(node, "set_cookie");
    if (cookie != NULL && !read_set_cookie(l, cookie, respond))
        return false;
    const struct node *body = node_get(node, "body");
    respond->length.param = respond->body_size.param = -1;
    respond->body = has_no_content(respond_status(l, respond)) ? BODY_NONE : BODY_OWN;
    if (body != NULL && !read_respond_body(l, body, respond))
        return false;
    return read_framing(l, node, respond) && check_respond(l, node, respond);
}

void respond_free(struct respond_step *respond)
{
    bytes_free(&respond->reason);
    bytes_free(&respond->version);
    fields_free(&respond->fields);
    free(respond->location);
    bytes_free(&respond->set_cookie);
    bytes_free(&respond->body_bytes);
    fields_free(&respond->trailers);
}
