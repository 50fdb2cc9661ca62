/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls_internal.h"

static int set_up(void **state)
{
    char *message = NULL;
    *state = tls_new("192.0.2.1", &message);
    assert_null(message);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    tls_free(*state);
    return 0;
}

/* ---- records that come in ---- */

#define ALERT_UNKNOWN_CA "\x15\x03\x03\x00\x02\x02\x30"
#define ALERT_WARNING "\x15\x03\x03\x00\x02\x01\x5a"
#define ALERT_ENCRYPTED "\x15\x03\x03\x00\x08\x02\x30\x02\x30\x02\x30\x02\x30"
#define DATA "\x17\x03\x03\x00\x04\x15\x03\x02\x30"
#define EMPTY "\x16\x03\x03\x00\x00"

static void check_watch(struct bytes octets, int alert)
{
    /* Whole, octet by octet, and with octets behind it that are no record yet. */
    for (int way = 0; way < 3; way++) {
        struct tls_watch watch = {0};
        if (way == 1) {
            for (size_t i = 0; i < octets.len; i++) {
                tls_watch_received(&watch, bytes_of(octets.data + i, 1));
            }
        } else {
            tls_watch_received(&watch, octets);
        }
        if (way == 2) {
            tls_watch_received(&watch, bytes_of("\x15\x03\x03\x00\x02\x02", 6));
        }
        assert_int_equal(watch.was_alerted, alert >= 0);
        if (alert >= 0) {
            assert_int_equal(watch.alert, alert);
        }
    }
}

static void test_plain_alerts_are_seen(void **state)
{
    (void)state;
#define BYTES(text) bytes_of(text, sizeof(text) - 1)
    check_watch(BYTES(ALERT_UNKNOWN_CA), 48);
    check_watch(BYTES(DATA ALERT_UNKNOWN_CA), 48);
    check_watch(BYTES(EMPTY ALERT_WARNING ALERT_UNKNOWN_CA DATA), 48);
    check_watch(BYTES(ALERT_WARNING), -1);
    check_watch(BYTES(ALERT_ENCRYPTED), -1);
    check_watch(BYTES(DATA DATA EMPTY), -1);
    check_watch(BYTES(""), -1);
}

/* ---- sessions over a pair of sockets ---- */

struct ends {
    struct transport server;
    int client;
};

static struct ends connect_ends(const struct tls *tls)
{
    int fds[2];
    struct ends ends;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    transport_tls_init(&ends.server, fds[0], tls, TLS_CERTIFICATE_TRUSTED, TLS_ALPN_HTTP11);
    ends.client = fds[1];
    return ends;
}

static void say(const struct ends *ends, const void *octets, size_t len)
{
    assert_int_equal(write(ends->client, octets, len), (ssize_t)len);
}

static void test_nothing_yet(void **state)
{
    struct ends ends = connect_ends(*state);
    struct tls_facts facts;
    struct tls_failure failure;
    assert_int_equal(transport_establish(&ends.server), IO_AGAIN);
    assert_false(ends.server.wants_write);
    assert_false(ends.server.ops->facts(&ends.server, &facts));
    assert_false(ends.server.ops->failure(&ends.server, &failure));
    close(ends.client);
    assert_int_equal(transport_establish(&ends.server), IO_EOF);
    ends.server.ops->close(&ends.server);
    assert_int_equal(ends.server.fd, -1);
}

static void test_plain_text_is_left_unread(void **state)
{
    struct ends ends = connect_ends(*state);
    struct tls_failure failure;
    char octets[16];
    size_t got;
    say(&ends, "GET / HTTP", 10);
    assert_int_equal(transport_establish(&ends.server), IO_RESET);
    assert_true(ends.server.ops->failure(&ends.server, &failure));
    assert_true(failure.is_plain_text);
    assert_null(failure.alert);
    transport_tls_to_tcp(&ends.server);
    assert_int_equal(transport_read(&ends.server, octets, sizeof octets, &got), IO_OK);
    assert_int_equal(got, 10);
    assert_memory_equal(octets, "GET / HTTP", 10);
    ends.server.ops->close(&ends.server);
    close(ends.client);
}

