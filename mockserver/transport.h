/* SPDX-License-Identifier: MIT */
/* The seam between a connection and what carries its octets. TLS over TCP is another set of
 * operations, and the connection does not notice. */
#ifndef INTERIMSPEC_TRANSPORT_H
#define INTERIMSPEC_TRANSPORT_H

#include <stddef.h>

enum io_status {
    IO_OK,    /* some octets were read or written */
    IO_AGAIN, /* not now; the socket will say when */
    IO_EOF,   /* the peer has closed its sending side */
    IO_RESET, /* the peer has reset the connection, or it broke */
};

struct transport;

struct transport_ops {
    /* At most `cap` octets; *got is set for IO_OK only, and is then at least 1. */
    enum io_status (*read)(struct transport *transport, void *to, size_t cap, size_t *got);
    /* *put may be less than `len`. */
    enum io_status (*write)(struct transport *transport, const void *from, size_t len, size_t *put);
    /* Closes our sending side as the protocol wants it: all that was written arrives before it. */
    void (*end)(struct transport *transport);
    /* Closes our sending side without the courtesies of the layer (TLS: no close_notify). */
    void (*end_abruptly)(struct transport *transport);
    /* Lets go of the connection; octets of the peer that were not read make it a reset. */
    void (*close)(struct transport *transport);
    /* Lets go of it with a reset. */
    void (*reset)(struct transport *transport);
};

struct transport {
    const struct transport_ops *ops;
    int fd; /* owned until close() or reset(), then -1 */
};

/* Plain TCP on a connected socket that does not block. */
void transport_tcp_init(struct transport *transport, int fd);

static inline enum io_status transport_read(struct transport *transport, void *to, size_t cap,
                                            size_t *got)
{
    return transport->ops->read(transport, to, cap, got);
}
static inline enum io_status transport_write(struct transport *transport, const void *from,
                                             size_t len, size_t *put)
{
    return transport->ops->write(transport, from, len, put);
}

#endif
