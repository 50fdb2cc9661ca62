/* SPDX-License-Identifier: MIT */
/* Load for the bench: keep-alive connections that each send a GET, wait for the whole of one 102
 * and one 200, and send the next.
 *
 *   load PORT PATH CONNECTIONS SECONDS
 *
 * Connection n asks for PATHn: a run of its own, so that no run's transcript reaches its cap.
 * Prints one line of JSON. Ends with 1 when an answer is not what it should be. A load generator
 * that takes a 102 for an answer would count twice, so every answer is read to its end. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_ROOM = 384, ROOM = 4096, MAX_CONNS = 4096, WARM_UP_PERCENT = 10 };

struct conn {
    int fd;
    size_t request_len;
    size_t len; /* of the answer so far */
    char request[REQUEST_ROOM];
    char answer[ROOM];
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, errno == 0 ? "not as expected" : strerror(errno));
    exit(1);
}

static const char *find(const char *from, const char *end, const char *what)
{
    return memmem(from, (size_t)(end - from), what, strlen(what));
}

/* Whether the answer is complete; dies when it is not a 102 and a 200 and nothing more. */
static bool is_complete(const struct conn *conn)
{
    static const char interim[] = "HTTP/1.1 102 Processing\r\n\r\n";
    static const char final[] = "HTTP/1.1 200 OK\r\n";
    const char *at = conn->answer;
    const char *end = at + conn->len;
    if (conn->len < sizeof interim - 1 + sizeof final - 1)
        return false;
    errno = 0;
    if (memcmp(at, interim, sizeof interim - 1) != 0)
        die("the 102");
    at += sizeof interim - 1;
    if (memcmp(at, final, sizeof final - 1) != 0)
        die("the 200");
    const char *body = find(at, end, "\r\n\r\n");
    if (body == NULL)
        return false;
    body += 4;
    const char *length = find(at, body, "\r\nContent-Length: ");
    if (length == NULL)
        die("a Content-Length");
    size_t whole = (size_t)(body - conn->answer) + strtoul(length + 18, NULL, 10);
    if (conn->len > whole)
        die("more than one answer");
    return conn->len == whole;
}

static void send_request(const struct conn *conn)
{
    if (write(conn->fd, conn->request, conn->request_len) != (ssize_t)conn->request_len)
        die("write");
}

/* Returns how many answers were completed. */
static unsigned on_readable(struct conn *conn)
{
    ssize_t got = read(conn->fd, conn->answer + conn->len, ROOM - conn->len);
    if (got <= 0)
        die(got == 0 ? "the server closed" : "read");
    conn->len += (size_t)got;
    if (!is_complete(conn)) {
        if (conn->len == ROOM)
            die("the answer's length");
        return 0;
    }
    conn->len = 0;
    send_request(conn);
    return 1;
}

static void open_conn(struct conn *conn, int port, int epoll)
{
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)},
                             .sin_port = htons((uint16_t)port)};
    int on = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0)
        die("connect");
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: load PORT PATH CONNECTIONS SECONDS\n");
        return 2;
    }
    int port = atoi(argv[1]);
    int count = atoi(argv[3]);
    double seconds = atof(argv[4]);
    if (port <= 0 || count <= 0 || count > MAX_CONNS || seconds <= 0 || strlen(argv[2]) > 256) {
        fprintf(stderr, "load: bad argument; usage: load PORT PATH CONNECTIONS SECONDS\n");
        return 2;
    }
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct conn *conns = calloc((size_t)count, sizeof *conns);
    if (epoll < 0 || conns == NULL)
        die("epoll");
    for (int i = 0; i < count; i++) {
        conns[i].request_len =
            (size_t)snprintf(conns[i].request, REQUEST_ROOM,
                             "GET %s%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", argv[2], i, port);
        open_conn(&conns[i], port, epoll);
    }
    int64_t begin = now_ns();
    int64_t from = begin + (int64_t)(seconds * 1e9) * WARM_UP_PERCENT / 100;
    int64_t until = from + (int64_t)(seconds * 1e9);
    for (int i = 0; i < count; i++)
        send_request(&conns[i]);
    uint64_t answers = 0, before = 0;
    int64_t now, started = 0;
    while ((now = now_ns()) < until) {
        if (started == 0 && now >= from) {
            started = now;
            before = answers;
        }
        struct epoll_event events[64];
        int ready = epoll_wait(epoll, events, 64, 1000);
        if (ready <= 0)
            die("no answer for a second");
        for (int i = 0; i < ready; i++)
            answers += on_readable(events[i].data.ptr);
    }
    double took = (double)(now - started) / 1e9;
    printf("{\"answers\":%llu,\"all_answers\":%llu,\"seconds\":%.6f,\"per_second\":%.1f}\n",
           (unsigned long long)(answers - before), (unsigned long long)answers, took,
           (double)(answers - before) / took);
    return 0;
}