static void test_what_is_no_hello_is_alerted(void **state)
{
    struct ends ends = connect_ends(*state);
    struct tls_failure failure;
    unsigned char answer[64];
    size_t got;
    say(&ends, "\x16\x03\x01\x00\x04\x63\x00\x00\x00", 9);
    assert_int_equal(transport_establish(&ends.server), IO_RESET);
    assert_true(ends.server.ops->failure(&ends.server, &failure));
    assert_non_null(failure.alert);
    assert_false(failure.by_client);
    assert_true(read(ends.client, answer, sizeof answer) >= 7);
    assert_int_equal(answer[0], 0x15);
    /* What comes later is thrown away, and the end is still seen. */
    say(&ends, "more", 4);
    assert_int_equal(transport_read(&ends.server, answer, sizeof answer, &got), IO_AGAIN);
    close(ends.client);
    assert_int_equal(transport_read(&ends.server, answer, sizeof answer, &got), IO_EOF);
    ends.server.ops->end(&ends.server);
    ends.server.ops->close(&ends.server);
}

static void test_a_hello_cut_anywhere(void **state)
{
    /* The beginning of a ClientHello of 512 octets that never comes whole. */
    static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for (size_t len = 1; len < sizeof hello; len++) {
        struct ends ends = connect_ends(*state);
        struct tls_failure failure;
        for (size_t i = 0; i < len; i++) {
            say(&ends, hello + i, 1);
            assert_int_equal(transport_establish(&ends.server), IO_AGAIN);
        }
        close(ends.client);
        assert_int_equal(transport_establish(&ends.server), IO_EOF);
        assert_false(ends.server.ops->failure(&ends.server, &failure));
        ends.server.ops->reset(&ends.server);
    }
}

/* ---- a whole conversation ---- */

struct peer {
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

static void meet(struct ends *ends, struct peer *peer)
{
    int error = GNUTLS_E_AGAIN;
    enum io_status status = IO_AGAIN;
    assert_int_equal(fcntl(ends->client, F_SETFL, O_NONBLOCK), 0);
    assert_true(gnutls_certificate_allocate_credentials(&peer->credentials) >= 0);
    assert_true(gnutls_init(&peer->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK) >= 0);
    assert_true(gnutls_set_default_priority(peer->session) >= 0);
    gnutls_credentials_set(peer->session, GNUTLS_CRD_CERTIFICATE, peer->credentials);
    gnutls_server_name_set(peer->session, GNUTLS_NAME_DNS, "localhost", 9);
    gnutls_transport_set_int(peer->session, ends->client);
    for (int i = 0; i < 20 && (error < 0 || status != IO_OK); i++) {
        error = error < 0 ? gnutls_handshake(peer->session) : error;
        status = status != IO_OK ? transport_establish(&ends->server) : status;
    }
    assert_true(error >= 0);
    assert_int_equal(status, IO_OK);
}

static void part(struct ends *ends, struct peer *peer)
{
    gnutls_deinit(peer->session);
    gnutls_certificate_free_credentials(peer->credentials);
    ends->server.ops->close(&ends->server);
    close(ends->client);
}

static void test_one_write_is_one_record(void **state)
{
    struct ends ends = connect_ends(*state);
    struct peer peer;
    struct tls_facts facts;
    static char large[20000];
    char octets[20000];
    size_t moved;
    meet(&ends, &peer);
    assert_true(ends.server.ops->facts(&ends.server, &facts));
    assert_string_equal(facts.version, "TLS1.3");
    assert_true(bytes_equal_str(facts.server_name, "localhost"));
    assert_int_equal(facts.alpn.len, 0); /* it offered none */
    assert_false(facts.resumed);
    assert_int_equal(gnutls_record_send(peer.session, "hello", 5), 5);
    assert_int_equal(transport_read(&ends.server, octets, sizeof octets, &moved), IO_OK);
    assert_int_equal(moved, 5);
    assert_int_equal(transport_read(&ends.server, octets, sizeof octets, &moved), IO_AGAIN);
    assert_int_equal(transport_write(&ends.server, large, sizeof large, &moved), IO_OK);
    assert_int_equal(moved, 16384);
    assert_int_equal(gnutls_record_recv(peer.session, octets, sizeof octets), 16384);
    ends.server.ops->end(&ends.server);
    assert_int_equal(gnutls_record_recv(peer.session, octets, sizeof octets), 0);
    assert_int_equal(gnutls_bye(peer.session, GNUTLS_SHUT_WR), 0);
    assert_int_equal(transport_read(&ends.server, octets, sizeof octets, &moved), IO_EOF);
    part(&ends, &peer);
}

static void test_a_full_socket_keeps_the_record(void **state)
{
    struct ends ends = connect_ends(*state);
    struct peer peer;
    static char large[16384], octets[16384];
    size_t moved, sent = 0, received = 0;
    enum io_status status;
    meet(&ends, &peer);
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (char)(i % 251);
    }
    while ((status = transport_write(&ends.server, large, sizeof large, &moved)) == IO_OK) {
        sent += moved;
    }
    assert_int_equal(status, IO_AGAIN);
    for (int i = 0; i < 1000 && (sent == 0 || received < sent || status == IO_AGAIN); i++) {
        ssize_t n = gnutls_record_recv(peer.session, octets, sizeof octets);
        if (n > 0) {
            assert_memory_equal(octets, large, (size_t)n);
            received += (size_t)n;
        }
        if (status == IO_AGAIN) {
            status = transport_write(&ends.server, large, sizeof large, &moved);
            sent += status == IO_OK ? moved : 0;
        }
    }
    assert_int_equal(status, IO_OK);
    assert_int_equal(received, sent);
    part(&ends, &peer);
}

