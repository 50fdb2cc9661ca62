/* SPDX-License-Identifier: MIT */
#include "tls_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "xmalloc.h"

/* Clients on another machine, such as a phone, may have another time. */
enum { SKEW_S = 24 * 3600, LIFE_S = 30 * 24 * 3600, SERIAL_OCTETS = 16 };

/* Only what every client of today speaks. Compression and renegotiation are not in it. */
static const char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE";

struct pair {
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
};

static void free_pair(struct pair *pair)
{
    if (pair->certificate) {
        gnutls_x509_crt_deinit(pair->certificate);
    }
    if (pair->key) {
        gnutls_x509_privkey_deinit(pair->key);
    }
    *pair = (struct pair){0};
}

static int set_serial(gnutls_x509_crt_t certificate)
{
    unsigned char serial[SERIAL_OCTETS];
    int status = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and of this length */
    return status < 0 ? status : gnutls_x509_crt_set_serial(certificate, serial, sizeof serial);
}

/* A key, and a certificate that says so much but is not signed. */
static int make_pair(struct pair *pair, const char *name)
{
    time_t now = time(NULL);
    unsigned char id[20];
    size_t id_size = sizeof id;
    int status = gnutls_x509_privkey_init(&pair->key);
    if (status < 0 || (status = gnutls_x509_crt_init(&pair->certificate)) < 0) {
        return status;
    }
    gnutls_x509_crt_t certificate = pair->certificate;
    if ((status = gnutls_x509_privkey_generate(pair->key, GNUTLS_PK_ECDSA,
                                               GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                                               0)) < 0 ||
        (status = gnutls_x509_crt_set_version(certificate, 3)) < 0 ||
        (status = gnutls_x509_crt_set_key(certificate, pair->key)) < 0 ||
        (status = set_serial(certificate)) < 0 ||
        (status = gnutls_x509_crt_set_activation_time(certificate, now - SKEW_S)) < 0 ||
        (status = gnutls_x509_crt_set_expiration_time(certificate, now + LIFE_S)) < 0 ||
        (status = gnutls_x509_crt_get_key_id(certificate, 0, id, &id_size)) < 0 ||
        (status = gnutls_x509_crt_set_subject_key_id(certificate, id, id_size)) < 0) {
        return status;
    }
    return gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                         (unsigned)strlen(name));
}

static int make_authority(struct pair *ca)
{
    int status = make_pair(ca, "interimspec throw-away CA");
    if (status < 0 || (status = gnutls_x509_crt_set_ca_status(ca->certificate, 1)) < 0 ||
        (status = gnutls_x509_crt_set_key_usage(ca->certificate, GNUTLS_KEY_KEY_CERT_SIGN |
                                                                     GNUTLS_KEY_CRL_SIGN)) < 0) {
        return status;
    }
    return gnutls_x509_crt_sign2(ca->certificate, ca->certificate, ca->key, GNUTLS_DIG_SHA256, 0);
}

static int add_name(gnutls_x509_crt_t certificate, const char *host)
{
    unsigned char address[16];
    gnutls_x509_subject_alt_name_t type = GNUTLS_SAN_DNSNAME;
    const void *data = host;
    unsigned size = (unsigned)strlen(host);
    if (inet_pton(AF_INET, host, address) == 1) {
        type = GNUTLS_SAN_IPADDRESS, data = address, size = 4;
    } else if (inet_pton(AF_INET6, host, address) == 1) {
        type = GNUTLS_SAN_IPADDRESS, data = address, size = 16;
    }
    return gnutls_x509_crt_set_subject_alt_name(certificate, type, data, size, GNUTLS_FSAN_APPEND);
}

