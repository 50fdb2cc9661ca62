/* SPDX-License-Identifier: MIT */
/* Octets of a request: read whole and octet by octet, the events must be the same. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "h1_request.h"

/* What was told, without how content was cut. */
struct told {
    struct buf events; /* owned */
    bool in_content;
};

static void add(struct told *told, char mark, struct bytes octets)
{
    buf_append(&told->events, &mark, 1);
    buf_append_bytes(&told->events, octets);
    told->in_content = false;
}

static void on_head(void *user, const struct request_head *head)
{
    struct told *told = user;
    const char *at = NULL;
    struct bytes name, value;
    add(told, 'H', head->raw);
    add(told, 'M', head->method);
    add(told, 'T', head->target);
    buf_printf(&told->events, "%d.%d %d %d %llu", head->version_major, head->version_minor,
               head->keep_alive, head->upgrade, (unsigned long long)head->offset);
    while (h1_request_next_field(head->raw, &at, &name, &value)) {
        assert(name.data >= head->raw.data &&
               value.data + value.len <= head->raw.data + head->raw.len);
    }
}

static void on_body(void *user, uint32_t stream, struct bytes content)
{
    (void)stream;
    struct told *told = user;
    if (!told->in_content) {
        add(told, 'B', bytes_of(NULL, 0));
        told->in_content = true;
    }
    buf_append_bytes(&told->events, content);
}

static void on_request_end(void *user, uint32_t stream)
{
    (void)stream;
    add(user, 'E', bytes_of(NULL, 0));
}

static void on_bad_request(void *user, const struct bad_request *bad)
{
    char kind = (char)('0' + bad->kind);
    add(user, 'X', bytes_of(&kind, 1));
    add(user, 'M', bad->method);
}

static const struct protocol_listener listener = {.on_head = on_head,
                                                  .on_body = on_body,
                                                  .on_request_end = on_request_end,
                                                  .on_bad_request = on_bad_request};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *octets = (const char *)data;
    struct told whole = {0}, single = {0};
    struct h1_request *request = h1_request_new(&listener, &whole);
    h1_request_receive(request, bytes_of(octets, size));
    h1_request_free(request);
    request = h1_request_new(&listener, &single);
    for (size_t i = 0; i < size; i++) {
        h1_request_receive(request, bytes_of(octets + i, 1));
    }
    h1_request_free(request);
    assert(bytes_equal(buf_bytes(&whole.events), buf_bytes(&single.events)));
    buf_fini(&whole.events);
    buf_fini(&single.events);
    return 0;
}
