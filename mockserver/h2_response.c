/* SPDX-License-Identifier: MIT */
#include "h2_response.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "content.h"
#include "h2_frame.h"
#include "h2_frames.h"
#include "hpack.h"
#include "respond.h"

enum { LONGEST_NAME = 256 };

/* RFC 9113 8.2.2: what HTTP/2 has no place for. */
static bool is_connection_specific(struct bytes name)
{
    static const char *const names[] = {"connection", "proxy-connection", "keep-alive",
                                        "transfer-encoding", "upgrade"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (name.len == strlen(names[i]) && strncasecmp(name.data, names[i], name.len) == 0) {
            return true;
        }
    }
    return false;
}

static void write_field(struct buf *block, struct bytes name, struct bytes value, size_t pad)
{
    char lower[LONGEST_NAME];
    struct buf longer = {0};
    char *to = name.len <= sizeof lower ? lower : buf_reserve(&longer, name.len);
    for (size_t i = 0; i < name.len; i++) {
        to[i] = (char)tolower((unsigned char)name.data[i]);
    }
    hpack_write_long(block, bytes_of(to, name.len), value, pad, false);
    buf_fini(&longer);
}

static void write_fields(struct buf *block, const struct fields *fields, const int64_t *params)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->items[i];
        int64_t pad = int_value_of(field->pad, params);
        if (!is_connection_specific(field->name)) {
            write_field(block, field->name, field->value, pad > 0 ? (size_t)pad : 0);
        }
    }
}

static void write_status(struct buf *block, int64_t status)
{
    char text[2 + 20] = "00";
    size_t len = buf_digits((uint64_t)status, text + 2);
    size_t from = len < 3 ? len - 1 : 2; /* three digits at least */
    hpack_write(block, bytes_of_str(":status"), bytes_of(text + from, len + 2 - from));
}

static void write_number(struct buf *block, const char *name, uint64_t number)
{
    char text[20];
    size_t len = buf_digits(number, text);
    hpack_write(block, bytes_of_str(name), bytes_of(text, len));
}

static void write_own_fields(struct buf *block, const struct place *place,
                             const struct respond_step *respond)
{
    struct buf value = {0};
    if (respond->location) {
        bool is_start = strcmp(respond->location, "start") == 0;
        buf_printf(&value, "/%s/%s%s%s", place->scenario, place->run, is_start ? "" : "/",
                   is_start ? "" : respond->location);
        hpack_write(block, bytes_of_str("location"), buf_bytes(&value));
        buf_clear(&value);
    }
    if (respond->set_cookie.len > 0) {
        buf_append_bytes(&value, respond->set_cookie);
        buf_printf(&value, "; Path=/%s/%s", place->scenario, place->run);
        hpack_write(block, bytes_of_str("set-cookie"), buf_bytes(&value));
    }
    buf_fini(&value);
}

static void write_data(struct buf *out, const struct place *place, struct bytes content, bool ends)
{
    size_t most = place->data_max > 0 ? place->data_max : H2_FRAME_MAX;
    while (content.len > most) {
        h2_frame_write(out, H2_DATA, 0, place->stream, bytes_of(content.data, most));
        content = bytes_of(content.data + most, content.len - most);
    }
    if (content.len > 0 || ends) {
        h2_frame_write(out, H2_DATA, ends ? H2_END_STREAM : 0, place->stream, content);
    }
}

static void write_trailers(struct buf *out, const struct place *place,
                           const struct fields *trailers)
{
    struct buf block = {0};
    write_fields(&block, trailers, place->params);
    h2_frames_write_block(out, H2_HEADERS, H2_END_STREAM, place->stream, buf_bytes(&block));
    buf_fini(&block);
}

