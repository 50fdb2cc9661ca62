/* SPDX-License-Identifier: MIT */
/* Shared by tls.c (certificates) and transport_tls.c (sessions), and by nobody else. */
#ifndef INTERIMSPEC_TLS_INTERNAL_H
#define INTERIMSPEC_TLS_INTERNAL_H

#include <gnutls/gnutls.h>

#include "tls.h"

struct tls {
    gnutls_certificate_credentials_t credentials[TLS_CERTIFICATES]; /* owned */
    gnutls_priority_t priorities;                                   /* owned */
    gnutls_datum_t ca_pem;                                          /* owned */
};

#endif
