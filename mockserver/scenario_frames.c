/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "scenario_internal.h"
#include "xmalloc.h"

enum { MAX_STATUS = 999, MAX_PAD = 255, MAX_TABLE = 1000000, MAX_BLOCK = 16 * 1024 * 1024 };
#define MAX_U31 INT64_C(2147483647)
#define MAX_U32 INT64_C(4294967295)

static const char *const frame_keys[] = {
    "headers",  "push_promise", "data", "rst_stream", "goaway",     "ping", "window_update",
    "settings", "unknown",      "raw",  "stream",     "end_stream", "pad",  NULL};
enum { KINDS = FRAME_RAW + 1 }; /* the first of frame_keys, in the order of enum frame_kind */

static const char *const error_names[] = {"NO_ERROR",
                                          "PROTOCOL_ERROR",
                                          "INTERNAL_ERROR",
                                          "FLOW_CONTROL_ERROR",
                                          "SETTINGS_TIMEOUT",
                                          "STREAM_CLOSED",
                                          "FRAME_SIZE_ERROR",
                                          "REFUSED_STREAM",
                                          "CANCEL",
                                          "COMPRESSION_ERROR",
                                          "CONNECT_ERROR",
                                          "ENHANCE_YOUR_CALM",
                                          "INADEQUATE_SECURITY",
                                          "HTTP_1_1_REQUIRED",
                                          NULL};
static const char *const setting_names[] = {"HEADER_TABLE_SIZE",
                                            "ENABLE_PUSH",
                                            "MAX_CONCURRENT_STREAMS",
                                            "INITIAL_WINDOW_SIZE",
                                            "MAX_FRAME_SIZE",
                                            "MAX_HEADER_LIST_SIZE",
                                            NULL};

static bool is_number(const struct node *node)
{
    return node->kind == NODE_TEXT && node->text.len > 0 &&
           strspn(node->text.data, "0123456789") == node->text.len;
}

static bool read_u32(struct loader *l, const struct node *node, int64_t max, const char *what,
                     uint32_t *value)
{
    int64_t number;
    if (!read_literal(l, node, 0, max, what, &number))
        return false;
    *value = (uint32_t)number;
    return true;
}

/* A name among `names` (the first one means `first`), or a number. */
static bool read_named(struct loader *l, const struct node *node, const char *const *names,
                       uint32_t first, int64_t max, const char *what, uint32_t *value)
{
    int index;
    if (is_number(node))
        return read_u32(l, node, max, what, value);
    if (!read_choice(l, node, names, what, &index))
        return false;
    *value = first + (uint32_t)index;
    return true;
}

static bool read_code(struct loader *l, const struct node *node, const char *what, uint32_t *code)
{
    return read_named(l, node, error_names, 0, MAX_U32, what, code);
}

static bool read_payload(struct loader *l, const struct node *node, const char *what,
                         struct bytes *octets)
{
    struct buf buf = {0};
    bool good = read_octets(l, node, what, &buf);
    *octets = take_bytes(&buf);
    return good;
}

/* --- fields --- */

/* In double quotes its octets, else what stands there. */
static bool read_any_name(struct loader *l, const struct node *node, struct bytes *name)
{
    if (node->kind == NODE_TEXT && !node->quoted) {
        *name = bytes_of(xmemdup0(node->text.data, node->text.len), node->text.len);
        return true;
    }
    return read_payload(l, node, "name", name);
}

static bool read_frame_field_map(struct loader *l, const struct node *map,
                                 struct frame_field *field)
{
    static const char *const keys[] = {"name", "value", "pad", "table", "indexed", NULL};
    static const char *const tables[] = {"add", NULL};
    const struct node *only = map->count == 1 ? map->first : NULL;
    bool known = false;
    for (size_t i = 0; only != NULL && keys[i] != NULL; i++)
        known = known || node_is(only->key, keys[i]);
    /* YAML reads [a: b] as a list that holds a map. */
    if (only != NULL && only->kind == NODE_TEXT && !known)
        return loader_fail(l, only->key, "fields: \"%s: ...\" must be in double quotes",
                           show(only->key->text).text);
    if (!loader_check_keys(l, map, keys, "fields"))
        return false;
    const struct node *indexed = node_get(map, "indexed");
    if (indexed != NULL && map->count > 1)
        return loader_fail(l, indexed->key, "indexed stands for a whole field; leave out the rest");
    if (indexed != NULL)
        return read_literal(l, indexed, 1, MAX_TABLE, "indexed", &field->indexed);
    const struct node *name = loader_require(l, map, "name", "fields");
    const struct node *value = node_get(map, "value");
    const struct node *pad = node_get(map, "pad");
    const struct node *table = node_get(map, "table");
    int index;
    if (name == NULL || !read_any_name(l, name, &field->name))
        return false;
    if (value != NULL && !read_payload(l, value, "value", &field->value))
        return false;
    if (pad != NULL && !read_size(l, pad, MAX_SIZE, "pad", &field->pad))
        return false;
    if (table != NULL && !read_choice(l, table, tables, "table", &index))
        return false;
    field->adds = table != NULL;
    return true;
}

