/* SPDX-License-Identifier: MIT */
#include "h1_request.h"

#include <assert.h>
#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "xmalloc.h"

enum h1_state {
    H1_BETWEEN, /* requests; empty lines before one are skipped (RFC 9112 2.2) */
    H1_HEAD,
    H1_HEAD_ODD, /* a head that llhttp refuses for its method; collected to its end */
    H1_BODY,
    H1_DEAD,
};

struct h1_request {
    struct protocol base;
    llhttp_t parser;
    const struct protocol_listener *listener; /* borrowed */
    void *user;                               /* borrowed */
    uint64_t received;                        /* octets, before those being read */
    uint64_t head_offset;
    struct buf *partial; /* owned; the head so far, NULL when it lies in the input as a whole */
    uint8_t state;       /* enum h1_state */
    bool keep_alive;
    bool upgrade;
};

/* llhttp calls back without saying where it is; a pause does say. */
static int on_headers_complete(llhttp_t *parser)
{
    struct h1_request *request = parser->data;
    request->keep_alive = llhttp_should_keep_alive(parser);
    request->upgrade = parser->upgrade && parser->method != HTTP_CONNECT;
    if (parser->method == HTTP_CONNECT) {
        parser->flags |= F_SKIPBODY; /* RFC 9110 9.3.6: content has no meaning there */
    }
    parser->upgrade = 0;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct h1_request *request = parser->data;
    if (request->state != H1_DEAD) {
        request->listener->on_body(request->user, 0, bytes_of(at, len));
    }
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

struct h1_request *h1_request_new(const struct protocol_listener *listener, void *user)
{
    struct h1_request *request = xcalloc(1, sizeof *request);
    request->base.ops = &protocol_h1;
    request->listener = listener;
    request->user = user;
    llhttp_init(&request->parser, HTTP_REQUEST, &settings);
    request->parser.data = request;
    /* What follows a request that said close is still a request to us: it is to be seen. */
    llhttp_set_lenient_keep_alive(&request->parser, 1);
    return request;
}

static void drop_partial(struct h1_request *request)
{
    if (request->partial) {
        buf_fini(request->partial);
        free(request->partial);
        request->partial = NULL;
    }
}

void h1_request_free(struct h1_request *request)
{
    if (request) {
        drop_partial(request);
        free(request);
    }
}

void h1_request_stop(struct h1_request *request)
{
    request->state = H1_DEAD;
}

static void refuse(struct h1_request *request, enum bad_request_kind kind, const char *reason,
                   struct bytes method)
{
    struct bad_request bad = {kind, reason, method};
    request->state = H1_DEAD;
    request->listener->on_bad_request(request->user, &bad);
}

static void refuse_malformed(struct h1_request *request, const char *reason)
{
    refuse(request, BAD_REQUEST_MALFORMED, reason ? reason : "malformed request",
           bytes_of(NULL, 0));
}

/* The head so far, with `more` behind it: one run of octets, whichever way it came. */
static struct bytes head_so_far(struct h1_request *request, struct bytes more)
{
    if (!request->partial) {
        return more;
    }
    buf_append_bytes(request->partial, more);
    return buf_bytes(request->partial);
}

static void keep_head(struct h1_request *request, struct bytes more)
{
    if (!request->partial) {
        request->partial = xcalloc(1, sizeof *request->partial);
    }
    buf_append_bytes(request->partial, more);
}

static bool is_token(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == 0 || !strchr("!#$%&'*+-.^_`|~", c))) {
            return false;
        }
    }
    return text.len > 0;
}

