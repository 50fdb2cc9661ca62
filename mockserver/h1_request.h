/* SPDX-License-Identifier: MIT */
/* Reads HTTP/1.1 requests: the only file that knows llhttp. Does not care how its input was cut,
 * and keeps octets only while a head is incomplete. Upgrade is ignored; after CONNECT the octets of
 * the tunnel are read as requests again, since both ends of it are ours. */
#ifndef INTERIMSPEC_H1_REQUEST_H
#define INTERIMSPEC_H1_REQUEST_H

#include "protocol.h"

enum { H1_REQUEST_MAX_HEAD = 64 * 1024 };

struct h1_request;

/* `listener` and `user` are borrowed and must outlive it. */
struct h1_request *h1_request_new(const struct protocol_listener *listener, void *user);
void h1_request_free(struct h1_request *request);
/* Calls the listener for what `octets` complete. Must not be called, nor the reader freed, from
 * within the listener. */
void h1_request_receive(struct h1_request *request, struct bytes octets);
/* Ignore everything from now on; may be called from within the listener. */
void h1_request_stop(struct h1_request *request);

/* Walks the fields of a head that was read before: *at begins as NULL. False at the end. */
bool h1_request_next_field(struct bytes head, const char **at, struct bytes *name,
                           struct bytes *value);
/* The first field of that name (in any case), data NULL when there is none. */
struct bytes h1_request_field(struct bytes head, const char *name);
/* The parts of the request line of such a head. */
void h1_request_line(struct bytes head, struct bytes *method, struct bytes *target,
                     struct bytes *version);

#endif
