/* SPDX-License-Identifier: MIT */
#include "listener.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "xmalloc.h"

enum {
    BACKLOG = 4096,
    ACCEPTS_PER_CALLBACK = 32, /* so that what is due is not held up by a burst of connects */
    PORT_TRIES = 50,           /* for a number that is free in both families */
};

struct port_socket {
    ev_io io;
    struct listener *listener; /* borrowed */
    int lease;
};

struct listener {
    struct ev_loop *loop;        /* borrowed; NULL before the start */
    struct port_socket *sockets; /* owned */
    size_t socket_count;
    int *ports;         /* owned; those to lease */
    int port, tls_port; /* the shared ones */
    size_t lease_count;
    listener_callback *on_accept;
    void *user;
    bool paused;
};

static int open_socket(const struct sockaddr *address, socklen_t len)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(fd, address, len) < 0 || listen(fd, BACKLOG) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static socklen_t set_address(struct sockaddr_storage *address, const char *host, int port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        return sizeof *v6;
    }
    return 0;
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t len = sizeof address;
    if (getsockname(fd, &address.any, &len) < 0) {
        return -1;
    }
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static const char *other_loopback(const char *host)
{
    return strcmp(host, "127.0.0.1") == 0 ? "::1" : strcmp(host, "::1") == 0 ? "127.0.0.1" : NULL;
}

static void add_socket(struct listener *listener, int fd, int lease)
{
    struct port_socket *socket = &listener->sockets[listener->socket_count++];
    socket->io.fd = fd;
    socket->lease = lease;
    socket->listener = listener;
}

static int *port_at(struct listener *listener, int lease)
{
    return lease == LISTENER_SHARED       ? &listener->port
           : lease == LISTENER_SHARED_TLS ? &listener->tls_port
                                          : &listener->ports[lease];
}

/* Opens one number in both families; where the other family has none (no IPv6) or is taken under a
 * number that was asked for, the first one is enough. */
static bool open_port(struct listener *listener, const char *host, int port, int lease)
{
    const char *other = other_loopback(host);
    struct sockaddr_storage address;
    for (int tries = 0;; tries++) {
        int fd = open_socket((struct sockaddr *)&address, set_address(&address, host, port));
        if (fd < 0) {
            return false;
        }
        int got = port_of(fd);
        int second = -1;
        if (other) {
            second = open_socket((struct sockaddr *)&address, set_address(&address, other, got));
            if (second < 0 && errno == EADDRINUSE && port == 0 && tries < PORT_TRIES) {
                close(fd);
                continue;
            }
        }
        *port_at(listener, lease) = got;
        add_socket(listener, fd, lease);
        if (second >= 0) {
            add_socket(listener, second, lease);
        }
        return true;
    }
}

static char *message_of(struct listener_address address, bool is_tls, const char *what)
{
    struct buf text = {0};
    buf_printf(&text, "cannot listen on %s port %d: %s", address.host, address.port, what);
    if (errno == EADDRINUSE) {
        buf_printf(&text, "; stop what uses it, or give %s another port (0: any)",
                   is_tls ? "--tls-listen" : "--listen");
    }
    if (errno == EMFILE) {
        buf_append_str(&text, "; raise the limit of open files (ulimit -n), or lower --ports");
    }
    char *message = xmemdup0(text.data + text.start, buf_len(&text));
    buf_fini(&text);
    return message;
}

struct listener *listener_open(struct listener_address plain, struct listener_address tls,
                               size_t leases, char **message)
{
    struct listener *listener = xcalloc(1, sizeof *listener);
    listener->sockets = xcalloc(2 * (leases + 2), sizeof *listener->sockets);
    listener->ports = xcalloc(leases + 1, sizeof *listener->ports);
    listener->lease_count = leases;
    for (int lease = LISTENER_SHARED_TLS; lease < (int)leases; lease++) {
        struct sockaddr_storage any;
        bool is_tls = lease == LISTENER_SHARED_TLS;
        struct listener_address address = is_tls ? tls : plain;
        address.port = lease >= 0 ? 0 : address.port;
        bool is_address = set_address(&any, address.host, 0) != 0;
        errno = 0;
        if (!is_address || !open_port(listener, address.host, address.port, lease)) {
            *message = message_of(address, is_tls,
                                  is_address ? strerror(errno) : "not an IPv4 or IPv6 address");
            listener_close(listener);
            return NULL;
        }
    }
    return listener;
}

static void set_paused(struct listener *listener, bool paused)
{
    if (listener->paused == paused || !listener->loop) {
        return;
    }
    listener->paused = paused;
    for (size_t i = 0; i < listener->socket_count; i++) {
        if (paused) {
            ev_io_stop(listener->loop, &listener->sockets[i].io);
        } else {
            ev_io_start(listener->loop, &listener->sockets[i].io);
        }
    }
}

static void accept_some(struct port_socket *socket)
{
    struct listener *listener = socket->listener;
    for (int i = 0; i < ACCEPTS_PER_CALLBACK; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        int fd =
            accept4(socket->io.fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener->on_accept(listener->user, fd, &peer, socket->lease);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (!listener->paused) {
                fprintf(stderr, "mockserver: accepting pauses: %s\n", strerror(errno));
            }
            set_paused(listener, true);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)loop;
    (void)revents;
    accept_some((struct port_socket *)io->data);
}

void listener_start(struct listener *listener, struct ev_loop *loop, listener_callback *on_accept,
                    void *user)
{
    listener->loop = loop;
    listener->on_accept = on_accept;
    listener->user = user;
    for (size_t i = 0; i < listener->socket_count; i++) {
        struct port_socket *socket = &listener->sockets[i];
        int fd = socket->io.fd;
        ev_io_init(&socket->io, on_readable, fd, EV_READ);
        socket->io.data = socket;
        ev_io_start(loop, &socket->io);
    }
}

void listener_close(struct listener *listener)
{
    if (!listener) {
        return;
    }
    for (size_t i = 0; i < listener->socket_count; i++) {
        if (listener->loop) {
            ev_io_stop(listener->loop, &listener->sockets[i].io);
        }
        close(listener->sockets[i].io.fd);
    }
    free(listener->sockets);
    free(listener->ports);
    free(listener);
}

int listener_port(const struct listener *listener)
{
    return listener->port;
}

int listener_tls_port(const struct listener *listener)
{
    return listener->tls_port;
}

const int *listener_lease_ports(const struct listener *listener)
{
    return listener->ports;
}

size_t listener_lease_count(const struct listener *listener)
{
    return listener->lease_count;
}

void listener_drain(struct listener *listener, int lease)
{
    for (size_t i = 0; i < listener->socket_count; i++) {
        if (listener->sockets[i].lease == lease) {
            accept_some(&listener->sockets[i]);
        }
    }
}

void listener_resume(struct listener *listener)
{
    set_paused(listener, false);
}

bool listener_is_paused(const struct listener *listener)
{
    return listener->paused;
}
