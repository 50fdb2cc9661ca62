/* SPDX-License-Identifier: MIT */
/* The server's end of an HTTP/2 connection: reads what a client sends, keeps its streams and the
 * flow-control windows, and answers what must be answered (SETTINGS, PING, window, broken rules).
 * Does not care how its input was cut; knows no clock and no socket.
 *
 *   octets -> frames -> on_frame            every frame, before what it means
 *                    -> on_head, on_body, on_request_end, on_stream_reset
 *                    -> on_broken_rule      and RST_STREAM or GOAWAY as a reply
 *
 * What scripts send passes h2_session_leave(), which keeps the windows and the ends of streams.
 *
 * Bounds, per connection: streams that are open at once (max_streams), field block 64 KiB as sent
 * and 64 KiB decoded, one frame of 16 KiB kept, and 10 000 frames in a row that ask for nothing;
 * past them the client is told ENHANCE_YOUR_CALM. */
#ifndef INTERIMSPEC_H2_SESSION_H
#define INTERIMSPEC_H2_SESSION_H

#include "protocol.h"

enum {
    H2_MAX_STREAMS = 256,
    H2_MAX_FIELDS = 64 * 1024, /* of one field section, with 32 for each field */
    H2_MAX_IDLE_FRAMES = 10000,
    H2_MAX_RESETS = 10000, /* streams that the client opens and resets */
};

struct h2_session;

/* `listener` and `user` are borrowed and must outlive it. */
struct h2_session *h2_session_new(const struct protocol_listener *listener, void *user);
void h2_session_free(struct h2_session *session);
void h2_session_begin(struct h2_session *session, const struct h2_settings *settings);
/* Must not be called, nor the session freed, from within the listener. */
void h2_session_receive(struct h2_session *session, struct bytes octets);
/* protocol_ops.leave. */
size_t h2_session_leave(struct h2_session *session, struct bytes octets, bool waits);
size_t h2_session_open_streams(const struct h2_session *session);

#endif