/* "name: value"; the colon that a name may begin with is part of it. */
static bool read_frame_field_line(struct loader *l, const struct node *node,
                                  struct frame_field *field)
{
    struct bytes line = {0};
    bool good = read_payload(l, node, "fields", &line);
    const char *colon = good && line.len > 1 ? memchr(line.data + 1, ':', line.len - 1) : NULL;
    if (good && colon == NULL) {
        good = loader_fail(l, node, "fields: \"%s\" has no colon; write \"name: value\"",
                           show(node->text).text);
    } else if (good) {
        size_t name_len = (size_t)(colon - line.data);
        size_t value_at = name_len + 1;
        while (value_at < line.len && line.data[value_at] == ' ')
            value_at++;
        field->name = bytes_of(xmemdup0(line.data, name_len), name_len);
        field->value =
            bytes_of(xmemdup0(line.data + value_at, line.len - value_at), line.len - value_at);
    }
    bytes_free(&line);
    return good;
}

static bool read_frame_fields(struct loader *l, const struct node *list, struct frame *frame)
{
    if (!loader_expect(l, list, NODE_LIST, "fields"))
        return false;
    frame->fields = xcalloc(list->count, sizeof *frame->fields);
    for (const struct node *item = list->first; item != NULL; item = item->next) {
        struct frame_field *field = &frame->fields[frame->field_count++];
        field->pad = (struct int_value){.param = -1};
        if (item->kind == NODE_MAP ? !read_frame_field_map(l, item, field)
                                   : !read_frame_field_line(l, item, field))
            return false;
    }
    return true;
}

static bool read_block_split(struct loader *l, const struct node *list, struct frame *frame)
{
    int64_t before = 0;
    if (list->kind != NODE_LIST || list->count == 0)
        return loader_fail(l, list,
                           "split must be a list of offsets into the field block such as "
                           "[1, 8]");
    frame->split = xcalloc(list->count, sizeof *frame->split);
    for (const struct node *item = list->first; item != NULL; item = item->next) {
        int64_t *at = &frame->split[frame->split_count++];
        if (!read_literal(l, item, 1, MAX_BLOCK, "split", at))
            return false;
        if (*at <= before)
            return loader_fail(l, item, "the offsets of split must ascend");
        before = *at;
    }
    return true;
}

/* --- kinds --- */

static bool read_section(struct loader *l, const struct node *map, struct frame *frame)
{
    static const char *const headers_keys[] = {"status", "fields", "split", "unfinished", NULL};
    static const char *const promise_keys[] = {"promised", "fields", "split", "unfinished", NULL};
    bool is_push = frame->kind == FRAME_PUSH_PROMISE;
    const char *what = frame_keys[frame->kind];
    if (!loader_expect(l, map, NODE_MAP, what) ||
        !loader_check_keys(l, map, is_push ? promise_keys : headers_keys, what))
        return false;
    const struct node *promised = is_push ? loader_require(l, map, "promised", what) : NULL;
    if (is_push &&
        (promised == NULL || !read_u32(l, promised, MAX_U31, "promised", &frame->number)))
        return false;
    const struct node *status = node_get(map, "status");
    const struct node *fields = node_get(map, "fields");
    const struct node *split = node_get(map, "split");
    const struct node *unfinished = node_get(map, "unfinished");
    frame->has_status = status != NULL;
    frame->unfinished = unfinished != NULL;
    return (status == NULL || read_integer(l, status, 0, MAX_STATUS, "status", &frame->status)) &&
           (fields == NULL || read_frame_fields(l, fields, frame)) &&
           (split == NULL || read_block_split(l, split, frame)) &&
           (unfinished == NULL || read_yes(l, unfinished, "unfinished"));
}

static bool read_data(struct loader *l, const struct node *value, struct frame *frame)
{
    if (value->kind == NODE_TEXT && !value->quoted && node_is(value, "own")) {
        frame->is_own = true;
        return true;
    }
    return read_payload(l, value, "data", &frame->octets);
}

