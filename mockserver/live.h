/* SPDX-License-Identifier: MIT */
/* --transcript: what happens, as it happens, on standard error, for people. */
#ifndef INTERIMSPEC_LIVE_H
#define INTERIMSPEC_LIVE_H

#include "conn.h"

void live_accept(struct conn *conn, int64_t now_ns);
void live_received(struct conn *conn, struct bytes octets, int64_t now_ns);
/* `late_ns` after it was due. */
void live_sent(struct conn *conn, const struct exchange *exchange, struct bytes octets,
               int64_t late_ns, int64_t now_ns);
void live_note(struct conn *conn, const struct exchange *exchange, int64_t now_ns,
               enum event_kind kind);
void live_frame(struct conn *conn, const struct exchange *exchange, const struct frame_note *frame,
                int64_t now_ns);
void live_text(struct conn *conn, const struct exchange *exchange, int64_t now_ns,
               const char *text);

#endif
