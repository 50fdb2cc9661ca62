/* SPDX-License-Identifier: MIT */
/* The fastest server of 102 and 200 there can be on libev: it answers whatever a read brings with
 * the same octets. It says what the host can do, so that the mock server is measured against the
 * host and not against yesterday. Prints its port; ends when its standard input does. */
#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As long as what the mock server sends for bench-single. */
static const char answer[] = "HTTP/1.1 102 Processing\r\n\r\n"
                             "HTTP/1.1 200 OK\r\n"
                             "Content-Type: text/plain\r\n"
                             "Content-Length: 46\r\n"
                             "\r\n"
                             "interimspec bench-single bench00 start #10000\n";

struct conn {
    ev_io readable;
    int fd;
};

static void on_readable(struct ev_loop *loop, ev_io *watcher, int revents)
{
    (void)revents;
    static char room[65536];
    struct conn *conn = watcher->data;
    ssize_t got = read(conn->fd, room, sizeof room);
    if (got > 0) {
        ssize_t put = write(conn->fd, answer, sizeof answer - 1);
        if (put == (ssize_t)sizeof answer - 1)
            return;
    } else if (got < 0 && errno == EAGAIN) {
        return;
    }
    ev_io_stop(loop, watcher);
    close(conn->fd);
    free(conn);
}

static void on_accept(struct ev_loop *loop, ev_io *watcher, int revents)
{
    (void)revents;
    int fd;
    while ((fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct conn *conn = calloc(1, sizeof *conn);
        if (conn == NULL)
            abort();
        conn->fd = fd;
        ev_io_init(&conn->readable, on_readable, fd, EV_READ);
        conn->readable.data = conn;
        ev_io_start(loop, &conn->readable);
    }
}

static void on_stdin(struct ev_loop *loop, ev_io *watcher, int revents)
{
    (void)revents;
    char room[64];
    if (read(watcher->fd, room, sizeof room) <= 0)
        ev_break(loop, EVBREAK_ALL);
}

int main(void)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(listener, SOMAXCONN) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) != 0) {
        perror("bare");
        return 1;
    }
    struct ev_loop *loop = ev_default_loop(0);
    ev_io on_listener, on_input;
    ev_io_init(&on_listener, on_accept, listener, EV_READ);
    ev_io_start(loop, &on_listener);
    ev_io_init(&on_input, on_stdin, STDIN_FILENO, EV_READ);
    ev_io_start(loop, &on_input);
    printf("{\"port\":%d}\n", ntohs(at.sin_port));
    fflush(stdout);
    ev_run(loop, 0);
    return 0;
}
