/* SPDX-License-Identifier: MIT */
#include "h2_session.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "field_list.h"
#include "h2_frame.h"
#include "h2_request.h"
#include "hpack.h"
#include "xmalloc.h"

enum { BUCKETS = 64, KEPT_PAYLOAD = 1024 };

struct h2_stream {
    struct h2_stream *next; /* in its bucket */
    int64_t send_window, receive_window;
    int64_t content_left; /* of what content-length announced; -1: it announced nothing */
    uint32_t id;
    bool client_ended : 1;
    bool server_ended : 1;
};

enum h2_state { H2_AT_PREFACE, H2_READING, H2_DEAD };

struct h2_session {
    struct protocol base;
    const struct protocol_listener *listener; /* borrowed */
    void *user;                               /* borrowed */
    struct hpack_reader *hpack;               /* owned */
    struct buf input;                         /* owned; a frame that is not complete */
    struct buf block;                         /* owned; a field block that is not complete */
    struct buf fields;                        /* owned; the field section just decoded */
    struct h2_stream *streams[BUCKETS];       /* owned; those that are not closed */
    size_t stream_count, max_streams;
    uint64_t received;     /* octets, up to the frame being read */
    uint64_t block_offset; /* where the field block's HEADERS began */
    int64_t send_window, receive_window;
    int64_t client_window;    /* of its new streams: what we may send */
    int64_t initial_window;   /* of ours, as the client knows it */
    int64_t announced_window; /* what it will be when the client has acknowledged our SETTINGS */
    int64_t credit, stream_credit; /* window to be given back, to the connection and .. */
    uint32_t credit_stream;        /* .. to this stream */
    uint64_t decoded;              /* size of the field section being decoded */
    uint32_t last_stream;          /* the highest that the client opened */
    uint32_t block_stream;         /* whose field block is being received; 0: none */
    uint32_t idle_frames;          /* since the last request */
    uint32_t resets;
    uint8_t block_flags;
    uint8_t state;     /* enum h2_state */
    bool keeps_window; /* only scripts give window for content */
    bool had_settings;
};

struct h2_session *h2_session_new(const struct protocol_listener *listener, void *user)
{
    struct h2_session *session = xcalloc(1, sizeof *session);
    session->base.ops = &protocol_h2;
    session->listener = listener;
    session->user = user;
    session->hpack = hpack_reader_new();
    session->send_window = session->receive_window = H2_DEFAULT_WINDOW;
    session->client_window = session->initial_window = H2_DEFAULT_WINDOW;
    session->announced_window = H2_DEFAULT_WINDOW;
    session->max_streams = H2_MAX_STREAMS;
    return session;
}

void h2_session_free(struct h2_session *session)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        while (session->streams[i]) {
            struct h2_stream *stream = session->streams[i];
            session->streams[i] = stream->next;
            free(stream);
        }
    }
    hpack_reader_free(session->hpack);
    buf_fini(&session->input);
    buf_fini(&session->block);
    buf_fini(&session->fields);
    free(session);
}

size_t h2_session_open_streams(const struct h2_session *session)
{
    return session->stream_count;
}

/* ---- streams ---- */

static struct h2_stream **place_of(struct h2_session *session, uint32_t id)
{
    struct h2_stream **at = &session->streams[(id >> 1) % BUCKETS];
    while (*at && (*at)->id != id) {
        at = &(*at)->next;
    }
    return at;
}

static struct h2_stream *find(struct h2_session *session, uint32_t id)
{
    return *place_of(session, id);
}

static void forget(struct h2_session *session, uint32_t id)
{
    struct h2_stream **at = place_of(session, id);
    struct h2_stream *stream = *at;
    if (stream) {
        *at = stream->next;
        session->stream_count--;
        free(stream);
    }
}

static void forget_if_closed(struct h2_session *session, const struct h2_stream *stream)
{
    if (stream->client_ended && stream->server_ended) {
        forget(session, stream->id);
    }
}

static struct h2_stream *open_stream(struct h2_session *session, uint32_t id)
{
    struct h2_stream *stream = xcalloc(1, sizeof *stream);
    stream->id = id;
    stream->send_window = session->client_window;
    stream->receive_window = session->initial_window;
    stream->content_left = -1;
    *place_of(session, id) = stream;
    session->stream_count++;
    return stream;
}

