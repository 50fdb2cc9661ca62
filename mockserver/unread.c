/* SPDX-License-Identifier: MIT */
#include "unread.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xmalloc.h"

struct unread {
    int fd;            /* -1 where netlink is barred */
    uint32_t sequence; /* of the last question, so that a stray answer is not taken for its own */
    bool is_available;
};

struct question {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
};

struct endpoint {
    int family; /* AF_INET for v4-mapped addresses too; 0: neither */
    uint32_t address[4];
    uint16_t port; /* network order */
};

/* The kernel files a v4-mapped connection under its IPv4 addresses, whatever family its socket is
 * of, so asking by IPv4 finds both. */
static struct endpoint endpoint_of(const struct sockaddr *address)
{
    struct endpoint endpoint = {0};
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        endpoint.family = AF_INET;
        endpoint.address[0] = in.sin_addr.s_addr;
        endpoint.port = in.sin_port;
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        endpoint.family = AF_INET6;
        endpoint.port = in6.sin6_port;
        memcpy(endpoint.address, &in6.sin6_addr, sizeof endpoint.address);
        if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
            endpoint.family = AF_INET;
            endpoint.address[0] = endpoint.address[3];
            memset(endpoint.address + 1, 0, 3 * sizeof endpoint.address[0]);
        }
    }
    return endpoint;
}

static bool ask(struct unread *unread, const struct endpoint *ours, const struct endpoint *theirs)
{
    struct question question = {
        .header = {.nlmsg_len = sizeof question,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST,
                   .nlmsg_seq = ++unread->sequence},
        .request = {.sdiag_family = (uint8_t)theirs->family,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = ~0U,
                    .id = {.idiag_sport = theirs->port,
                           .idiag_dport = ours->port,
                           .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}}};
    memcpy(question.request.id.idiag_src, theirs->address, sizeof theirs->address);
    memcpy(question.request.id.idiag_dst, ours->address, sizeof ours->address);
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent = sendto(unread->fd, &question, sizeof question, MSG_DONTWAIT,
                          (struct sockaddr *)&kernel, sizeof kernel);
    return sent == (ssize_t)sizeof question;
}

/* Whether somebody can still read from that socket: one its program has closed, or that is only
 * kept for its TIME_WAIT, counts no inode any more. */
static bool has_reader(const struct inet_diag_msg *answer)
{
    return answer->idiag_inode != 0 && answer->idiag_state != TCP_TIME_WAIT &&
           answer->idiag_state != TCP_CLOSE;
}

/* The answer is there when sendto() returns: an exact question is answered in the call itself. */
static enum unread_state take_answer(struct unread *unread, const struct endpoint *ours,
                                     uint32_t *octets)
{
    union {
        struct nlmsghdr header;
        char room[2048];
    } message;
    for (;;) {
        ssize_t len = recv(unread->fd, &message, sizeof message, MSG_DONTWAIT);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < (ssize_t)sizeof message.header)
            return UNREAD_UNKNOWN;
        if (message.header.nlmsg_seq != unread->sequence)
            continue;
        if (message.header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
            (size_t)len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
            return UNREAD_UNKNOWN;
        struct inet_diag_msg answer;
        memcpy(&answer, NLMSG_DATA(&message.header), sizeof answer);
        /* A listening socket is found when there is no connection: its queue is of connections. */
        if (answer.idiag_state == TCP_LISTEN || answer.id.idiag_dport != ours->port ||
            !has_reader(&answer))
            return UNREAD_UNKNOWN;
        *octets = answer.idiag_rqueue;
        return UNREAD_KNOWN;
    }
}

enum unread_state unread_by_peer(struct unread *unread, const struct sockaddr *local,
                                 const struct sockaddr *peer, uint32_t *octets)
{
    if (unread->fd < 0)
        return UNREAD_UNKNOWN;
    struct endpoint ours = endpoint_of(local);
    struct endpoint theirs = endpoint_of(peer);
    if (ours.family == 0 || ours.family != theirs.family || !ask(unread, &ours, &theirs))
        return UNREAD_UNKNOWN;
    return take_answer(unread, &ours, octets);
}

/* One octet sent to ourselves over loopback and not read must be seen as 1, read as 0. */
static bool try_on(struct unread *unread, int listener, int client)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) != 0 ||
        connect(client, (struct sockaddr *)&at, sizeof at) != 0)
        return false;
    struct sockaddr_in peer = {0};
    len = sizeof peer;
    int server = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
    if (server < 0)
        return false;
    uint32_t before = 0, after = 1;
    char octet = 'x';
    bool ok = write(server, &octet, 1) == 1 &&
              unread_by_peer(unread, (struct sockaddr *)&at, (struct sockaddr *)&peer, &before) ==
                  UNREAD_KNOWN &&
              read(client, &octet, 1) == 1 &&
              unread_by_peer(unread, (struct sockaddr *)&at, (struct sockaddr *)&peer, &after) ==
                  UNREAD_KNOWN;
    close(server);
    return ok && before == 1 && after == 0;
}

static bool try_itself(struct unread *unread)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = listener >= 0 && client >= 0 && try_on(unread, listener, client);
    if (listener >= 0)
        close(listener);
    if (client >= 0)
        close(client);
    return ok;
}

struct unread *unread_new(void)
{
    struct unread *unread = xcalloc(1, sizeof *unread);
    unread->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    unread->is_available = unread->fd >= 0 && try_itself(unread);
    if (!unread->is_available && unread->fd >= 0) {
        close(unread->fd);
        unread->fd = -1;
    }
    return unread;
}

void unread_free(struct unread *unread)
{
    if (unread == NULL)
        return;
    if (unread->fd >= 0)
        close(unread->fd);
    free(unread);
}

bool unread_is_available(const struct unread *unread)
{
    return unread->is_available;
}