static bool read_goaway(struct loader *l, const struct node *value, struct frame *frame)
{
    static const char *const keys[] = {"code", "last", "debug", NULL};
    frame->last_is_this = true;
    if (value->kind != NODE_MAP)
        return read_code(l, value, "goaway", &frame->code);
    if (!loader_check_keys(l, value, keys, "goaway"))
        return false;
    const struct node *code = loader_require(l, value, "code", "goaway");
    const struct node *last = node_get(value, "last");
    const struct node *debug = node_get(value, "debug");
    if (code == NULL || !read_code(l, code, "code", &frame->code))
        return false;
    frame->last_is_this = last == NULL || node_is(last, "this");
    if (!frame->last_is_this && !read_u32(l, last, MAX_U31, "last", &frame->number))
        return false;
    return debug == NULL || read_payload(l, debug, "debug", &frame->octets);
}

static bool read_ping(struct loader *l, const struct node *value, struct frame *frame)
{
    if (!read_payload(l, value, "ping", &frame->octets))
        return false;
    return frame->octets.len == 8 ||
           loader_fail(l, value, "ping takes eight octets, not %zu", frame->octets.len);
}

static bool read_settings(struct loader *l, const struct node *map, struct frame *frame)
{
    if (!loader_expect(l, map, NODE_MAP, "settings"))
        return false;
    frame->settings = xcalloc(map->count, sizeof *frame->settings);
    for (const struct node *value = map->first; value != NULL; value = value->next) {
        struct frame_setting *setting = &frame->settings[frame->setting_count++];
        uint32_t id;
        if (!read_named(l, value->key, setting_names, 1, UINT16_MAX, "a setting", &id) ||
            !read_u32(l, value, MAX_U32, "the value of a setting", &setting->value))
            return false;
        setting->id = (uint16_t)id;
    }
    return true;
}

static bool read_unknown(struct loader *l, const struct node *map, struct frame *frame)
{
    static const char *const keys[] = {"type", "flags", "payload", NULL};
    if (!loader_expect(l, map, NODE_MAP, "unknown") || !loader_check_keys(l, map, keys, "unknown"))
        return false;
    const struct node *type = loader_require(l, map, "type", "unknown");
    const struct node *flags = node_get(map, "flags");
    const struct node *payload = node_get(map, "payload");
    uint32_t bits = 0;
    if (type == NULL || !read_u32(l, type, UINT8_MAX, "type", &frame->number) ||
        (flags != NULL && !read_u32(l, flags, UINT8_MAX, "flags", &bits)))
        return false;
    frame->flags = (uint8_t)bits;
    return payload == NULL || read_payload(l, payload, "payload", &frame->octets);
}

static bool read_raw(struct loader *l, const struct node *value, struct frame *frame)
{
    return read_payload(l, value, "raw", &frame->octets) &&
           (frame->octets.len > 0 || loader_fail(l, value, "raw has no octets"));
}

static bool read_kind(struct loader *l, const struct node *value, struct frame *frame)
{
    switch (frame->kind) {
    case FRAME_HEADERS:
    case FRAME_PUSH_PROMISE:
        return read_section(l, value, frame);
    case FRAME_DATA:
        return read_data(l, value, frame);
    case FRAME_RST_STREAM:
        return read_code(l, value, "rst_stream", &frame->code);
    case FRAME_GOAWAY:
        return read_goaway(l, value, frame);
    case FRAME_PING:
        return read_ping(l, value, frame);
    case FRAME_WINDOW_UPDATE:
        return read_u32(l, value, MAX_U31, "window_update", &frame->number);
    case FRAME_SETTINGS:
        return read_settings(l, value, frame);
    case FRAME_UNKNOWN:
        return read_unknown(l, value, frame);
    case FRAME_RAW:
        return read_raw(l, value, frame);
    }
    return false;
}

/* --- modifiers --- */

static bool read_stream(struct loader *l, const struct node *value, struct frame *frame)
{
    bool whole =
        frame->kind == FRAME_GOAWAY || frame->kind == FRAME_PING || frame->kind == FRAME_SETTINGS;
    frame->stream_is = whole ? FRAME_STREAM_NUMBER : FRAME_STREAM_THIS;
    if (value == NULL)
        return true;
    frame->stream_is = node_is(value, "this") ? FRAME_STREAM_THIS : FRAME_STREAM_NUMBER;
    if (frame->stream_is == FRAME_STREAM_THIS || node_is(value, "connection"))
        return true;
    if (!is_number(value))
        return loader_fail(l, value, "stream must be this, connection or a number");
    return read_u32(l, value, MAX_U31, "stream", &frame->stream);
}