/* ---- replies ---- */

static void reply(struct h2_session *session, struct buf *octets)
{
    session->listener->on_reply(session->user, buf_bytes(octets));
    buf_fini(octets);
}

static void reply_u32(struct h2_session *session, enum h2_type type, uint32_t stream,
                      uint32_t value)
{
    struct buf out = {0};
    h2_frame_write_header(&out, 4, (uint8_t)type, 0, stream);
    h2_write_u32(&out, value);
    reply(session, &out);
}

static void tell(struct h2_session *session, const char *reason, uint32_t stream,
                 enum h2_error error)
{
    struct broken_rule broken = {.reason = reason, .stream = stream, .error = (uint32_t)error};
    session->listener->on_broken_rule(session->user, &broken);
}

/* RFC 9113 5.4.1: the connection is over. Always false. */
static bool fail(struct h2_session *session, enum h2_error error, const char *reason)
{
    struct buf out = {0};
    h2_frame_write_header(&out, 8 + strlen(reason), H2_GOAWAY, 0, 0);
    h2_write_u32(&out, session->last_stream);
    h2_write_u32(&out, (uint32_t)error);
    buf_append_str(&out, reason);
    session->state = H2_DEAD;
    reply(session, &out);
    tell(session, reason, 0, error);
    return false;
}

/* RFC 9113 5.4.2: the stream is over. Always true: the connection goes on. */
static bool fail_stream(struct h2_session *session, uint32_t id, enum h2_error error,
                        const char *reason)
{
    reply_u32(session, H2_RST_STREAM, id, (uint32_t)error);
    forget(session, id);
    tell(session, reason, id, error);
    return true;
}

void h2_session_begin(struct h2_session *session, const struct h2_settings *settings)
{
    struct buf out = {0};
    bool has_window = settings && settings->initial_window >= 0;
    if (settings && settings->max_streams >= 0) {
        session->max_streams = (size_t)settings->max_streams;
    }
    if (has_window) {
        session->announced_window = settings->initial_window;
        session->keeps_window = true;
    }
    h2_frame_write_header(&out, has_window ? 18 : 12, H2_SETTINGS, 0, 0);
    h2_write_u16(&out, H2_MAX_CONCURRENT_STREAMS);
    h2_write_u32(&out, (uint32_t)session->max_streams);
    if (has_window) {
        h2_write_u16(&out, H2_INITIAL_WINDOW_SIZE);
        h2_write_u32(&out, (uint32_t)session->announced_window);
    }
    h2_write_u16(&out, H2_MAX_HEADER_LIST_SIZE);
    h2_write_u32(&out, H2_MAX_FIELDS);
    reply(session, &out);
}

/* ---- notes ---- */

static void note_frame(struct h2_session *session, const struct h2_frame *frame,
                       struct bytes fields, bool undecodable)
{
    struct frame_note note = {
        .offset = session->received,
        .len = frame->payload.len,
        .payload = frame->payload,
        .fields = fields,
        .stream = frame->stream,
        .type = frame->type,
        .flags = frame->flags,
        .undecodable = undecodable,
    };
    if (frame->type == H2_HEADERS || frame->type == H2_CONTINUATION) {
        note.payload.len = 0;
    } else if (frame->type == H2_DATA) {
        note.payload.len = note.payload.len > 0 ? 1 : 0; /* the length of the padding */
    } else if (note.payload.len > KEPT_PAYLOAD) {
        note.payload.len = KEPT_PAYLOAD;
    }
    session->listener->on_frame(session->user, &note);
}

/* ---- requests ---- */

static void on_field(void *user, struct bytes name, struct bytes value)
{
    struct h2_session *session = user;
    session->decoded += name.len + value.len + 32; /* RFC 9113 6.5.2 */
    if (session->decoded <= H2_MAX_FIELDS) {
        field_list_add(&session->fields, name, value);
    }
}

