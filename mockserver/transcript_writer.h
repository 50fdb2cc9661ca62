/* SPDX-License-Identifier: MIT */
/* Private to transcript_json.c (the events in order) and transcript_sent.c (what was sent, rendered
 * and classified again). */
#ifndef INTERIMSPEC_TRANSCRIPT_WRITER_H
#define INTERIMSPEC_TRANSCRIPT_WRITER_H

#include "h2_octets.h"
#include "json.h"
#include "octets.h"
#include "transcript_json.h"

/* What must be remembered of an exchange to render and classify what it sent. */
struct replay {
    const struct event_request *request; /* NULL: a script that played at accept */
    struct octets reader;
    struct h2_octets streams;      /* the same on a connection with streams */
    struct h2_described described; /* the frames of that step; owned */
    struct octets_spans spans;     /* of the step whose pieces are being written; owned */
    bool begun;
};

struct transcript_writer {
    struct run *run; /* a reference */
    struct json json;
    struct transcript_cursor cursor;
    size_t events_left;
    struct replay **exchanges; /* owned; by number, NULL until something was sent */
    size_t exchange_count;
    struct replay **accepts; /* owned; by number of the connection, for scripts at accept */
    size_t accept_count;
    struct hpack_reader **tables; /* owned; by number of the connection, of what was sent on it */
    size_t table_count;
    struct buf unit;            /* owned; one rendered step */
    struct octets_spans sliced; /* owned */
    size_t octets;              /* of sends, written so far */
    uint64_t dropped;
    double pace;
    bool complete;
    bool begun;
};

struct replay *transcript_replay_of(struct transcript_writer *writer, const struct event *event);
/* Of an exchange; `request` may be NULL. */
const int64_t *transcript_params_of(const struct transcript_writer *writer,
                                    const struct event_request *request);

/* The members of the three events that tell what was sent. */
void transcript_write_send(struct transcript_writer *writer, const struct event *event);
void transcript_write_repeat(struct transcript_writer *writer, const struct event *event);
void transcript_write_page(struct transcript_writer *writer, const struct event *event);
void transcript_write_reply(struct transcript_writer *writer, const struct event *event);

/* transcript_frames.c */
void transcript_write_frame(struct transcript_writer *writer, const struct event *event);
/* Those that begin in [from, to) of `unit`, the octets described; `at` is relative to `from`. */
void transcript_write_frames(struct json *json, const struct h2_described *described,
                             struct bytes unit, size_t from, size_t to);
void transcript_write_error_code(struct json *json, uint32_t error);

#endif
