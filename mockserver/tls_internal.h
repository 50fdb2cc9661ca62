/* SPDX-License-Identifier: MIT */
/* Shared by tls.c (certificates) and transport_tls.c (sessions), and by nobody else. */
#ifndef INTERIMSPEC_TLS_INTERNAL_H
#define INTERIMSPEC_TLS_INTERNAL_H

#include <gnutls/gnutls.h>
#include <stdint.h>

#include "tls.h"

struct tls {
    gnutls_certificate_credentials_t credentials[TLS_CERTIFICATES]; /* owned */
    gnutls_priority_t priorities;                                   /* owned */
    gnutls_datum_t ca_pem;                                          /* owned */
};

/* Follows the records that come in during a handshake, for what GnuTLS does not tell: clients of
 * OpenSSL refuse a certificate of TLS 1.3 by an alert in plain text, which GnuTLS takes for a
 * record that it cannot decrypt. An encrypted alert is longer than two octets, or not called one.
 */
struct tls_watch {
    unsigned char head[5]; /* of a record: type, version, length */
    uint8_t have;          /* of these octets */
    uint16_t rest;         /* octets of the record still to come */
    bool is_alert;
    bool was_alerted; /* a fatal alert came that was not encrypted */
    uint8_t alert;    /* which one */
};
void tls_watch_received(struct tls_watch *watch, struct bytes octets);

#endif