static void end_request(struct h2_session *session, struct h2_stream *stream)
{
    stream->client_ended = true;
    if (stream->content_left > 0) {
        fail_stream(session, stream->id, H2_PROTOCOL_ERROR,
                    "less content than content-length says");
        return;
    }
    uint32_t id = stream->id;
    forget_if_closed(session, stream);
    session->listener->on_request_end(session->user, id);
}

static bool begin_request(struct h2_session *session, uint64_t len)
{
    uint32_t id = session->block_stream;
    struct h2_request request = {0};
    const char *reason = h2_request_make(buf_bytes(&session->fields), &request);
    if (session->decoded > H2_MAX_FIELDS) {
        reason = "the field section is larger than MAX_HEADER_LIST_SIZE";
    }
    if (reason) {
        bool large = session->decoded > H2_MAX_FIELDS;
        h2_request_fini(&request);
        return fail_stream(session, id, large ? H2_ENHANCE_YOUR_CALM : H2_PROTOCOL_ERROR, reason);
    }
    struct h2_stream *stream = open_stream(session, id);
    stream->content_left = request.content_length;
    int64_t window = session->client_window;
    struct bytes raw = buf_bytes(&request.head);
    struct request_head head = {
        .raw = raw,
        .method = bytes_of(raw.data + request.method_at, request.method_len),
        .target = bytes_of(raw.data + request.target_at, request.target_len),
        .offset = session->block_offset,
        .len = len,
        .stream = id,
        .data_max = (uint32_t)(window >= 2 * H2_FRAME_MAX ? H2_FRAME_MAX
                               : window == 0              ? 1024
                               : window == 1              ? 1
                                                          : window / 2),
        .version_major = 2,
        .keep_alive = true,
    };
    session->listener->on_head(session->user, &head);
    h2_request_fini(&request);
    stream = find(session, id);
    if (stream && session->block_flags & H2_END_STREAM) {
        end_request(session, stream);
    }
    return true;
}

static bool end_trailers(struct h2_session *session)
{
    struct h2_stream *stream = find(session, session->block_stream);
    if (!stream) {
        return true;
    }
    if (stream->client_ended) {
        return fail_stream(session, stream->id, H2_STREAM_CLOSED, "HEADERS behind END_STREAM");
    }
    if (!(session->block_flags & H2_END_STREAM)) {
        return fail_stream(session, stream->id, H2_PROTOCOL_ERROR,
                           "a second HEADERS without END_STREAM");
    }
    end_request(session, stream);
    return true;
}

/* The field block is complete with this frame. */
static bool end_block(struct h2_session *session, const struct h2_frame *frame)
{
    buf_clear(&session->fields);
    session->decoded = 0;
    bool good = hpack_read(session->hpack, buf_bytes(&session->block), on_field, session);
    bool opens = session->block_stream > session->last_stream;
    bool refused = opens && session->stream_count >= session->max_streams;
    uint32_t id = session->block_stream;
    uint64_t end = session->received + H2_FRAME_HEADER + frame->payload.len;
    bool well_formed = opens && good && !refused && session->decoded <= H2_MAX_FIELDS &&
                       h2_request_is_good(buf_bytes(&session->fields));
    /* The fields of a request stand in its own event. */
    struct bytes fields = well_formed || !good
                              ? bytes_of(NULL, 0)
                              : bytes_of(session->fields.data, session->fields.end);
    note_frame(session, frame, fields, !good);
    buf_clear(&session->block);
    if (!good) {
        return fail(session, H2_COMPRESSION_ERROR, "a field block that HPACK cannot decode");
    }
    bool goes_on = true;
    if (opens) {
        session->last_stream = id;
        session->idle_frames = 0;
        goes_on = refused ? fail_stream(session, id, H2_REFUSED_STREAM,
                                        "more streams than MAX_CONCURRENT_STREAMS")
                          : begin_request(session, end - session->block_offset);
    } else {
        goes_on = end_trailers(session);
    }
    session->block_stream = 0;
    return goes_on;
}

static bool add_to_block(struct h2_session *session, const struct h2_frame *frame,
                         struct bytes part)
{
    buf_append_bytes(&session->block, part);
    if (buf_len(&session->block) > H2_MAX_FIELDS) {
        return fail(session, H2_ENHANCE_YOUR_CALM, "a field block of more than 64 KiB");
    }
    if (frame->flags & H2_END_HEADERS) {
        return end_block(session, frame);
    }
    note_frame(session, frame, bytes_of(NULL, 0), false);
    return true;
}

