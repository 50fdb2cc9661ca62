/* SPDX-License-Identifier: MIT */
/* Over real loopback sockets, as the kernel's answer is the whole point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unread.h"

/* A connection on this host, both ends ours. */
struct pair {
    int server, client;
    struct sockaddr_storage local, peer; /* of the server's end */
};

enum kind { KIND_V4, KIND_V6, KIND_MAPPED_SERVER, KIND_MAPPED_CLIENT };

static struct sockaddr_storage loopback(int family, uint16_t port, const char *text6)
{
    struct sockaddr_storage storage = {0};
    if (family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)&storage;
        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        in->sin_port = port;
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
        in6->sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text6, &in6->sin6_addr), 1);
        in6->sin6_port = port;
    }
    return storage;
}

static socklen_t size_of(int family)
{
    return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static int other_socket(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int off = 0;
    if (fd >= 0)
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off), 0);
    return fd;
}

static struct pair connect_pair(enum kind kind)
{
    int server_family = kind == KIND_V6 || kind == KIND_MAPPED_SERVER ? AF_INET6 : AF_INET;
    int client_family = kind == KIND_V6 || kind == KIND_MAPPED_CLIENT ? AF_INET6 : AF_INET;
    int listener = server_family == AF_INET6 ? other_socket() : socket(AF_INET, SOCK_STREAM, 0);
    int client = client_family == AF_INET6 ? other_socket() : socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || client < 0)
        skip(); /* a host without IPv6 */
    struct sockaddr_storage at =
        loopback(server_family, 0, kind == KIND_MAPPED_SERVER ? "::" : "::1");
    if (bind(listener, (struct sockaddr *)&at, size_of(server_family)) != 0)
        skip();
    assert_int_equal(listen(listener, 1), 0);
    socklen_t len = sizeof at;
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    uint16_t port = ((struct sockaddr_in *)&at)->sin_port;
    struct sockaddr_storage to =
        loopback(client_family, port, kind == KIND_MAPPED_CLIENT ? "::ffff:127.0.0.1" : "::1");
    assert_int_equal(connect(client, (struct sockaddr *)&to, size_of(client_family)), 0);
    struct pair pair = {.client = client};
    len = sizeof pair.peer;
    pair.server = accept(listener, (struct sockaddr *)&pair.peer, &len);
    assert_true(pair.server >= 0);
    len = sizeof pair.local;
    assert_int_equal(getsockname(pair.server, (struct sockaddr *)&pair.local, &len), 0);
    close(listener);
    return pair;
}

static void close_pair(struct pair *pair)
{
    close(pair->server);
    if (pair->client >= 0)
        close(pair->client);
}

static enum unread_state ask(struct unread *unread, const struct pair *pair, uint32_t *octets)
{
    return unread_by_peer(unread, (const struct sockaddr *)&pair->local,
                          (const struct sockaddr *)&pair->peer, octets);
}

/* Loopback delivers at once, but on a busy host "at once" may be a moment later. */
static uint32_t settled(struct unread *unread, const struct pair *pair, uint32_t expected)
{
    uint32_t octets = UINT32_MAX;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(ask(unread, pair, &octets), UNREAD_KNOWN);
        if (octets == expected)
            break;
        poll(NULL, 0, 5);
    }
    return octets;
}

static struct unread *opened(void)
{
    struct unread *unread = unread_new();
    if (!unread_is_available(unread)) {
        unread_free(unread);
        skip();
    }
    return unread;
}

static void follows_the_reader(enum kind kind)
{
    struct unread *unread = opened();
    struct pair pair = connect_pair(kind);
    char room[64];
    assert_int_equal(settled(unread, &pair, 0), 0);
    assert_int_equal(write(pair.server, "HTTP/1.1 1", 10), 10);
    assert_int_equal(settled(unread, &pair, 10), 10);
    assert_int_equal(write(pair.server, "02", 2), 2);
    assert_int_equal(settled(unread, &pair, 12), 12);
    assert_int_equal(read(pair.client, room, 5), 5);
    assert_int_equal(settled(unread, &pair, 7), 7);
    assert_int_equal(read(pair.client, room, sizeof room), 7);
    assert_int_equal(settled(unread, &pair, 0), 0);
    /* What the client sent, and the server has not read, is the other direction's business. */
    assert_int_equal(write(pair.client, "GET", 3), 3);
    assert_int_equal(settled(unread, &pair, 0), 0);
    close_pair(&pair);
    unread_free(unread);
}

static void ipv4(void **state)
{
    (void)state;
    follows_the_reader(KIND_V4);
}

static void ipv6(void **state)
{
    (void)state;
    follows_the_reader(KIND_V6);
}

static void server_sees_ipv4_as_mapped(void **state)
{
    (void)state;
    follows_the_reader(KIND_MAPPED_SERVER);
}

static void client_connects_to_a_mapped_address(void **state)
{
    (void)state;
    follows_the_reader(KIND_MAPPED_CLIENT);
}

static void unknown_when_the_peer_has_closed(void **state)
{
    (void)state;
    struct unread *unread = opened();
    struct pair pair = connect_pair(KIND_V4);
    close(pair.client);
    pair.client = -1;
    uint32_t octets = 77;
    assert_int_equal(ask(unread, &pair, &octets), UNREAD_UNKNOWN);
    assert_int_equal(octets, 77);
    close_pair(&pair);
    unread_free(unread);
}

static void unknown_when_the_peer_is_elsewhere(void **state)
{
    (void)state;
    struct unread *unread = opened();
    struct pair pair = connect_pair(KIND_V4);
    uint32_t octets;
    struct pair elsewhere = pair;
    /* From the block kept for documentation: nobody here has it. */
    ((struct sockaddr_in *)&elsewhere.peer)->sin_addr.s_addr = inet_addr("192.0.2.1");
    assert_int_equal(ask(unread, &elsewhere, &octets), UNREAD_UNKNOWN);
    elsewhere.peer.ss_family = AF_UNIX;
    assert_int_equal(ask(unread, &elsewhere, &octets), UNREAD_UNKNOWN);
    elsewhere = pair;
    elsewhere.local = loopback(AF_INET6, 1, "::1");
    assert_int_equal(ask(unread, &elsewhere, &octets), UNREAD_UNKNOWN);
    /* And a miss leaves nothing behind that the next answer could be mistaken for. */
    assert_int_equal(settled(unread, &pair, 0), 0);
    close_pair(&pair);
    unread_free(unread);
}

static void a_listener_at_the_peers_address_is_not_the_peer(void **state)
{
    (void)state;
    struct unread *unread = opened();
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_storage at = loopback(AF_INET, 0, NULL);
    socklen_t len = sizeof at;
    assert_int_equal(bind(listener, (struct sockaddr *)&at, size_of(AF_INET)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    struct pair pair = {.local = loopback(AF_INET, htons(9), NULL), .peer = at};
    uint32_t octets;
    assert_int_equal(ask(unread, &pair, &octets), UNREAD_UNKNOWN);
    close(listener);
    unread_free(unread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4),
        cmocka_unit_test(ipv6),
        cmocka_unit_test(server_sees_ipv4_as_mapped),
        cmocka_unit_test(client_connects_to_a_mapped_address),
        cmocka_unit_test(unknown_when_the_peer_has_closed),
        cmocka_unit_test(unknown_when_the_peer_is_elsewhere),
        cmocka_unit_test(a_listener_at_the_peers_address_is_not_the_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