static bool read_frame_modifiers(struct loader *l, const struct node *map, struct frame *frame)
{
    const struct node *stream = node_get(map, "stream");
    const struct node *end_stream = node_get(map, "end_stream");
    const struct node *pad = node_get(map, "pad");
    bool has_both = frame->kind == FRAME_HEADERS || frame->kind == FRAME_DATA;
    int64_t octets = -1;
    if (stream != NULL && frame->kind == FRAME_RAW)
        return loader_fail(l, stream->key, "raw is put on the connection; it has no stream");
    if (end_stream != NULL && !has_both)
        return loader_fail(l, end_stream->key, "end_stream goes with headers and data only");
    if (pad != NULL && !has_both)
        return loader_fail(l, pad->key, "pad goes with headers and data only");
    if (!read_stream(l, stream, frame) ||
        (end_stream != NULL && !read_yes(l, end_stream, "end_stream")) ||
        (pad != NULL && !read_literal(l, pad, 0, MAX_PAD, "pad", &octets)))
        return false;
    frame->end_stream = end_stream != NULL;
    frame->pad = (int)octets;
    return true;
}

/* --- frames --- */

/* The value of the frame's one kind; NULL after an error. */
static const struct node *find_kind(struct loader *l, const struct node *map, struct frame *frame)
{
    const struct node *kind = NULL;
    if (!loader_expect(l, map, NODE_MAP, "a frame") ||
        !loader_check_keys(l, map, frame_keys, "a frame"))
        return NULL;
    for (const struct node *value = map->first; value != NULL; value = value->next) {
        for (int i = 0; i < KINDS; i++) {
            if (!node_is(value->key, frame_keys[i]))
                continue;
            if (kind != NULL) {
                loader_fail(l, value->key, "a frame is one thing, this one already is %s",
                            kind->key->text.data);
                return NULL;
            }
            kind = value;
            frame->kind = (enum frame_kind)i;
        }
    }
    if (kind == NULL)
        loader_fail(l, map,
                    "a frame must be one of headers, push_promise, data, rst_stream, goaway, "
                    "ping, window_update, settings, unknown and raw");
    return kind;
}

static bool is_for_h2_alone(struct loader *l, const struct node *value, const char *verb)
{
    if (l->scenario->transports & ~(unsigned)(TRANSPORT_H2C | TRANSPORT_H2))
        return loader_fail(l, value->key,
                           "%s is for the transports h2c and h2 alone; list only those", verb);
    return true;
}

bool read_frames(struct loader *l, const struct node *list, struct frames_step *frames)
{
    if (!is_for_h2_alone(l, list, "frames") || !loader_expect(l, list, NODE_LIST, "frames"))
        return false;
    if (list->count == 0)
        return loader_fail(l, list, "frames names none");
    frames->items = xcalloc(list->count, sizeof *frames->items);
    for (const struct node *item = list->first; item != NULL; item = item->next) {
        struct frame *frame = &frames->items[frames->count++];
        frame->pad = -1;
        frame->status = (struct int_value){.param = -1};
        const struct node *kind = find_kind(l, item, frame);
        if (kind == NULL || !read_kind(l, kind, frame) || !read_frame_modifiers(l, item, frame))
            return false;
    }
    return true;
}

bool read_window(struct loader *l, const struct node *value, struct int_value *window)
{
    if (!is_for_h2_alone(l, value, "window") || !read_size(l, value, MAX_SIZE, "window", window))
        return false;
    return window->param >= 0 || window->literal > 0 ||
           loader_fail(l, value, "window must give at least one octet");
}

bool read_h2_settings(struct loader *l, const struct node *map, struct h2_settings *settings)
{
    static const char *const keys[] = {"initial_window", "max_streams", NULL};
    if (!loader_expect(l, map, NODE_MAP, "h2") || !loader_check_keys(l, map, keys, "h2"))
        return false;
    const struct node *window = node_get(map, "initial_window");
    const struct node *streams = node_get(map, "max_streams");
    return (window == NULL ||
            read_literal(l, window, 0, MAX_U31, "initial_window", &settings->initial_window)) &&
           (streams == NULL ||
            read_literal(l, streams, 1, 256, "max_streams", &settings->max_streams));
}

void frames_free(struct frames_step *frames)
{
    for (size_t i = 0; i < frames->count; i++) {
        struct frame *frame = &frames->items[i];
        for (size_t j = 0; j < frame->field_count; j++) {
            bytes_free(&frame->fields[j].name);
            bytes_free(&frame->fields[j].value);
        }
        free(frame->fields);
        free(frame->split);
        free(frame->settings);
        bytes_free(&frame->octets);
    }
    free(frames->items);
    *frames = (struct frames_step){0};
}
