/* SPDX-License-Identifier: MIT */
#include "octets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

/* The octets of one call, and how far they have been read. */
struct call {
    const char *data;
    size_t at, len;
    struct octets_spans *spans;
};

void octets_spans_fini(struct octets_spans *spans)
{
    free(spans->items);
    *spans = (struct octets_spans){0};
}

static struct octets_span *new_span(struct octets_spans *spans)
{
    if (spans->count == spans->cap) {
        spans->cap = spans->cap == 0 ? 8 : 2 * spans->cap;
        spans->items = xreallocarray(spans->items, spans->cap, sizeof *spans->items);
    }
    return &spans->items[spans->count++];
}

/* Names the octets up to `to`; returns their span, or NULL if there are none. */
static struct octets_span *take(struct call *call, size_t to, enum octet_class class)
{
    struct octets_spans *spans = call->spans;
    assert(to >= call->at && to <= call->len);
    if (to == call->at)
        return NULL;
    struct octets_span *last = spans->count == 0 ? NULL : &spans->items[spans->count - 1];
    if (last == NULL || last->class != class || last->ends_head) {
        last = new_span(spans);
        *last = (struct octets_span){.start = call->at, .class = class};
    }
    last->end = to;
    call->at = to;
    return last;
}

static size_t min_size(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool ends_chunk_size(char c)
{
    return c == '\r' || c == ';' || c == ' ' || c == '\t';
}

static void begin_chunk_size(struct octets *octets)
{
    octets->state = OCTETS_AT_CHUNK_SIZE;
    octets->left = 0;
    octets->has_digits = octets->size_ended = false;
    octets->matched = 0;
}

/* RFC 9112 6.3, in its order. */
static void begin_content(struct octets *octets)
{
    const struct octets_head *head = &octets->head;
    bool is_successful = head->status >= 200 && head->status <= 299;
    octets->in_interim = false;
    octets->left = head->length;
    if (octets->is_head_request || head->status == 204 || head->status == 304)
        octets->state = OCTETS_COMPLETE;
    else if (octets->is_connect && is_successful)
        octets->state = OCTETS_UNTIL_CLOSE;
    else if (head->is_chunked)
        begin_chunk_size(octets);
    else if (head->has_coding || !head->has_length || head->bad_length)
        octets->state = OCTETS_UNTIL_CLOSE;
    else
        octets->state = octets->left == 0 ? OCTETS_COMPLETE : OCTETS_IN_LENGTH;
}

/* The `len` octets in octets.start are the start of a status line. */
static void begin_head(struct octets *octets, size_t len)
{
    octets_head_begin(&octets->head, octets->start, len);
    octets->state = OCTETS_AT_HEAD;
    octets->in_interim = false;
    octets->matched = 0;
    octets->left = 0;
}

static void read_head(struct octets *octets, struct call *call)
{
    bool ended;
    size_t len =
        octets_head_read(&octets->head, call->data + call->at, call->len - call->at, &ended);
    struct octets_span *span = take(call, call->at + len, OCTETS_HEAD);
    assert(span != NULL);
    span->status = octets->head.status;
    span->ends_head = ended;
    if (!ended)
        return;
    octets->matched = 0;
    if (octets->head.status == 0)
        octets->state = OCTETS_AFTER_ODD;
    else if (octets->head.status < 200)
        octets->state = OCTETS_AFTER_INTERIM;
    else
        begin_content(octets);
}

/* -- after a 1xx, or an odd head -- */

static void begin_interim_octets(struct octets *octets, char first)
{
    bool is_chunk = octets->head.is_chunked && octets->matched == 0 && hex_value(first) >= 0;
    octets->matched = 0;
    octets->in_interim = is_chunk;
    if (is_chunk)
        begin_chunk_size(octets);
    else
        octets->state = OCTETS_IN_INTERIM;
}

/* What looked like the next head is content, and `gone` octets of it went out in earlier calls. */
static void begin_odd_content(struct octets *octets, size_t gone)
{
    begin_content(octets);
    octets->matched = 0;
    if (octets->state == OCTETS_AT_CHUNK_SIZE && gone != 0)
        octets->state = OCTETS_UNTIL_CLOSE; /* no chunk begins like "HTTP/" */
    if (octets->state != OCTETS_IN_LENGTH)
        return;
    octets->left -= min_size(octets->left, gone);
    if (octets->left == 0)
        octets->state = OCTETS_COMPLETE;
}

static void read_after_head(struct octets *octets, struct call *call)
{
    size_t at = call->at;
    while (at < call->len && octets->matched < OCTETS_MARK_LEN &&
           octets_fits_start(call->data[at], octets->matched))
        octets->start[octets->matched++] = call->data[at++];
    if (octets->matched == OCTETS_MARK_LEN) {
        take(call, at, OCTETS_HEAD);
        begin_head(octets, OCTETS_MARK_LEN);
    } else if (at == call->len) {
        take(call, at, OCTETS_HEAD);
    } else if (octets->state == OCTETS_AFTER_ODD) {
        begin_odd_content(octets, octets->matched - (at - call->at));
    } else {
        begin_interim_octets(octets, call->data[at]);
    }
}

/* Octets that follow a 1xx head and are none, up to `limit` or the status line among them. */
static void read_interim_until(struct octets *octets, struct call *call, size_t limit)
{
    size_t at = call->at;
    while (at < limit) {
        if (octets->matched == 0) {
            const char *first = memchr(call->data + at, 'H', limit - at);
            if (first == NULL)
                break;
            at = (size_t)(first - call->data);
        }
        if (!octets_fits_start(call->data[at], octets->matched)) {
            /* Its first octet occurs nowhere else in it: there is nothing to go back for. */
            octets->matched = 0;
            at += call->data[at] != 'H';
            continue;
        }
        octets->start[octets->matched++] = call->data[at++];
        if (octets->matched == OCTETS_START_LEN) {
            size_t in_this_call = min_size(OCTETS_START_LEN, at - call->at);
            take(call, at - in_this_call, OCTETS_INTERIM_CONTENT);
            take(call, at, OCTETS_HEAD);
            begin_head(octets, OCTETS_START_LEN);
            return;
        }
    }
    take(call, limit, OCTETS_INTERIM_CONTENT);
}

/* -- content -- */

/* Nobody can tell any more where the content ends. */
static void break_chunks(struct octets *octets)
{
    octets->state = octets->in_interim ? OCTETS_IN_INTERIM : OCTETS_UNTIL_CLOSE;
}

static void end_chunk_size(struct octets *octets)
{
    octets->line_begun = octets->line_has_octets = false;
    octets->state = octets->left == 0 ? OCTETS_AT_TRAILERS : OCTETS_IN_CHUNK;
}

static bool add_to_chunk_size(struct octets *octets, char c)
{
    int digit = hex_value(c);
    if (octets->size_ended)
        return true;
    if (digit >= 0 && octets->left <= UINT64_MAX >> 4) {
        octets->left = octets->left << 4 | (uint64_t)digit;
        octets->has_digits = true;
        return true;
    }
    octets->size_ended = octets->has_digits && ends_chunk_size(c);
    return octets->size_ended;
}

static void read_chunk_size(struct octets *octets, struct call *call)
{
    if (octets->in_interim && !octets->has_digits && call->data[call->at] == 'H') {
        octets->state = OCTETS_AFTER_INTERIM;
        return;
    }
    for (size_t at = call->at; at < call->len; at++) {
        if (call->data[at] == '\n' && octets->has_digits) {
            take(call, at + 1, OCTETS_FRAMING);
            end_chunk_size(octets);
            return;
        }
        if (!add_to_chunk_size(octets, call->data[at])) {
            take(call, at, OCTETS_FRAMING);
            break_chunks(octets);
            return;
        }
    }
    take(call, call->len, OCTETS_FRAMING);
}

static void read_chunk(struct octets *octets, struct call *call)
{
    size_t start = call->at;
    size_t limit = start + min_size(octets->left, call->len - start);
    if (!octets->in_interim) {
        take(call, limit, OCTETS_CONTENT);
    } else {
        read_interim_until(octets, call, limit);
        if (octets->state != OCTETS_IN_CHUNK)
            return;
    }
    octets->left -= call->at - start;
    if (octets->left == 0) {
        octets->state = OCTETS_AT_CHUNK_END;
        octets->line_begun = false;
    }
}

/* Keeps octets.matched when it breaks: a status line may have begun in the chunk. */
static void read_chunk_end(struct octets *octets, struct call *call)
{
    char c = call->data[call->at];
    if (c == '\n') {
        begin_chunk_size(octets);
        take(call, call->at + 1, OCTETS_FRAMING);
    } else if (c == '\r' && !octets->line_begun) {
        octets->line_begun = true;
        octets->matched = 0;
        take(call, call->at + 1, OCTETS_FRAMING);
    } else {
        break_chunks(octets);
    }
}

/* Whether the trailer line is no field but the next head (no field has such a name): the empty line
 * was left out. Reads what it looked at. */
static bool is_head_for_trailer(struct octets *octets, struct call *call)
{
    size_t at = call->at;
    if (!octets->in_interim || (octets->line_begun && octets->matched == 0))
        return false;
    while (at < call->len && octets->matched < OCTETS_MARK_LEN &&
           octets_fits_start(call->data[at], octets->matched))
        octets->start[octets->matched++] = call->data[at++];
    octets->line_begun = octets->line_begun || at > call->at;
    octets->line_has_octets = octets->line_has_octets || at > call->at;
    if (octets->matched == OCTETS_MARK_LEN) {
        take(call, at, OCTETS_HEAD);
        begin_head(octets, OCTETS_MARK_LEN);
        return true;
    }
    if (at < call->len)
        octets->matched = 0;
    take(call, at, OCTETS_FRAMING);
    return false;
}

static void end_trailers(struct octets *octets)
{
    octets->state = octets->in_interim ? OCTETS_AFTER_INTERIM : OCTETS_COMPLETE;
    octets->in_interim = octets->head.is_chunked = false;
}

static void read_trailers(struct octets *octets, struct call *call)
{
    if (is_head_for_trailer(octets, call) || call->at == call->len)
        return;
    const char *found = memchr(call->data + call->at, '\n', call->len - call->at);
    size_t lf = found == NULL ? call->len : (size_t)(found - call->data);
    for (size_t at = call->at; at < lf && !octets->line_has_octets; at++)
        octets->line_has_octets = call->data[at] != '\r';
    octets->line_begun = true;
    take(call, found == NULL ? lf : lf + 1, OCTETS_FRAMING);
    if (found == NULL)
        return;
    if (!octets->line_has_octets)
        end_trailers(octets);
    octets->line_begun = octets->line_has_octets = false;
}

static void read_length(struct octets *octets, struct call *call)
{
    size_t len = min_size(octets->left, call->len - call->at);
    take(call, call->at + len, OCTETS_CONTENT);
    octets->left -= len;
    if (octets->left == 0)
        octets->state = OCTETS_COMPLETE;
}

/* Reads at least one octet, or goes on to a state that will. */
static void read_some(struct octets *octets, struct call *call)
{
    switch (octets->state) {
    case OCTETS_AT_HEAD:
        read_head(octets, call);
        break;
    case OCTETS_AFTER_INTERIM:
    case OCTETS_AFTER_ODD:
        read_after_head(octets, call);
        break;
    case OCTETS_IN_INTERIM:
        read_interim_until(octets, call, call->len);
        break;
    case OCTETS_AT_CHUNK_SIZE:
        read_chunk_size(octets, call);
        break;
    case OCTETS_IN_CHUNK:
        read_chunk(octets, call);
        break;
    case OCTETS_AT_CHUNK_END:
        read_chunk_end(octets, call);
        break;
    case OCTETS_AT_TRAILERS:
        read_trailers(octets, call);
        break;
    case OCTETS_IN_LENGTH:
        read_length(octets, call);
        break;
    case OCTETS_UNTIL_CLOSE:
        take(call, call->len, OCTETS_CONTENT);
        break;
    case OCTETS_COMPLETE:
        take(call, call->len, OCTETS_SURPLUS);
        break;
    }
}

/* -- the module's face -- */

void octets_init(struct octets *octets, struct bytes method)
{
    *octets = (struct octets){.is_head_request = bytes_equal_str(method, "HEAD"),
                              .is_connect = bytes_equal_str(method, "CONNECT")};
    begin_head(octets, 0);
}

static bool ends_with(struct bytes octets, const char *end)
{
    size_t len = strlen(end);
    return octets.len >= len && memcmp(octets.data + octets.len - len, end, len) == 0;
}

static void override(struct bytes sent, enum octet_class as, struct octets_spans *spans)
{
    struct octets_span *span = new_span(spans);
    *span = (struct octets_span){.end = sent.len, .class = as};
    if (as != OCTETS_HEAD)
        return;
    size_t line = 0;
    while (line < sent.len && sent.data[line] != '\r' && sent.data[line] != '\n')
        line++;
    span->status = line < sent.len ? octets_status(sent.data, line) : 0;
    span->ends_head = ends_with(sent, "\n\r\n") || ends_with(sent, "\n\n");
}

void octets_classify(struct octets *octets, struct bytes sent, enum octet_class as,
                     struct octets_spans *spans)
{
    spans->count = 0;
    if (sent.len == 0)
        return;
    if (as != OCTETS_AUTO) {
        override(sent, as, spans);
        return;
    }
    struct call call = {.data = sent.data, .len = sent.len, .spans = spans};
    while (call.at < call.len)
        read_some(octets, &call);
}

void octets_slice(const struct octets_spans *spans, size_t from, size_t to,
                  struct octets_spans *out)
{
    assert(from <= to && out != spans);
    out->count = 0;
    for (size_t i = 0; i < spans->count && spans->items[i].start < to; i++) {
        struct octets_span span = spans->items[i];
        if (span.end <= from)
            continue;
        span.ends_head = span.ends_head && span.end <= to;
        span.start = (span.start > from ? span.start : from) - from;
        span.end = (span.end < to ? span.end : to) - from;
        if (span.start < span.end)
            *new_span(out) = span;
    }
}

bool octets_is_complete(const struct octets *octets)
{
    return octets->state == OCTETS_COMPLETE;
}

const char *octets_class_name(enum octet_class class)
{
    switch (class) {
    case OCTETS_AUTO:
        break;
    case OCTETS_HEAD:
        return "head";
    case OCTETS_INTERIM_CONTENT:
        return "interim-content";
    case OCTETS_FRAMING:
        return "framing";
    case OCTETS_CONTENT:
        return "content";
    case OCTETS_SURPLUS:
        return "surplus";
    }
    assert(!"a class that octets can have");
    return NULL;
}
