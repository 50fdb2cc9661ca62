/* SPDX-License-Identifier: MIT */
#include "h2_response.h"
#include "h2_session.h"

static struct protocol *h2_open(const struct protocol_listener *listener, void *user)
{
    return (struct protocol *)h2_session_new(listener, user);
}

static void h2_close(struct protocol *protocol)
{
    h2_session_free((struct h2_session *)protocol);
}

static void h2_begin(struct protocol *protocol, const struct h2_settings *settings)
{
    h2_session_begin((struct h2_session *)protocol, settings);
}

static void h2_receive(struct protocol *protocol, struct bytes octets)
{
    h2_session_receive((struct h2_session *)protocol, octets);
}

static size_t h2_leave(struct protocol *protocol, struct bytes octets, bool waits)
{
    return h2_session_leave((struct h2_session *)protocol, octets, waits);
}

const struct protocol_ops protocol_h2 = {
    .name = "h2",
    .open = h2_open,
    .close = h2_close,
    .begin = h2_begin,
    .receive = h2_receive,
    .leave = h2_leave,
    .render = h2_response_render,
    .has_streams = true,
};