static bool starts_with(struct bytes text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

/* The method of "METHOD target HTTP/1.x", if the first line of `head` is one. */
static bool is_request_line(struct bytes head, struct bytes *method)
{
    struct bytes target, version;
    h1_request_line(head, method, &target, &version);
    return is_token(*method) && target.len > 0 && version.len == 3 && version.data[0] == '1' &&
           version.data[1] == '.';
}

/* What no method can begin: nobody needs to wait for the end of such a line. */
static bool has_no_method(struct bytes head)
{
    size_t len = 0;
    while (len < head.len && !memchr(" \r\n", head.data[len], 3)) {
        len++;
    }
    return len > 0 && !is_token(bytes_of(head.data, len));
}

/* A head that llhttp gave up on because of its method: an answer that names the method needs the
 * whole of it, so collect up to the empty line, unless the first line is no request line at all. */
static void receive_odd(struct h1_request *request, struct bytes octets)
{
    struct bytes head = head_so_far(request, octets);
    struct bytes method;
    if (!request->partial) {
        keep_head(request, octets);
        head = buf_bytes(request->partial);
    }
    assert(head.data);
    bool has_line = memchr(head.data, '\n', head.len) != NULL;
    if (head.len >= 2 && head.data[0] == 0x16 && head.data[1] == 0x03) {
        refuse(request, BAD_REQUEST_TLS, "TLS hello on a port that speaks no TLS",
               bytes_of(NULL, 0));
    } else if (starts_with(head, "PRI * HTTP/2.0\r\n")) {
        refuse(request, BAD_REQUEST_H2_PREFACE,
               "HTTP/2 with prior knowledge on a port that speaks HTTP/1.1", bytes_of(NULL, 0));
    } else if ((has_line && !is_request_line(head, &method)) ||
               (has_no_method(head) && (head.len > 1 || head.data[0] != 0x16))) {
        refuse_malformed(request, "not a request line");
    } else if (memmem(head.data, head.len, "\r\n\r\n", 4) ||
               memmem(head.data, head.len, "\n\n", 2)) {
        refuse(request, BAD_REQUEST_METHOD, "unknown method", method);
    } else if (head.len > H1_REQUEST_MAX_HEAD) {
        refuse_malformed(request, "no request line");
    }
}

static void deliver_head(struct h1_request *request, struct bytes end_of_head)
{
    struct request_head head = {.raw = head_so_far(request, end_of_head)};
    struct bytes version;
    h1_request_line(head.raw, &head.method, &head.target, &version);
    head.offset = request->head_offset;
    head.version_major = request->parser.http_major;
    head.version_minor = request->parser.http_minor;
    head.keep_alive = request->keep_alive;
    head.upgrade = request->upgrade;
    request->listener->on_head(request->user, &head);
    drop_partial(request);
}

static bool is_method_error(const struct h1_request *request, llhttp_errno_t error,
                            struct bytes head)
{
    const char *reason = llhttp_get_error_reason(&request->parser);
    return error == HPE_INVALID_METHOD || error == HPE_PAUSED_H2_UPGRADE ||
           starts_with(head, "PRI ") || (reason && strstr(reason, "method")) ||
           (head.len > 0 && head.data[0] == 0x16);
}

/* Returns how many octets were used, all unless the head ended. */
static size_t receive_head(struct h1_request *request, struct bytes octets)
{
    llhttp_errno_t error = llhttp_execute(&request->parser, octets.data, octets.len);
    if (error == HPE_OK) {
        keep_head(request, octets);
        if (buf_len(request->partial) > H1_REQUEST_MAX_HEAD) {
            refuse(request, BAD_REQUEST_TOO_LARGE, "request head too large", bytes_of(NULL, 0));
        }
        return octets.len;
    }
    if (error == HPE_PAUSED) {
        size_t used = (size_t)(llhttp_get_error_pos(&request->parser) - octets.data);
        if (used + (request->partial ? buf_len(request->partial) : 0) > H1_REQUEST_MAX_HEAD) {
            refuse(request, BAD_REQUEST_TOO_LARGE, "request head too large", bytes_of(NULL, 0));
            return octets.len;
        }
        llhttp_resume(&request->parser);
        request->state = H1_BODY;
        deliver_head(request, bytes_of(octets.data, used));
        return used;
    }
    struct bytes first = request->partial ? buf_bytes(request->partial) : octets;
    if (is_method_error(request, error, first)) {
        request->state = H1_HEAD_ODD;
        receive_odd(request, octets);
    } else {
        refuse_malformed(request, llhttp_get_error_reason(&request->parser));
    }
    return octets.len;
}

static size_t receive_body(struct h1_request *request, struct bytes octets)
{
    llhttp_errno_t error = llhttp_execute(&request->parser, octets.data, octets.len);
    if (error == HPE_OK || request->state == H1_DEAD) {
        return octets.len;
    }
    if (error == HPE_PAUSED) {
        size_t used = (size_t)(llhttp_get_error_pos(&request->parser) - octets.data);
        llhttp_resume(&request->parser);
        request->state = H1_BETWEEN;
        request->listener->on_request_end(request->user, 0);
        return used;
    }
    refuse_malformed(request, llhttp_get_error_reason(&request->parser));
    return octets.len;
}

void h1_request_receive(struct h1_request *request, struct bytes octets)
{
    const char *at = octets.data;
    const char *end = octets.data + octets.len;
    /* A message without content is over without another octet, hence the H1_BODY at the end. */
    while (at < end || request->state == H1_BODY) {
        struct bytes rest = bytes_of(at, (size_t)(end - at));
        switch ((enum h1_state)request->state) {
        case H1_BETWEEN:
            if (*at == '\r' || *at == '\n') {
                at++;
                break;
            }
            request->state = H1_HEAD;
            request->head_offset = request->received + (uint64_t)(at - octets.data);
            break;
        case H1_HEAD:
            at += receive_head(request, rest);
            break;
        case H1_HEAD_ODD:
            receive_odd(request, rest);
            at = end;
            break;
        case H1_BODY:
            at += receive_body(request, rest);
            if (at == end && request->state == H1_BODY) {
                request->received += octets.len;
                return;
            }
            break;
        case H1_DEAD:
            at = end;
            break;
        }
    }
    request->received += octets.len;
}

/* The line that begins at `at`, without its end; *next is where the one after it begins. */
static struct bytes line_at(const char *at, const char *end, const char **next)
{
    assert(at);
    const char *lf = memchr(at, '\n', (size_t)(end - at));
    const char *stop = lf ? lf : end;
    *next = lf ? lf + 1 : end;
    if (stop > at && stop[-1] == '\r') {
        stop--;
    }
    return bytes_of(at, (size_t)(stop - at));
}

void h1_request_line(struct bytes head, struct bytes *method, struct bytes *target,
                     struct bytes *version)
{
    const char *next;
    struct bytes line = line_at(head.data, head.data + head.len, &next);
    const char *end = line.data + line.len;
    const char *at = memchr(line.data, ' ', line.len);
    *target = *version = bytes_of(end, 0);
    *method = bytes_of(line.data, (size_t)((at ? at : end) - line.data));
    if (!at) {
        return;
    }
    while (at < end && *at == ' ') {
        at++;
    }
    const char *space = memchr(at, ' ', (size_t)(end - at));
    *target = bytes_of(at, (size_t)((space ? space : end) - at));
    if (!space) {
        return;
    }
    const char *slash = memchr(space, '/', (size_t)(end - space));
    if (slash && slash - space >= 5 && memcmp(slash - 4, "HTTP", 4) == 0) {
        *version = bytes_of(slash + 1, (size_t)(end - slash - 1));
    }
}

bool h1_request_next_field(struct bytes head, const char **at, struct bytes *name,
                           struct bytes *value)
{
    const char *end = head.data + head.len;
    const char *next;
    if (!*at) {
        line_at(head.data, end, at);
    }
    struct bytes line = line_at(*at, end, &next);
    if (*at >= end || line.len == 0) {
        return false;
    }
    const char *line_end = line.data + line.len;
    /* obs-fold: a line that begins with white space continues the value (RFC 9112 5.2). */
    while (next < end && (*next == ' ' || *next == '\t')) {
        struct bytes folded = line_at(next, end, &next);
        line_end = folded.data + folded.len;
    }
    *at = next;
    /* Names of pseudo-header fields, which HTTP/2 has, begin with a colon. */
    const char *colon = line.len > 1 ? memchr(line.data + 1, ':', line.len - 1) : NULL;
    *name = bytes_of(line.data, (size_t)((colon ? colon : line_end) - line.data));
    const char *from = colon ? colon + 1 : line_end;
    while (from < line_end && (*from == ' ' || *from == '\t')) {
        from++;
    }
    while (line_end > from && (line_end[-1] == ' ' || line_end[-1] == '\t')) {
        line_end--;
    }
    *value = bytes_of(from, (size_t)(line_end - from));
    return true;
}

struct bytes h1_request_field(struct bytes head, const char *name)
{
    const char *at = NULL;
    struct bytes have, value;
    size_t len = strlen(name);
    while (h1_request_next_field(head, &at, &have, &value)) {
        if (have.len == len && strncasecmp(have.data, name, len) == 0) {
            return value;
        }
    }
    return bytes_of(NULL, 0);
}
