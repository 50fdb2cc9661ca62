/* SPDX-License-Identifier: MIT */
/* Loaded before libc: a process that loses its processor around each write to a TCP socket, for
 * SLOW_SEND_BEFORE_MS before the kernel has the octets and SLOW_SEND_AFTER_MS behind. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static void lose_processor(const char *name)
{
    const char *text = getenv(name);
    long ms = text ? strtol(text, NULL, 10) : 0;
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static int is_tcp(int fd)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    return getsockname(fd, (struct sockaddr *)&own, &len) == 0 && own.ss_family != AF_UNIX;
}

ssize_t send(int fd, const void *octets, size_t len, int flags)
{
    ssize_t (*real)(int, const void *, size_t, int) = dlsym(RTLD_NEXT, "send");
    int slow = is_tcp(fd);
    if (slow)
        lose_processor("SLOW_SEND_BEFORE_MS");
    ssize_t sent = real(fd, octets, len, flags);
    if (slow)
        lose_processor("SLOW_SEND_AFTER_MS");
    return sent;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t (*real)(int, const struct msghdr *, int) = dlsym(RTLD_NEXT, "sendmsg");
    int slow = is_tcp(fd);
    if (slow)
        lose_processor("SLOW_SEND_BEFORE_MS");
    ssize_t sent = real(fd, message, flags);
    if (slow)
        lose_processor("SLOW_SEND_AFTER_MS");
    return sent;
}
