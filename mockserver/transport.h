/* SPDX-License-Identifier: MIT */
/* The seam between a connection and what carries its octets: TCP, or TLS over it. The connection
 * sees the octets of HTTP and never those of a record or a handshake.
 *
 *   establish() until IO_OK   then   read(), write()   then   end() or end_abruptly(), close() */
#ifndef INTERIMSPEC_TRANSPORT_H
#define INTERIMSPEC_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

enum io_status {
    IO_OK,    /* some octets were read or written */
    IO_AGAIN, /* not now; the socket will say when */
    IO_EOF,   /* the peer has closed its sending side */
    IO_RESET, /* the peer has reset the connection, or it broke */
};

struct transport;

/* What a handshake came to. The texts are static; the octets live as long as the transport. */
struct tls_facts {
    const char *version;      /* as GnuTLS says it: TLS1.3 */
    const char *cipher;       /* AES-256-GCM */
    struct bytes alpn;        /* the protocol that was agreed on; len 0: none */
    struct bytes server_name; /* what the client asked for (SNI); len 0: nothing */
    bool resumed;
};

/* Why TLS failed. */
struct tls_failure {
    const char *reason; /* static; NULL: it did not */
    const char *alert;  /* static; the alert's name in RFC 8446 6, or NULL: none was sent */
    bool by_client;     /* the client sent the alert */
    bool is_plain_text; /* no TLS at all: nothing was read, and plain TCP can go on */
};

struct transport_ops {
    /* Makes ready to carry octets. IO_AGAIN: not yet, see transport_wants_write(). IO_EOF and
     * IO_RESET: never, and failure() may say why. */
    enum io_status (*establish)(struct transport *transport);
    /* At most `cap` octets; *got is set for IO_OK only, and is then at least 1. */
    enum io_status (*read)(struct transport *transport, void *to, size_t cap, size_t *got);
    /* *put may be less than `len`. After IO_AGAIN the same octets come again, or none any more. */
    enum io_status (*write)(struct transport *transport, const void *from, size_t len, size_t *put);
    /* Closes our sending side as the protocol wants it: all that was written arrives before it. */
    void (*end)(struct transport *transport);
    /* Closes our sending side without the courtesies of the layer (TLS: no close_notify). */
    void (*end_abruptly)(struct transport *transport);
    /* Lets go of the connection; octets of the peer that were not read make it a reset. */
    void (*close)(struct transport *transport);
    /* Lets go of it with a reset. */
    void (*reset)(struct transport *transport);
    /* False: there is no such layer. */
    bool (*facts)(struct transport *transport, struct tls_facts *facts);
    bool (*failure)(const struct transport *transport, struct tls_failure *failure);
};

struct tls_session;

struct transport {
    const struct transport_ops *ops;
    struct tls_session *tls; /* owned; NULL: plain TCP */
    int fd;                  /* owned until close() or reset(), then -1 */
    bool wants_write;        /* establish() waits for the socket to take octets */
    bool reads_in_parts;     /* one read may leave octets behind that have arrived */
};

/* Plain TCP on a connected socket that does not block. */
void transport_tcp_init(struct transport *transport, int fd);

static inline enum io_status transport_establish(struct transport *transport)
{
    return transport->ops->establish(transport);
}
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