static void test_an_abrupt_end_has_no_farewell(void **state)
{
    struct ends ends = connect_ends(*state);
    struct peer peer;
    char octets[16];
    meet(&ends, &peer);
    ends.server.ops->end_abruptly(&ends.server);
    assert_int_equal(gnutls_record_recv(peer.session, octets, sizeof octets),
                     GNUTLS_E_PREMATURE_TERMINATION);
    part(&ends, &peer);
}

static void test_alerts_of_the_client(void **state)
{
    struct ends ends = connect_ends(*state);
    struct peer peer;
    struct tls_failure failure;
    char octets[16];
    size_t got;
    meet(&ends, &peer);
    gnutls_alert_send(peer.session, GNUTLS_AL_FATAL, GNUTLS_A_DECODE_ERROR);
    assert_int_equal(transport_read(&ends.server, octets, sizeof octets, &got), IO_RESET);
    assert_true(ends.server.ops->failure(&ends.server, &failure));
    assert_string_equal(failure.alert, "decode_error");
    assert_true(failure.by_client);
    part(&ends, &peer);
}

/* ---- certificates ---- */

static void test_the_authority_s_file(void **state)
{
    char path[] = "/tmp/test_tls-XXXXXX", *message = NULL;
    int fd = mkstemp(path);
    struct stat info;
    close(fd);
    char *written = tls_write_ca(*state, path, &message);
    assert_string_equal(written, path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    assert_int_equal(info.st_size, tls_ca_pem(*state).len);
    free(written);
    unlink(path);
    assert_null(tls_write_ca(*state, "/nowhere/ca.pem", &message));
    assert_non_null(strstr(message, "/nowhere/ca.pem"));
    free(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_alerts_are_seen),
        cmocka_unit_test(test_nothing_yet),
        cmocka_unit_test(test_plain_text_is_left_unread),
        cmocka_unit_test(test_what_is_no_hello_is_alerted),
        cmocka_unit_test(test_a_hello_cut_anywhere),
        cmocka_unit_test(test_one_write_is_one_record),
        cmocka_unit_test(test_a_full_socket_keeps_the_record),
        cmocka_unit_test(test_an_abrupt_end_has_no_farewell),
        cmocka_unit_test(test_alerts_of_the_client),
        cmocka_unit_test(test_the_authority_s_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
