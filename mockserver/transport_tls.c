/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tls_internal.h"
#include "xmalloc.h"

enum {
    RECORD_OCTETS = 16384, /* of a record's content, RFC 8446 5.1 */
    SERVER_NAME_MAX = 255,
};

struct tls_session {
    gnutls_session_t session; /* owned */
    struct tls_failure failure;
    struct tls_watch watch;
    int fd;
    char *server_name;  /* owned; NULL: the client asked for none */
    size_t held;        /* octets of a record that GnuTLS has, but the socket did not take */
    bool was_looked_at; /* the first octet is TLS's */
    bool is_established;
    bool was_closed; /* the client has closed its sending side */
};

/* ---- why it failed ---- */

static const char *alert_name(gnutls_alert_description_t alert)
{
    static const struct {
        int number;
        const char *name;
    } alerts[] = {
        {0, "close_notify"},
        {10, "unexpected_message"},
        {20, "bad_record_mac"},
        {22, "record_overflow"},
        {40, "handshake_failure"},
        {42, "bad_certificate"},
        {43, "unsupported_certificate"},
        {44, "certificate_revoked"},
        {45, "certificate_expired"},
        {46, "certificate_unknown"},
        {47, "illegal_parameter"},
        {48, "unknown_ca"},
        {49, "access_denied"},
        {50, "decode_error"},
        {51, "decrypt_error"},
        {70, "protocol_version"},
        {71, "insufficient_security"},
        {80, "internal_error"},
        {86, "inappropriate_fallback"},
        {90, "user_canceled"},
        {100, "no_renegotiation"},
        {109, "missing_extension"},
        {110, "unsupported_extension"},
        {112, "unrecognized_name"},
        {113, "bad_certificate_status_response"},
        {115, "unknown_psk_identity"},
        {116, "certificate_required"},
        {120, "no_application_protocol"},
    };
    for (size_t i = 0; i < sizeof alerts / sizeof *alerts; i++) {
        if (alerts[i].number == (int)alert) {
            return alerts[i].name;
        }
    }
    return "unknown";
}

/* ---- records ---- */

void tls_watch_received(struct tls_watch *watch, struct bytes octets)
{
    enum { ALERT = 21, ALERT_OCTETS = 2, FATAL = 2 };
    for (size_t i = 0; i < octets.len; i++) {
        unsigned char octet = (unsigned char)octets.data[i];
        if (watch->have < sizeof watch->head) {
            watch->head[watch->have++] = octet;
            watch->rest = (uint16_t)(watch->head[3] << 8 | watch->head[4]);
            watch->is_alert = watch->head[0] == ALERT && watch->rest == ALERT_OCTETS;
        } else {
            if (watch->is_alert && watch->rest == ALERT_OCTETS) {
                watch->is_alert = octet == FATAL;
            } else if (watch->is_alert) {
                watch->alert = octet;
                watch->was_alerted = true;
            }
            watch->rest--;
        }
        if (watch->have == sizeof watch->head && watch->rest == 0) {
            watch->have = 0;
        }
    }
}

static ssize_t pull(gnutls_transport_ptr_t user, void *to, size_t cap)
{
    struct tls_session *tls = user;
    ssize_t n = recv(tls->fd, to, cap, 0);
    tls->was_closed = tls->was_closed || n == 0;
    if (n > 0 && !tls->is_established) {
        tls_watch_received(&tls->watch, bytes_of(to, (size_t)n));
    }
    return n;
}

static ssize_t push(gnutls_transport_ptr_t user, const giovec_t *parts, int count)
{
    const struct tls_session *tls = user;
    struct msghdr message = {.msg_iovlen = (size_t)count};
    memcpy(&message.msg_iov, &parts, sizeof parts); /* which sendmsg() does not write to */
    return sendmsg(tls->fd, &message, MSG_NOSIGNAL);
}

/* ---- failure ---- */

/* Says so to the client, where the protocol has a word for it. */
static void fail(struct tls_session *tls, int error)
{
    if (tls->failure.reason) {
        return;
    }
    tls->failure.reason = gnutls_strerror(error);
    if (tls->watch.was_alerted) {
        tls->failure.reason = gnutls_strerror(GNUTLS_E_FATAL_ALERT_RECEIVED);
        tls->failure.by_client = true;
        tls->failure.alert = alert_name((gnutls_alert_description_t)tls->watch.alert);
        return;
    }
    if (error == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        tls->failure.by_client = true;
        tls->failure.alert = alert_name(gnutls_alert_get(tls->session));
        return;
    }
    int level, alert = gnutls_error_to_alert(error, &level);
    if (gnutls_alert_send(tls->session, GNUTLS_AL_FATAL, (gnutls_alert_description_t)alert) >= 0) {
        tls->failure.alert = alert_name((gnutls_alert_description_t)alert);
    }
}