static void render_respond(const struct place *place, size_t step, struct buf *out)
{
    const struct respond_step *respond = &place->script->steps[step].u.respond;
    struct respond_delimiting how = respond_delimit(place, step);
    int64_t status = int_value_of(respond->status, place->params);
    bool tunnel = place->is_connect && status >= 200 && status <= 299;
    bool later = respond->body == BODY_LATER && how.has_content;
    uint64_t len = how.has_content ? respond_content_length(place, step) : 0;
    bool is_whole = !how.has_content || !respond->has_length || len >= how.length;
    bool ends = status >= 200 && !tunnel && !later && is_whole;
    bool has_trailers = how.has_content && !later && respond->trailers.count > 0;
    bool makes_content = respond->body == BODY_OWN || respond->body == BODY_SIZED;
    struct buf block = {0};
    write_status(&block, status);
    write_fields(&block, &respond->fields, place->params);
    if (makes_content && (how.has_content || place->is_head) &&
        !respond_has_field(respond, "Content-Type")) {
        hpack_write(&block, bytes_of_str("content-type"), bytes_of_str("text/plain"));
    }
    write_own_fields(&block, place, respond);
    if (how.writes_length) {
        write_number(&block, "content-length", how.length);
    }
    bool ends_here = ends && len == 0 && !has_trailers;
    h2_frames_write_block(out, H2_HEADERS, ends_here ? H2_END_STREAM : 0, place->stream,
                          buf_bytes(&block));
    buf_fini(&block);
    if (len > 0) {
        struct buf content = {0};
        respond_append_content(place, respond, &content);
        write_data(out, place, buf_bytes(&content), ends && !has_trailers);
        buf_fini(&content);
    }
    if (has_trailers && ends) {
        write_trailers(out, place, &respond->trailers);
    }
}

static void render_end_body(const struct place *place, size_t step, struct buf *out)
{
    const struct step *what = &place->script->steps[step];
    const struct respond_step *open = respond_open_at(place, step);
    const struct fields *trailers = what->u.trailers.count > 0 ? &what->u.trailers
                                    : open                     ? &open->trailers
                                                               : &what->u.trailers;
    if (trailers->count > 0) {
        write_trailers(out, place, trailers);
    } else {
        write_data(out, place, bytes_of(NULL, 0), true);
    }
}

void h2_response_render(const struct place *place, size_t step, struct buf *out)
{
    assert(step < place->script->count);
    const struct step *what = &place->script->steps[step];
    switch (what->kind) {
    case STEP_RESPOND:
        render_respond(place, step, out);
        return;
    case STEP_BODY:
        if (!place->is_head) {
            write_data(out, place, what->u.body, false);
        }
        return;
    case STEP_END_BODY:
        if (!place->is_head) {
            render_end_body(place, step, out);
        }
        return;
    case STEP_FRAMES:
        h2_frames_render(place, &what->u.frames, out);
        return;
    case STEP_WINDOW: {
        int64_t increment = int_value_of(what->u.window, place->params);
        h2_frame_write_header(out, 4, H2_WINDOW_UPDATE, 0, place->stream);
        h2_write_u32(out, (uint32_t)increment);
        return;
    }
    case STEP_SEND:
        buf_append_bytes(out, what->u.send.bytes);
        return;
    case STEP_WAIT:
    case STEP_SLEEP:
    case STEP_RELEASE:
    case STEP_STALL:
    case STEP_READING:
    case STEP_CLOSE:
    case STEP_RESET:
        break;
    }
    assert(!"a step that sends nothing");
}

void h2_response_page(uint32_t stream, int status, const char *content_type, struct bytes content,
                      bool is_head, struct buf *out)
{
    struct place place = {.stream = stream};
    struct buf block = {0};
    write_status(&block, status);
    hpack_write(&block, bytes_of_str("content-type"), bytes_of_str(content_type));
    write_number(&block, "content-length", content.len);
    bool ends = is_head || content.len == 0;
    h2_frames_write_block(out, H2_HEADERS, ends ? H2_END_STREAM : 0, stream, buf_bytes(&block));
    buf_fini(&block);
    if (!ends) {
        write_data(out, &place, content, true);
    }
}
