/* SPDX-License-Identifier: MIT */
/* The control socket: HTTP over a Unix socket, on which runs are made and ended. The protocol is
 * described in README.md. */
#ifndef INTERIMSPEC_CONTROL_H
#define INTERIMSPEC_CONTROL_H

#include "server.h"

/* Listens at `path`, replacing a socket that nobody listens on any more; NULL with *message (owned
 * by the caller) otherwise. */
struct control *control_open(struct server *server, const char *path, char **message);
/* Closes everything and removes the socket. */
void control_close(struct control *control);
/* Frees what is done with; at the edge of the loop. */
void control_reap(struct control *control);
/* A run that control was waiting for (run->waiter) has ended. */
void control_run_ended(struct run *run);

#endif