/* ---- frames ---- */

static bool on_headers(struct h2_session *session, const struct h2_frame *frame)
{
    struct bytes part;
    if (frame->stream % 2 == 0) {
        return fail(session, H2_PROTOCOL_ERROR, "HEADERS on a stream that no client opens");
    }
    if (!h2_frame_content(frame, &part)) {
        return fail(session, H2_PROTOCOL_ERROR, "HEADERS with more padding than payload");
    }
    if (frame->flags & H2_WITH_PRIORITY && frame->payload.len >= 5) {
        size_t at = frame->flags & H2_PADDED ? 1 : 0;
        if ((h2_read_u32(frame->payload, at) & 0x7fffffff) == frame->stream) {
            return fail(session, H2_PROTOCOL_ERROR, "a stream that depends on itself");
        }
    }
    if (frame->stream <= session->last_stream && !find(session, frame->stream)) {
        return fail(session, H2_STREAM_CLOSED, "HEADERS on a closed stream");
    }
    session->block_stream = frame->stream;
    session->block_flags = frame->flags;
    session->block_offset = session->received;
    return add_to_block(session, frame, part);
}

static void give_back_stream(struct h2_session *session)
{
    struct h2_stream *stream = find(session, session->credit_stream);
    if (stream && !stream->client_ended && session->stream_credit > 0) {
        stream->receive_window += session->stream_credit;
        reply_u32(session, H2_WINDOW_UPDATE, stream->id, (uint32_t)session->stream_credit);
    }
    session->credit_stream = 0;
    session->stream_credit = 0;
}

/* What was read gives window back, once for all that was read at a time; but not to a stream whose
 * window scripts alone give. */
static void give_back(struct h2_session *session, uint32_t stream, size_t len)
{
    session->credit += (int64_t)len;
    if (stream == 0 || session->keeps_window) {
        return;
    }
    if (stream != session->credit_stream) {
        give_back_stream(session);
    }
    session->credit_stream = stream;
    session->stream_credit += (int64_t)len;
}

static void give_back_all(struct h2_session *session)
{
    give_back_stream(session);
    if (session->credit > 0 && session->state == H2_READING) {
        session->receive_window += session->credit;
        reply_u32(session, H2_WINDOW_UPDATE, 0, (uint32_t)session->credit);
    }
    session->credit = 0;
}

static bool on_content(struct h2_session *session, struct h2_stream *stream,
                       const struct h2_frame *frame, struct bytes content)
{
    size_t len = frame->payload.len;
    stream->receive_window -= (int64_t)len;
    /* An empty frame takes no window: it may come while SETTINGS have made the window negative. */
    if (len > 0 && stream->receive_window < 0) {
        return fail_stream(session, stream->id, H2_FLOW_CONTROL_ERROR,
                           "more DATA than the window of the stream");
    }
    if (stream->content_left >= 0) {
        stream->content_left -= (int64_t)content.len;
        if (stream->content_left < 0) {
            return fail_stream(session, stream->id, H2_PROTOCOL_ERROR,
                               "more content than content-length says");
        }
    }
    uint32_t id = stream->id;
    if (content.len > 0) {
        session->idle_frames = 0;
        session->listener->on_body(session->user, id, content);
    }
    stream = find(session, id);
    if (stream && frame->flags & H2_END_STREAM) {
        end_request(session, stream);
    }
    if (len > 0) {
        give_back(session, id, len);
    }
    return true;
}

static bool on_data(struct h2_session *session, const struct h2_frame *frame)
{
    struct bytes content;
    if (frame->stream == 0 || frame->stream > session->last_stream) {
        return fail(session, H2_PROTOCOL_ERROR, "DATA on a stream that is not open");
    }
    if (!h2_frame_content(frame, &content)) {
        return fail(session, H2_PROTOCOL_ERROR, "DATA with more padding than payload");
    }
    session->receive_window -= (int64_t)frame->payload.len;
    if (session->receive_window < 0) {
        return fail(session, H2_FLOW_CONTROL_ERROR, "more DATA than the window of the connection");
    }
    struct h2_stream *stream = find(session, frame->stream);
    if (stream && !stream->client_ended) {
        return on_content(session, stream, frame, content);
    }
    if (frame->payload.len > 0) {
        give_back(session, 0, frame->payload.len);
    }
    if (stream) {
        return fail_stream(session, frame->stream, H2_STREAM_CLOSED, "DATA behind END_STREAM");
    }
    return true; /* the stream was reset: what was on its way arrives still */
}

