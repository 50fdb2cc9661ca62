/* SPDX-License-Identifier: MIT */
/* TLS by GnuTLS: the certificates, made at start-up by an authority of this process alone, and the
 * sessions of connections. No other file knows GnuTLS.
 *
 * The authority's private key never leaves memory; its certificate is a file that clients are told
 * to trust. A second authority, which nobody is told of, shows whether they look.
 *
 * Nothing is sent behind a handshake that no script sends: there are no session tickets, so no
 * session is ever resumed either. */
#ifndef INTERIMSPEC_TLS_H
#define INTERIMSPEC_TLS_H

#include "transport.h"

/* Who signed the certificate that a client is shown. */
enum tls_certificate {
    TLS_CERTIFICATE_TRUSTED,    /* the authority in the file */
    TLS_CERTIFICATE_UNKNOWN_CA, /* another one of the same name, but with a key of its own */
    TLS_CERTIFICATES
};

/* What ALPN may agree on; in the order in which the server prefers them. */
enum tls_alpn { TLS_ALPN_H2 = 1, TLS_ALPN_HTTP11 = 2 };

struct tls;

/* `host` is put into the certificates beside localhost, 127.0.0.1 and ::1. NULL with *message
 * (owned by the caller) when GnuTLS gives no keys. */
struct tls *tls_new(const char *host, char **message);
void tls_free(struct tls *tls);
/* The certificate to trust, PEM. */
struct bytes tls_ca_pem(const struct tls *tls);
/* Writes it to `path`, or to a new file where that is NULL. Returns the path (owned by the caller),
 * or NULL with *message. */
char *tls_write_ca(const struct tls *tls, const char *path, char **message);

/* The server's side of TLS on a connected socket that does not block. `alpn` is of enum tls_alpn:
 * a client that offers protocols, but none of these, is refused (RFC 7301 3.2); one that offers
 * none is not. */
void transport_tls_init(struct transport *transport, int fd, const struct tls *tls,
                        enum tls_certificate certificate, unsigned alpn);
/* Gives TLS up where the client does not speak it: nothing was read, and plain TCP goes on. */
void transport_tls_to_tcp(struct transport *transport);

#endif
