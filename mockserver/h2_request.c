/* SPDX-License-Identifier: MIT */
#include "h2_request.h"

#include <string.h>

#include "field_list.h"

struct pseudo {
    struct bytes method, scheme, path, authority;
};

static bool is_name(struct bytes name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool good =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr(others, c));
        if (!good) {
            return false;
        }
    }
    return name.len > 0;
}

static bool is_value(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == '\r' || value.data[i] == '\n' || value.data[i] == '\0') {
            return false;
        }
    }
    return true;
}

static bool is_connection_specific(struct bytes name, struct bytes value)
{
    return bytes_equal_str(name, "connection") || bytes_equal_str(name, "proxy-connection") ||
           bytes_equal_str(name, "keep-alive") || bytes_equal_str(name, "transfer-encoding") ||
           bytes_equal_str(name, "upgrade") ||
           (bytes_equal_str(name, "te") && !bytes_equal_str(value, "trailers"));
}

static const char *take_pseudo(struct pseudo *pseudo, struct bytes name, struct bytes value)
{
    struct bytes *to = bytes_equal_str(name, ":method")      ? &pseudo->method
                       : bytes_equal_str(name, ":scheme")    ? &pseudo->scheme
                       : bytes_equal_str(name, ":path")      ? &pseudo->path
                       : bytes_equal_str(name, ":authority") ? &pseudo->authority
                                                             : NULL;
    if (!to) {
        return "a pseudo-header field that no request has";
    }
    if (to->data) {
        return "a pseudo-header field that stands twice";
    }
    *to = value;
    return NULL;
}

static const char *take_length(struct bytes value, int64_t *length)
{
    int64_t number = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || i >= 15) {
            return "a content-length that is no number";
        }
        number = number * 10 + (value.data[i] - '0');
    }
    if (value.len == 0 || (*length >= 0 && *length != number)) {
        return "a content-length that is no number, or two of them";
    }
    *length = number;
    return NULL;
}

static const char *take_field(struct pseudo *pseudo, struct bytes name, struct bytes value,
                              bool *regular, int64_t *length)
{
    if (!is_value(value)) {
        return "a field value with CR, LF or NUL";
    }
    if (name.len > 0 && name.data[0] == ':') {
        return *regular ? "a pseudo-header field behind other fields"
                        : take_pseudo(pseudo, name, value);
    }
    *regular = true;
    if (!is_name(name)) {
        return "a field name that is no lower-case token";
    }
    if (is_connection_specific(name, value)) {
        return "a connection-specific field";
    }
    return bytes_equal_str(name, "content-length") ? take_length(value, length) : NULL;
}

static bool has_space(struct bytes text)
{
    return text.len == 0 || memchr(text.data, ' ', text.len) != NULL;
}

static const char *check(struct bytes fields, struct pseudo *pseudo, int64_t *length)
{
    struct bytes name, value;
    bool regular = false;
    *length = -1;
    while (field_list_next(&fields, &name, &value)) {
        const char *reason = take_field(pseudo, name, value, &regular, length);
        if (reason) {
            return reason;
        }
    }
    bool is_connect = bytes_equal_str(pseudo->method, "CONNECT");
    if (has_space(pseudo->method)) {
        return "no :method";
    }
    if (is_connect ? pseudo->scheme.data || pseudo->path.data || has_space(pseudo->authority)
                   : !pseudo->scheme.data || has_space(pseudo->path)) {
        return "not the pseudo-header fields that the method needs";
    }
    return NULL;
}

bool h2_request_is_good(struct bytes fields)
{
    struct pseudo pseudo = {0};
    int64_t length;
    return check(fields, &pseudo, &length) == NULL;
}

const char *h2_request_make(struct bytes fields, struct h2_request *request)
{
    struct pseudo pseudo = {0};
    const char *reason = check(fields, &pseudo, &request->content_length);
    if (reason) {
        return reason;
    }
    struct bytes target = pseudo.path.data ? pseudo.path : pseudo.authority;
    struct bytes name, value;
    buf_append_bytes(&request->head, pseudo.method);
    request->method_len = pseudo.method.len;
    buf_append_str(&request->head, " ");
    request->target_at = buf_len(&request->head);
    request->target_len = target.len;
    buf_append_bytes(&request->head, target);
    buf_append_str(&request->head, " HTTP/2\r\n");
    while (field_list_next(&fields, &name, &value)) {
        buf_append_bytes(&request->head, name);
        buf_append_str(&request->head, ": ");
        buf_append_bytes(&request->head, value);
        buf_append_str(&request->head, "\r\n");
    }
    buf_append_str(&request->head, "\r\n");
    return NULL;
}

void h2_request_fini(struct h2_request *request)
{
    buf_fini(&request->head);
}
