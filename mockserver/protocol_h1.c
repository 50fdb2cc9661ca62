/* SPDX-License-Identifier: MIT */
#include "h1_request.h"
#include "h1_response.h"

static struct protocol *h1_open(const struct protocol_listener *listener, void *user)
{
    return (struct protocol *)h1_request_new(listener, user);
}

static void h1_close(struct protocol *protocol)
{
    h1_request_free((struct h1_request *)protocol);
}

static void h1_receive(struct protocol *protocol, struct bytes octets)
{
    h1_request_receive((struct h1_request *)protocol, octets);
}

const struct protocol_ops protocol_h1 = {
    .name = "h1",
    .open = h1_open,
    .close = h1_close,
    .receive = h1_receive,
    .render = h1_response_render,
};
