/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport.h"

static enum io_status status_of(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR ? IO_AGAIN : IO_RESET;
}

static enum io_status tcp_establish(struct transport *transport)
{
    (void)transport;
    return IO_OK;
}

static enum io_status tcp_read(struct transport *transport, void *to, size_t cap, size_t *got)
{
    ssize_t n = recv(transport->fd, to, cap, 0);
    if (n > 0) {
        *got = (size_t)n;
        return IO_OK;
    }
    return n == 0 ? IO_EOF : status_of(errno);
}

static enum io_status tcp_write(struct transport *transport, const void *from, size_t len,
                                size_t *put)
{
    ssize_t n = send(transport->fd, from, len, MSG_NOSIGNAL);
    if (n >= 0) {
        *put = (size_t)n;
        return IO_OK;
    }
    return status_of(errno);
}

static void tcp_end(struct transport *transport)
{
    shutdown(transport->fd, SHUT_WR);
}

static void tcp_close(struct transport *transport)
{
    close(transport->fd);
    transport->fd = -1;
}

static void tcp_reset(struct transport *transport)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    setsockopt(transport->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    tcp_close(transport);
}

static bool tcp_facts(struct transport *transport, struct tls_facts *facts)
{
    (void)transport;
    (void)facts;
    return false;
}

static bool tcp_failure(const struct transport *transport, struct tls_failure *failure)
{
    (void)transport;
    (void)failure;
    return false;
}

static const struct transport_ops tcp = {
    .establish = tcp_establish,
    .read = tcp_read,
    .write = tcp_write,
    .end = tcp_end,
    .end_abruptly = tcp_end,
    .close = tcp_close,
    .reset = tcp_reset,
    .facts = tcp_facts,
    .failure = tcp_failure,
};

void transport_tcp_init(struct transport *transport, int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *transport = (struct transport){.ops = &tcp, .fd = fd};
}
