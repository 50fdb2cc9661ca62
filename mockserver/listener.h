/* SPDX-License-Identifier: MIT */
/* The listening sockets: two shared ports, one of them for TLS, and a block of ports to lease, each
 * on the address asked for and, where that is a loopback address, on the other family's under the
 * same number. When no descriptor is left, accepting pauses instead of spinning. */
#ifndef INTERIMSPEC_LISTENER_H
#define INTERIMSPEC_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct ev_loop;
struct listener;

/* Instead of the number of a lease. */
enum { LISTENER_SHARED = -1, LISTENER_SHARED_TLS = -2 };

struct listener_address {
    const char *host; /* borrowed; numeric */
    int port;         /* 0: any */
};

/* A connection was accepted at port number `lease` of the block, or at a shared one. The callee
 * owns `fd`, which does not block. */
typedef void listener_callback(void *user, int fd, const struct sockaddr_storage *peer, int lease);

/* Opens all of them, without accepting; NULL with *message (owned by the caller) when that fails.
 * The ports to lease are on the host of `plain`. */
struct listener *listener_open(struct listener_address plain, struct listener_address tls,
                               size_t leases, char **message);
void listener_start(struct listener *listener, struct ev_loop *loop, listener_callback *on_accept,
                    void *user);
void listener_close(struct listener *listener);

int listener_port(const struct listener *listener);
int listener_tls_port(const struct listener *listener);
/* All `leases` of them. */
const int *listener_lease_ports(const struct listener *listener);
size_t listener_lease_count(const struct listener *listener);
/* Accepts what waits at a leased port now, without waiting. */
void listener_drain(struct listener *listener, int lease);
/* A descriptor was closed: accepting may go on. */
void listener_resume(struct listener *listener);
bool listener_is_paused(const struct listener *listener);

#endif