/* GnuTLS's answer as one of ours; IO_OK for what calls for another try. */
static enum io_status status_of(struct tls_session *tls, int error)
{
    switch (error) {
    case GNUTLS_E_AGAIN:
    case GNUTLS_E_INTERRUPTED:
        return IO_AGAIN;
    case GNUTLS_E_PREMATURE_TERMINATION: /* FIN without close_notify: clients do that */
        return IO_EOF;
    case GNUTLS_E_PUSH_ERROR:
    case GNUTLS_E_PULL_ERROR:
        return IO_RESET;
    case GNUTLS_E_WARNING_ALERT_RECEIVED:
        return IO_OK;
    case GNUTLS_E_REHANDSHAKE: /* TLS 1.2 only; nothing here asks for it */
        gnutls_alert_send(tls->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
        return IO_OK;
    default:
        if (tls->was_closed && !tls->is_established && !tls->watch.was_alerted) {
            return IO_EOF; /* in the middle of a record */
        }
        fail(tls, error);
        return IO_RESET;
    }
}

/* ---- the handshake ---- */

/* As a request or the preface of HTTP/2 may begin, and no record. */
static bool is_text(unsigned char octet)
{
    return (octet >= ' ' && octet < 0x7f) || octet == '\r' || octet == '\n';
}

/* Whether the client speaks plain text; GnuTLS would swallow it. */
static enum io_status look(struct transport *transport)
{
    struct tls_session *tls = transport->tls;
    unsigned char first;
    ssize_t n = recv(transport->fd, &first, 1, MSG_PEEK);
    if (n == 0) {
        return IO_EOF;
    }
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? IO_AGAIN : IO_RESET;
    }
    tls->was_looked_at = true;
    if (is_text(first)) {
        tls->failure = (struct tls_failure){.reason = "plain text on a port that speaks TLS",
                                            .is_plain_text = true};
        return IO_RESET;
    }
    return IO_OK;
}

static void note_server_name(struct tls_session *tls)
{
    char name[SERVER_NAME_MAX + 1];
    size_t size = sizeof name;
    unsigned type;
    if (gnutls_server_name_get(tls->session, name, &size, &type, 0) >= 0 &&
        type == GNUTLS_NAME_DNS) {
        tls->server_name = xmemdup0(name, strnlen(name, size));
    }
}

static enum io_status tls_establish(struct transport *transport)
{
    struct tls_session *tls = transport->tls;
    if (tls->is_established) {
        return IO_OK;
    }
    enum io_status status = tls->was_looked_at ? IO_OK : look(transport);
    while (status == IO_OK) {
        int error = gnutls_handshake(tls->session);
        if (error >= 0) {
            tls->is_established = true;
            transport->wants_write = false;
            note_server_name(tls);
            return IO_OK;
        }
        status = status_of(tls, error);
    }
    transport->wants_write = status == IO_AGAIN && gnutls_record_get_direction(tls->session) == 1;
    return status;
}

/* ---- octets ---- */

/* After a failure what comes means nothing; it is taken, so that closing is no reset. */
static enum io_status discard(int fd)
{
    char octets[4096];
    ssize_t n = recv(fd, octets, sizeof octets, 0);
    return n > 0                               ? IO_AGAIN
           : n == 0                            ? IO_EOF
           : errno == EAGAIN || errno == EINTR ? IO_AGAIN
                                               : IO_RESET;
}

static enum io_status tls_read(struct transport *transport, void *to, size_t cap, size_t *got)
{
    struct tls_session *tls = transport->tls;
    if (tls->failure.reason) {
        return discard(transport->fd);
    }
    for (;;) {
        ssize_t n = gnutls_record_recv(tls->session, to, cap);
        if (n > 0) {
            *got = (size_t)n;
            return IO_OK;
        }
        enum io_status status = n == 0 ? IO_EOF : status_of(tls, (int)n);
        if (status != IO_OK) {
            return status;
        }
    }
}

