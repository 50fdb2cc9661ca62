/* SPDX-License-Identifier: MIT */
/* Writes a run's transcript as JSON, a slice at a time, so that a long one does not hold up what is
 * due. What scripts sent is rendered again here, and every octet of it is given its class. */
#ifndef INTERIMSPEC_TRANSCRIPT_JSON_H
#define INTERIMSPEC_TRANSCRIPT_JSON_H

#include "run.h"

struct transcript_writer;

/* Holds a reference to the run. Events that are noted later are not part of it. `complete`: the run
 * has ended and nothing is missing. */
struct transcript_writer *transcript_writer_new(struct run *run, bool complete, double pace);
/* Appends at least `octets` to `out`, or all that is left: then true. */
bool transcript_writer_some(struct transcript_writer *writer, struct buf *out, size_t octets);
void transcript_writer_free(struct transcript_writer *writer);

/* The name of an event in the JSON. */
const char *transcript_json_name(enum event_kind kind);

#endif
