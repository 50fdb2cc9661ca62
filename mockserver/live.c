/* SPDX-License-Identifier: MIT */
#include "live.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "h2_frame.h"
#include "transcript_json.h"

enum { LINE_OCTETS = 200 }; /* of one send or read are shown */

static void begin(struct buf *line, const struct conn *conn, const struct exchange *exchange,
                  int64_t now_ns)
{
    int64_t since = now_ns - conn->server->started.monotonic_ns;
    const struct run *run = exchange && exchange->run ? exchange->run : conn->run;
    buf_printf(line, "%11.3f ", (double)since / 1e6);
    if (run) {
        buf_printf(line, "%s/%s ", run->scenario->id, run->token);
    }
    buf_printf(line, "conn %u", conn->number);
    if (exchange && exchange->number != EXCHANGE_NONE) {
        buf_printf(line, " #%u", exchange->number);
    }
}

/* Standard error may be a terminal that is slow, or closed: what it does not take is lost. */
static void end(struct buf *line)
{
    buf_append_str(line, "\n");
    ssize_t n = write(STDERR_FILENO, line->data + line->start, buf_len(line));
    (void)n;
    buf_fini(line);
}

static void append_octets(struct buf *line, struct bytes octets)
{
    size_t shown = octets.len < LINE_OCTETS ? octets.len : LINE_OCTETS;
    buf_append_str(line, " \"");
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)octets.data[i];
        if (c == '\r' || c == '\n') {
            buf_append_str(line, c == '\r' ? "\\r" : "\\n");
        } else if (c == '"' || c == '\\') {
            buf_printf(line, "\\%c", c);
        } else if (c < 0x20 || c >= 0x7f) {
            buf_printf(line, "\\x%02x", c);
        } else {
            buf_append(line, octets.data + i, 1);
        }
    }
    buf_append_str(line, shown < octets.len ? "...\"" : "\"");
}

void live_accept(struct conn *conn, int64_t now_ns)
{
    live_text(conn, NULL, now_ns, "accepted");
}

void live_received(struct conn *conn, struct bytes octets, int64_t now_ns)
{
    struct buf line = {0};
    begin(&line, conn, NULL, now_ns);
    buf_printf(&line, " < %zu octets", octets.len);
    append_octets(&line, octets);
    end(&line);
}

void live_sent(struct conn *conn, const struct exchange *exchange, struct bytes octets,
               int64_t late_ns, int64_t now_ns)
{
    struct buf line = {0};
    begin(&line, conn, exchange, now_ns);
    buf_printf(&line, " > %zu octets", octets.len);
    append_octets(&line, octets);
    if (late_ns >= CLOCK_NS_PER_MS) {
        buf_printf(&line, " (%.1f ms late)", (double)late_ns / 1e6);
    }
    end(&line);
}

void live_note(struct conn *conn, const struct exchange *exchange, int64_t now_ns,
               enum event_kind kind)
{
    live_text(conn, exchange, now_ns, transcript_json_name(kind));
}

void live_frame(struct conn *conn, const struct exchange *exchange, const struct frame_note *frame,
                int64_t now_ns)
{
    struct buf line = {0};
    const char *type = h2_type_name(frame->type);
    begin(&line, conn, exchange, now_ns);
    if (type) {
        buf_printf(&line, " < %s", type);
    } else {
        buf_printf(&line, " < frame 0x%02x", frame->type);
    }
    buf_printf(&line, " stream %u, %llu octets", frame->stream, (unsigned long long)frame->len);
    for (unsigned bit = 1; bit <= 0x80; bit <<= 1) {
        const char *name = frame->flags & bit ? h2_flag_name(frame->type, (uint8_t)bit) : NULL;
        if (name) {
            buf_printf(&line, " %s", name);
        }
    }
    bool has_error = frame->type == H2_RST_STREAM || frame->type == H2_GOAWAY;
    size_t at = frame->type == H2_GOAWAY ? 4 : 0;
    if (has_error && frame->payload.len >= at + 4) {
        const char *error = h2_error_name(h2_read_u32(frame->payload, at));
        buf_printf(&line, " %s", error ? error : "of an unknown code");
    }
    end(&line);
}

void live_text(struct conn *conn, const struct exchange *exchange, int64_t now_ns, const char *text)
{
    struct buf line = {0};
    begin(&line, conn, exchange, now_ns);
    buf_printf(&line, " %s", text);
    end(&line);
}