static bool on_rst_stream(struct h2_session *session, const struct h2_frame *frame)
{
    if (frame->payload.len != 4) {
        return fail(session, H2_FRAME_SIZE_ERROR, "RST_STREAM that has not four octets");
    }
    if (frame->stream == 0 || frame->stream > session->last_stream) {
        return fail(session, H2_PROTOCOL_ERROR, "RST_STREAM on a stream that is not open");
    }
    if (++session->resets > H2_MAX_RESETS) {
        return fail(session, H2_ENHANCE_YOUR_CALM, "too many RST_STREAM");
    }
    /* A stream that both sides have ended may still have a script that plays. */
    forget(session, frame->stream);
    session->listener->on_stream_reset(session->user, frame->stream,
                                       h2_read_u32(frame->payload, 0));
    return true;
}

static bool change_client_window(struct h2_session *session, int64_t window)
{
    int64_t difference = window - session->client_window;
    session->client_window = window;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct h2_stream *stream = session->streams[i]; stream; stream = stream->next) {
            stream->send_window += difference;
            if (stream->send_window > H2_MAX_WINDOW) {
                return fail(session, H2_FLOW_CONTROL_ERROR, "a window of more than 2^31-1");
            }
        }
    }
    return true;
}

/* RFC 9113 6.5.3: from here on the client keeps to what our SETTINGS said. */
static void use_announced_window(struct h2_session *session)
{
    int64_t difference = session->announced_window - session->initial_window;
    session->initial_window = session->announced_window;
    for (size_t i = 0; i < BUCKETS && difference != 0; i++) {
        for (struct h2_stream *stream = session->streams[i]; stream; stream = stream->next) {
            stream->receive_window += difference;
        }
    }
}

