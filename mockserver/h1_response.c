/* SPDX-License-Identifier: MIT */
#include "h1_response.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "content.h"
#include "respond.h"

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {104, "Upload Resumption Supported"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
};

const char *h1_response_reason(int64_t status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "";
}

enum { DIGITS_SIZE = 24 };

static struct bytes digits_of(uint64_t number, int min_digits, char digits[static DIGITS_SIZE])
{
    size_t at = DIGITS_SIZE;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
        min_digits--;
    } while (number > 0 || min_digits > 0);
    return bytes_of(digits + at, DIGITS_SIZE - at);
}

#define LITERAL(text) bytes_of(text, sizeof(text) - 1)
/* Many small appends would be most of the work. */
#define APPEND(out, ...)                                                                           \
    content_append((out), (const struct bytes[]){__VA_ARGS__},                                     \
                   sizeof((const struct bytes[]){__VA_ARGS__}) / sizeof(struct bytes))

static void append_field(struct buf *out, const struct field *field, const int64_t *params)
{
    int64_t pad = int_value_of(field->pad, params);
    if (pad <= 0) {
        APPEND(out, field->name, LITERAL(": "), field->value, LITERAL("\r\n"));
        return;
    }
    APPEND(out, field->name, LITERAL(": "), field->value);
    memset(buf_reserve(out, (size_t)pad), 'x', (size_t)pad);
    buf_added(out, (size_t)pad);
    APPEND(out, LITERAL("\r\n"));
}

static void append_fields(struct buf *out, const struct fields *fields, const int64_t *params)
{
    for (size_t i = 0; i < fields->count; i++) {
        append_field(out, &fields->items[i], params);
    }
}

static void append_status_line(struct buf *out, const struct respond_step *respond, int64_t status)
{
    char digits[DIGITS_SIZE];
    struct bytes code = digits_of(status > 0 ? (uint64_t)status : 0, 3, digits);
    struct bytes reason =
        respond->has_reason ? respond->reason : bytes_of_str(h1_response_reason(status));
    APPEND(out, LITERAL("HTTP/"), respond->version, LITERAL(" "), code, LITERAL(" "), reason,
           LITERAL("\r\n"));
}

static void append_location(struct buf *out, const struct place *place, const char *resource)
{
    bool is_start = strcmp(resource, "start") == 0;
    APPEND(out, LITERAL("Location: /"), bytes_of_str(place->scenario), LITERAL("/"),
           bytes_of_str(place->run), bytes_of_str(is_start ? "" : "/"),
           bytes_of_str(is_start ? "" : resource), LITERAL("\r\n"));
}

static void append_last_chunk(struct buf *out, const struct fields *trailers, const int64_t *params)
{
    APPEND(out, LITERAL("0\r\n"));
    append_fields(out, trailers, params);
    APPEND(out, LITERAL("\r\n"));
}

static void render_respond(const struct place *place, size_t step, struct buf *out)
{
    const struct respond_step *respond = &place->script->steps[step].u.respond;
    struct respond_delimiting how = respond_delimit(place, step);
    append_status_line(out, respond, int_value_of(respond->status, place->params));
    append_fields(out, &respond->fields, place->params);
    bool makes_content = respond->body == BODY_OWN || respond->body == BODY_SIZED;
    if (makes_content && (how.has_content || place->is_head) &&
        !respond_has_field(respond, "Content-Type")) {
        APPEND(out, LITERAL("Content-Type: text/plain\r\n"));
    }
    if (respond->location) {
        append_location(out, place, respond->location);
    }
    if (respond->set_cookie.len > 0) {
        APPEND(out, LITERAL("Set-Cookie: "), respond->set_cookie, LITERAL("; Path=/"),
               bytes_of_str(place->scenario), LITERAL("/"), bytes_of_str(place->run),
               LITERAL("\r\n"));
    }
    if (how.chunked) {
        APPEND(out, LITERAL("Transfer-Encoding: chunked\r\n"));
    }
    if (how.writes_length) {
        char digits[DIGITS_SIZE];
        APPEND(out, LITERAL("Content-Length: "), digits_of(how.length, 1, digits),
               LITERAL("\r\n\r\n"));
    } else {
        APPEND(out, LITERAL("\r\n"));
    }
    if (!how.has_content) {
        return;
    }
    if (!how.chunked) {
        respond_append_content(place, respond, out);
        return;
    }
    uint64_t length = respond_content_length(place, step);
    if (length > 0 && respond->body != BODY_LATER) {
        buf_printf(out, "%" PRIx64 "\r\n", length);
        respond_append_content(place, respond, out);
        APPEND(out, LITERAL("\r\n"));
    }
    if (respond->body != BODY_LATER) {
        append_last_chunk(out, &respond->trailers, place->params);
    }
}

void h1_response_render(const struct place *place, size_t step, struct buf *out)
{
    assert(step < place->script->count);
    const struct step *what = &place->script->steps[step];
    const struct respond_step *open;
    switch (what->kind) {
    case STEP_RESPOND:
        render_respond(place, step, out);
        return;
    case STEP_SEND:
        buf_append_bytes(out, what->u.send.bytes);
        return;
    case STEP_BODY:
        open = respond_open_at(place, step);
        if (place->is_head || what->u.body.len == 0) {
            return;
        }
        if (open && open->framing == FRAMING_CHUNKED) {
            buf_printf(out, "%zx\r\n", what->u.body.len);
            APPEND(out, what->u.body, LITERAL("\r\n"));
        } else {
            buf_append_bytes(out, what->u.body);
        }
        return;
    case STEP_END_BODY:
        open = respond_open_at(place, step);
        if (!place->is_head && open && open->framing == FRAMING_CHUNKED) {
            append_last_chunk(out, what->u.trailers.count ? &what->u.trailers : &open->trailers,
                              place->params);
        }
        return;
    case STEP_WAIT:
    case STEP_SLEEP:
    case STEP_RELEASE:
    case STEP_STALL:
    case STEP_READING:
    case STEP_CLOSE:
    case STEP_RESET:
    case STEP_FRAMES:
    case STEP_WINDOW:
        break;
    }
    assert(!"a step that sends nothing");
}

void h1_response_page(int status, const char *fields, const char *content_type,
                      struct bytes content, bool is_head, struct buf *out)
{
    buf_printf(out, "HTTP/1.1 %d %s\r\n%sContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", status,
               h1_response_reason(status), fields, content_type, content.len);
    if (!is_head) {
        buf_append_bytes(out, content);
    }
}
