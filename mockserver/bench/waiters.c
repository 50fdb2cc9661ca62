/* SPDX-License-Identifier: MIT */
/* Many connections that wait for what a server sends in its own time.
 *
 *   waiters PORT PATH CONNECTIONS SECONDS
 *
 * Opens the connections evenly over SECONDS (a burst would measure the burst), sends one GET on
 * each, prints {"waiting":N}, and reads until every connection has had its 200, or until its
 * standard input ends. Then prints what came. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNS = 100000, BATCH = 256 };

static struct {
    long interims, finals, closed;
    bool input_ended;
} seen;

static char request[512];
static size_t request_len;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "waiters: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("setrlimit");
}

static void open_conn(int port, int epoll)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)},
                             .sin_port = htons((uint16_t)port)};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0 ||
        write(fd, request, request_len) != (ssize_t)request_len)
        die("opening a connection (is the limit of open files high enough?)");
}

static long count_of(const char *data, size_t len, const char *what)
{
    long count = 0;
    const char *end = data + len;
    while ((data = memmem(data, (size_t)(end - data), what, strlen(what))) != NULL) {
        count++;
        data += strlen(what);
    }
    return count;
}

static void on_readable(int fd)
{
    static char room[65536];
    ssize_t got = read(fd, room, sizeof room);
    if (fd == STDIN_FILENO) {
        seen.input_ended = got <= 0;
    } else if (got <= 0) {
        seen.closed++;
        close(fd);
    } else {
        seen.interims += count_of(room, (size_t)got, "HTTP/1.1 102");
        seen.finals += count_of(room, (size_t)got, "HTTP/1.1 200");
    }
}

static void read_for(int epoll, int timeout_ms)
{
    struct epoll_event events[BATCH];
    int ready = epoll_wait(epoll, events, BATCH, timeout_ms);
    if (ready < 0 && errno != EINTR)
        die("epoll_wait");
    for (int i = 0; i < ready; i++)
        on_readable(events[i].data.fd);
}

int main(int argc, char **argv)
{
    int port = argc == 5 ? atoi(argv[1]) : 0;
    long count = argc == 5 ? atol(argv[3]) : 0;
    double seconds = argc == 5 ? atof(argv[4]) : -1;
    if (port <= 0 || count <= 0 || count > MAX_CONNS || seconds < 0 || strlen(argv[2]) > 256) {
        fprintf(stderr, "usage: waiters PORT PATH CONNECTIONS SECONDS\n");
        return 2;
    }
    raise_files();
    request_len = (size_t)snprintf(request, sizeof request,
                                   "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", argv[2], port);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event input = {.events = EPOLLIN, .data.fd = STDIN_FILENO};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0)
        die("epoll");
    int64_t begin = now_ns();
    for (long opened = 0; opened < count && !seen.input_ended;) {
        int64_t due = begin + (int64_t)(seconds * 1e9 * (double)opened / (double)count);
        if (now_ns() >= due) {
            open_conn(port, epoll);
            opened++;
        }
        read_for(epoll, now_ns() >= due ? 0 : 1);
    }
    printf("{\"waiting\":%ld}\n", count);
    fflush(stdout);
    while (seen.finals + seen.closed < count && !seen.input_ended)
        read_for(epoll, -1);
    printf("{\"interims\":%ld,\"finals\":%ld,\"closed\":%ld}\n", seen.interims, seen.finals,
           seen.closed);
    return 0;
}
