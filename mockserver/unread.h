/* SPDX-License-Identifier: MIT */
/* How much the program at the other end has not read yet.
 *
 * TCP does not say so: acknowledged octets may still lie in the peer's receive queue. When the peer
 * is on this host, the kernel knows its socket, and NETLINK_SOCK_DIAG tells the length of its
 * receive queue. It tells of the socket our octets arrive at: a proxy in between counts as the
 * reader. */
#ifndef INTERIMSPEC_UNREAD_H
#define INTERIMSPEC_UNREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum unread_state {
    UNREAD_KNOWN,
    UNREAD_UNKNOWN, /* no netlink, the socket is not on this host, or its program let go of it */
};

struct unread;

/* Never NULL: where netlink is barred, every answer is UNREAD_UNKNOWN. Tries itself once on a pair
 * of loopback sockets of its own. */
struct unread *unread_new(void);
void unread_free(struct unread *unread);
/* Whether that try gave the right answer. */
bool unread_is_available(const struct unread *unread);

/* Octets sent from `local` to `peer` (the addresses of *our* socket, AF_INET or AF_INET6,
 * v4-mapped ones too) that the peer's program has not read; *octets is set only when KNOWN. Octets
 * still under way are not counted, which on loopback there are only while its receive window is
 * full. Does not wait: the kernel answers within the call (4 to 30 us). */
enum unread_state unread_by_peer(struct unread *unread, const struct sockaddr *local,
                                 const struct sockaddr *peer, uint32_t *octets);

#endif