static bool apply_setting(struct h2_session *session, uint16_t setting, uint32_t value)
{
    switch (setting) {
    case H2_INITIAL_WINDOW_SIZE:
        if (value > H2_MAX_WINDOW) {
            return fail(session, H2_FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE above 2^31-1");
        }
        return change_client_window(session, value);
    case H2_ENABLE_PUSH:
        return value <= 1 || fail(session, H2_PROTOCOL_ERROR, "ENABLE_PUSH that is not 0 or 1");
    case H2_MAX_FRAME_SIZE:
        return (value >= H2_FRAME_MAX && value <= 0xffffff) ||
               fail(session, H2_PROTOCOL_ERROR, "MAX_FRAME_SIZE out of range");
    default:
        return true;
    }
}

static bool on_settings(struct h2_session *session, const struct h2_frame *frame)
{
    bool ack = frame->flags & H2_ACK;
    if (frame->stream != 0) {
        return fail(session, H2_PROTOCOL_ERROR, "SETTINGS on a stream");
    }
    if (frame->payload.len % 6 != 0 || (ack && frame->payload.len != 0)) {
        return fail(session, H2_FRAME_SIZE_ERROR, "SETTINGS of a wrong length");
    }
    session->had_settings = true;
    if (ack) {
        use_announced_window(session);
        return true;
    }
    for (size_t at = 0; at < frame->payload.len; at += 6) {
        uint16_t setting = (uint16_t)((unsigned char)frame->payload.data[at] << 8 |
                                      (unsigned char)frame->payload.data[at + 1]);
        if (!apply_setting(session, setting, h2_read_u32(frame->payload, at + 2))) {
            return false;
        }
    }
    struct buf out = {0};
    h2_frame_write_header(&out, 0, H2_SETTINGS, H2_ACK, 0);
    reply(session, &out);
    return true;
}

static bool on_ping(struct h2_session *session, const struct h2_frame *frame)
{
    if (frame->stream != 0) {
        return fail(session, H2_PROTOCOL_ERROR, "PING on a stream");
    }
    if (frame->payload.len != 8) {
        return fail(session, H2_FRAME_SIZE_ERROR, "PING that has not eight octets");
    }
    if (!(frame->flags & H2_ACK)) {
        struct buf out = {0};
        h2_frame_write(&out, H2_PING, H2_ACK, 0, frame->payload);
        reply(session, &out);
    }
    return true;
}

static bool on_window_update(struct h2_session *session, const struct h2_frame *frame)
{
    if (frame->payload.len != 4) {
        return fail(session, H2_FRAME_SIZE_ERROR, "WINDOW_UPDATE that has not four octets");
    }
    int64_t increment = h2_read_u32(frame->payload, 0) & 0x7fffffff;
    if (frame->stream == 0) {
        session->send_window += increment;
        return (increment > 0 && session->send_window <= H2_MAX_WINDOW) ||
               fail(session, increment > 0 ? H2_FLOW_CONTROL_ERROR : H2_PROTOCOL_ERROR,
                    "WINDOW_UPDATE of the connection by nothing, or above 2^31-1");
    }
    if (frame->stream > session->last_stream) {
        return fail(session, H2_PROTOCOL_ERROR, "WINDOW_UPDATE on a stream that is not open");
    }
    struct h2_stream *stream = find(session, frame->stream);
    if (!stream) {
        return true;
    }
    stream->send_window += increment;
    return (increment > 0 && stream->send_window <= H2_MAX_WINDOW) ||
           fail_stream(session, stream->id,
                       increment > 0 ? H2_FLOW_CONTROL_ERROR : H2_PROTOCOL_ERROR,
                       "WINDOW_UPDATE of a stream by nothing, or above 2^31-1");
}

static bool on_goaway(struct h2_session *session, const struct h2_frame *frame)
{
    if (frame->stream != 0) {
        return fail(session, H2_PROTOCOL_ERROR, "GOAWAY on a stream");
    }
    return frame->payload.len >= 8 ||
           fail(session, H2_FRAME_SIZE_ERROR, "GOAWAY of less than eight octets");
}

static bool on_priority(struct h2_session *session, const struct h2_frame *frame)
{
    if (frame->stream == 0) {
        return fail(session, H2_PROTOCOL_ERROR, "PRIORITY on no stream");
    }
    return frame->payload.len == 5 ||
           fail(session, H2_FRAME_SIZE_ERROR, "PRIORITY that has not five octets");
}

static bool handle(struct h2_session *session, const struct h2_frame *frame)
{
    bool is_continuation = frame->type == H2_CONTINUATION;
    bool has_fields = frame->type == H2_HEADERS || is_continuation;
    if (!has_fields || (session->block_stream != 0) != is_continuation ||
        (is_continuation && frame->stream != session->block_stream)) {
        note_frame(session, frame, bytes_of(NULL, 0), false);
        has_fields = false;
    }
    if (!session->had_settings && (frame->type != H2_SETTINGS || frame->flags & H2_ACK)) {
        return fail(session, H2_PROTOCOL_ERROR, "the first frame is not SETTINGS");
    }
    if (session->block_stream != 0 &&
        !(is_continuation && frame->stream == session->block_stream)) {
        return fail(session, H2_PROTOCOL_ERROR, "another frame amid a field block");
    }
    if (++session->idle_frames > H2_MAX_IDLE_FRAMES) {
        return fail(session, H2_ENHANCE_YOUR_CALM, "too many frames that ask for nothing");
    }
    switch (frame->type) {
    case H2_DATA:
        return on_data(session, frame);
    case H2_HEADERS:
        return on_headers(session, frame);
    case H2_PRIORITY:
        return on_priority(session, frame);
    case H2_RST_STREAM:
        return on_rst_stream(session, frame);
    case H2_SETTINGS:
        return on_settings(session, frame);
    case H2_PUSH_PROMISE:
        return fail(session, H2_PROTOCOL_ERROR, "PUSH_PROMISE from a client");
    case H2_PING:
        return on_ping(session, frame);
    case H2_GOAWAY:
        return on_goaway(session, frame);
    case H2_WINDOW_UPDATE:
        return on_window_update(session, frame);
    case H2_CONTINUATION:
        return has_fields ? add_to_block(session, frame, frame->payload)
                          : fail(session, H2_PROTOCOL_ERROR, "CONTINUATION of no field block");
    default:
        return true; /* RFC 9113 4.1: unknown types are ignored */
    }
}

/* ---- octets ---- */

/* Handles the frame at the beginning of the octets; 0 when it is not complete, or all is over. */
static size_t take_frame(struct h2_session *session, struct bytes octets)
{
    struct h2_frame frame;
    if (octets.len >= H2_FRAME_HEADER && h2_frame_announced(octets) > H2_FRAME_MAX) {
        fail(session, H2_FRAME_SIZE_ERROR, "a frame of more than 16384 octets");
        return 0;
    }
    if (!h2_frame_read(octets, &frame)) {
        return 0;
    }
    handle(session, &frame);
    size_t len = H2_FRAME_HEADER + frame.payload.len;
    session->received += len;
    return len;
}

static size_t take_preface(struct h2_session *session, struct bytes octets)
{
    size_t len = octets.len < H2_PREFACE_LEN ? octets.len : (size_t)H2_PREFACE_LEN;
    if (memcmp(octets.data, H2_PREFACE, len) != 0) {
        fail(session, H2_PROTOCOL_ERROR, "octets that are not the preface of HTTP/2");
        return 0;
    }
    if (len < H2_PREFACE_LEN) {
        return 0;
    }
    session->state = H2_READING;
    session->received += len;
    return len;
}

static size_t take(struct h2_session *session, struct bytes octets)
{
    if (octets.len == 0 || session->state == H2_DEAD) {
        return 0;
    }
    return session->state == H2_AT_PREFACE ? take_preface(session, octets)
                                           : take_frame(session, octets);
}

void h2_session_receive(struct h2_session *session, struct bytes octets)
{
    bool is_kept = buf_len(&session->input) > 0;
    if (is_kept) {
        buf_append_bytes(&session->input, octets);
        octets = buf_bytes(&session->input);
    }
    size_t used = 0, len;
    while ((len = take(session, bytes_of(octets.data + used, octets.len - used))) > 0) {
        used += len;
    }
    give_back_all(session);
    if (session->state == H2_DEAD) {
        buf_fini(&session->input);
    } else if (is_kept) {
        buf_consume(&session->input, used);
    } else if (used < octets.len) {
        buf_append(&session->input, octets.data + used, octets.len - used);
    }
}

/* ---- sending ---- */

/* False when the windows hold the frame back. */
static bool send_frame(struct h2_session *session, const struct h2_frame *frame, bool waits)
{
    struct h2_stream *stream = find(session, frame->stream);
    int64_t len = (int64_t)frame->payload.len;
    if (frame->type == H2_DATA) {
        if (waits && len > 0 &&
            (len > session->send_window || (stream && len > stream->send_window))) {
            return false;
        }
        session->send_window -= len;
        if (stream) {
            stream->send_window -= len;
        }
    }
    if (!stream) {
        if (frame->type == H2_WINDOW_UPDATE && frame->stream == 0 && len == 4) {
            session->receive_window += h2_read_u32(frame->payload, 0) & 0x7fffffff;
        }
        return true;
    }
    if (frame->type == H2_WINDOW_UPDATE && len == 4) {
        stream->receive_window += h2_read_u32(frame->payload, 0) & 0x7fffffff;
    } else if (frame->type == H2_RST_STREAM) {
        forget(session, frame->stream);
    } else if ((frame->type == H2_DATA || frame->type == H2_HEADERS) &&
               frame->flags & H2_END_STREAM) {
        stream->server_ended = true;
        forget_if_closed(session, stream);
    }
    return true;
}

size_t h2_session_leave(struct h2_session *session, struct bytes octets, bool waits)
{
    struct h2_frame frame;
    size_t at = 0;
    while (h2_frame_read(bytes_of(octets.data + at, octets.len - at), &frame)) {
        if (!send_frame(session, &frame, waits)) {
            return at;
        }
        at += H2_FRAME_HEADER + frame.payload.len;
    }
    return octets.len; /* what is no frame waits for nothing */
}