/* One call, one record: what leaves together arrives together. */
static enum io_status tls_write(struct transport *transport, const void *from, size_t len,
                                size_t *put)
{
    struct tls_session *tls = transport->tls;
    size_t wanted = tls->held ? tls->held : len < RECORD_OCTETS ? len : RECORD_OCTETS;
    assert(wanted <= len);
    ssize_t n = tls->held ? gnutls_record_send(tls->session, NULL, 0)
                          : gnutls_record_send(tls->session, from, wanted);
    if (n >= 0) {
        tls->held = 0;
        *put = wanted;
        return IO_OK;
    }
    enum io_status status = status_of(tls, (int)n);
    if (status == IO_AGAIN || status == IO_OK) {
        tls->held = wanted;
        return IO_AGAIN;
    }
    return status;
}

/* ---- the end ---- */

static void tls_end_abruptly(struct transport *transport)
{
    shutdown(transport->fd, SHUT_WR);
}

static void tls_end(struct transport *transport)
{
    /* A socket that takes nothing gets no farewell either: the client does not read. */
    if (transport->tls->is_established && !transport->tls->failure.reason) {
        gnutls_bye(transport->tls->session, GNUTLS_SHUT_WR);
    }
    shutdown(transport->fd, SHUT_WR);
}

static void free_session(struct tls_session *tls)
{
    gnutls_deinit(tls->session);
    free(tls->server_name);
    free(tls);
}

void transport_tls_to_tcp(struct transport *transport)
{
    int fd = transport->fd;
    free_session(transport->tls);
    transport_tcp_init(transport, fd);
}

static void tls_close(struct transport *transport)
{
    free_session(transport->tls);
    transport->tls = NULL;
    close(transport->fd);
    transport->fd = -1;
}

static void tls_reset(struct transport *transport)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    setsockopt(transport->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    tls_close(transport);
}

static bool tls_get_facts(struct transport *transport, struct tls_facts *facts)
{
    const struct tls_session *tls = transport->tls;
    gnutls_datum_t alpn = {0};
    if (!tls || !tls->is_established) {
        return false;
    }
    gnutls_alpn_get_selected_protocol(tls->session, &alpn);
    *facts = (struct tls_facts){
        .version = gnutls_protocol_get_name(gnutls_protocol_get_version(tls->session)),
        .cipher = gnutls_cipher_get_name(gnutls_cipher_get(tls->session)),
        .alpn = bytes_of((const char *)alpn.data, alpn.size),
        .server_name = bytes_of_str(tls->server_name ? tls->server_name : ""),
        .resumed = gnutls_session_is_resumed(tls->session),
    };
    return true;
}

static bool tls_get_failure(const struct transport *transport, struct tls_failure *failure)
{
    if (!transport->tls || !transport->tls->failure.reason) {
        return false;
    }
    *failure = transport->tls->failure;
    return true;
}

static const struct transport_ops tls_ops = {
    .establish = tls_establish,
    .read = tls_read,
    .write = tls_write,
    .end = tls_end,
    .end_abruptly = tls_end_abruptly,
    .close = tls_close,
    .reset = tls_reset,
    .facts = tls_get_facts,
    .failure = tls_get_failure,
};

static void set_alpn(gnutls_session_t session, unsigned alpn)
{
    static struct {
        enum tls_alpn bit;
        unsigned char name[sizeof "http/1.1"];
    } protocols[] = {{TLS_ALPN_H2, "h2"}, {TLS_ALPN_HTTP11, "http/1.1"}};
    gnutls_datum_t names[sizeof protocols / sizeof *protocols];
    unsigned count = 0;
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        if (alpn & protocols[i].bit) {
            names[count].data = protocols[i].name;
            names[count++].size = (unsigned)strlen((const char *)protocols[i].name);
        }
    }
    int error = gnutls_alpn_set_protocols(session, names, count,
                                          GNUTLS_ALPN_MANDATORY | GNUTLS_ALPN_SERVER_PRECEDENCE);
    assert(error >= 0);
}

void transport_tls_init(struct transport *transport, int fd, const struct tls *tls,
                        enum tls_certificate certificate, unsigned alpn)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct tls_session *own = xcalloc(1, sizeof *own);
    int error = gnutls_init(&own->session,
                            GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);
    assert(error >= 0); /* it is short of memory or of octets from the kernel: so are we */
    error = gnutls_priority_set(own->session, tls->priorities);
    assert(error >= 0);
    error =
        gnutls_credentials_set(own->session, GNUTLS_CRD_CERTIFICATE, tls->credentials[certificate]);
    assert(error >= 0);
    set_alpn(own->session, alpn);
    own->fd = fd;
    gnutls_transport_set_ptr(own->session, own);
    gnutls_transport_set_pull_function(own->session, pull);
    gnutls_transport_set_vec_push_function(own->session, push);
    *transport = (struct transport){.ops = &tls_ops, .tls = own, .fd = fd, .reads_in_parts = true};
}