static int make_server(struct pair *server, const struct pair *ca, const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1"};
    unsigned char id[20];
    size_t id_size = sizeof id;
    int status = make_pair(server, "localhost");
    gnutls_x509_crt_t certificate = server->certificate;
    bool is_named = false;
    for (size_t i = 0; status >= 0 && i < sizeof names / sizeof *names; i++) {
        is_named = is_named || strcmp(names[i], host) == 0;
        status = add_name(certificate, names[i]);
    }
    if (status >= 0 && !is_named) {
        status = add_name(certificate, host);
    }
    if (status < 0 || (status = gnutls_x509_crt_set_ca_status(certificate, 0)) < 0 ||
        (status = gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE)) < 0 ||
        (status = gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0)) <
            0 ||
        (status = gnutls_x509_crt_get_key_id(ca->certificate, 0, id, &id_size)) < 0 ||
        (status = gnutls_x509_crt_set_authority_key_id(certificate, id, id_size)) < 0) {
        return status;
    }
    return gnutls_x509_crt_sign2(certificate, ca->certificate, ca->key, GNUTLS_DIG_SHA256, 0);
}

/* One authority, which is forgotten again, and the certificate that it signed. */
static int make_credentials(gnutls_certificate_credentials_t *credentials, const char *host,
                            gnutls_datum_t *ca_pem)
{
    struct pair ca = {0}, server = {0};
    int status = gnutls_certificate_allocate_credentials(credentials);
    if (status >= 0) {
        status = make_authority(&ca);
    }
    if (status >= 0) {
        status = make_server(&server, &ca, host);
    }
    if (status >= 0) {
        status = gnutls_certificate_set_x509_key(*credentials, &server.certificate, 1, server.key);
    }
    if (status >= 0 && ca_pem) {
        status = gnutls_x509_crt_export2(ca.certificate, GNUTLS_X509_FMT_PEM, ca_pem);
    }
    free_pair(&server);
    free_pair(&ca);
    return status;
}

struct tls *tls_new(const char *host, char **message)
{
    struct tls *tls = xcalloc(1, sizeof *tls);
    int status = gnutls_priority_init(&tls->priorities, priorities, NULL);
    for (int i = 0; status >= 0 && i < TLS_CERTIFICATES; i++) {
        status = make_credentials(&tls->credentials[i], host,
                                  i == TLS_CERTIFICATE_TRUSTED ? &tls->ca_pem : NULL);
    }
    if (status < 0) {
        struct buf text = {0};
        buf_printf(&text, "cannot make certificates for TLS: %s", gnutls_strerror(status));
        *message = xmemdup0(text.data + text.start, buf_len(&text));
        buf_fini(&text);
        tls_free(tls);
        return NULL;
    }
    return tls;
}

void tls_free(struct tls *tls)
{
    if (!tls) {
        return;
    }
    for (int i = 0; i < TLS_CERTIFICATES; i++) {
        if (tls->credentials[i]) {
            gnutls_certificate_free_credentials(tls->credentials[i]);
        }
    }
    if (tls->priorities) {
        gnutls_priority_deinit(tls->priorities);
    }
    gnutls_free(tls->ca_pem.data);
    free(tls);
}

struct bytes tls_ca_pem(const struct tls *tls)
{
    return bytes_of((const char *)tls->ca_pem.data, tls->ca_pem.size);
}

static int open_new(char **path)
{
    const char *folder = getenv("TMPDIR");
    struct buf text = {0};
    buf_printf(&text, "%s/interimspec-ca-XXXXXX.pem", folder && *folder ? folder : "/tmp");
    *path = xmemdup0(text.data + text.start, buf_len(&text));
    buf_fini(&text);
    return mkostemps(*path, 4, O_CLOEXEC);
}

char *tls_write_ca(const struct tls *tls, const char *path, char **message)
{
    char *written = path ? xstrdup(path) : NULL;
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644)
                  : open_new(&written);
    struct bytes pem = tls_ca_pem(tls);
    /* A certificate is no secret, and a client may run as another user. */
    bool good =
        fd >= 0 && fchmod(fd, 0644) == 0 && write(fd, pem.data, pem.len) == (ssize_t)pem.len;
    int error = errno;
    if (fd >= 0) {
        good = close(fd) == 0 && good;
    }
    if (!good) {
        struct buf text = {0};
        buf_printf(&text, "cannot write the certificate to trust to %s: %s", written,
                   strerror(error));
        *message = xmemdup0(text.data + text.start, buf_len(&text));
        buf_fini(&text);
        free(written);
        return NULL;
    }
    return written;
}
