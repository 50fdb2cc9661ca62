/* SPDX-License-Identifier: MIT
 *
 * What the adapters of C clients share: plans in, events out, and nothing else. No retry, no
 * mapping of statuses, no signal handler.
 *
 * An adapter fills a struct kit_client and calls kit_main, which says hello and hands over one plan
 * after the other. The function `play` makes one fresh client object for the plan, and for each of
 * its requests
 *
 *     struct kit_report *report = kit_begin(request);     waits for not_before_ms, takes the time
 *     kit_field(report, "Link", "...");                   fields of the head that is told next
 *     kit_interim(report, 103);                           the client showed an interim response
 *     kit_response(report, 200, "OK");                    the client handed over the response
 *     kit_body(report, octets, length);                   content, as often as it comes
 *     kit_ok(report);                                     or kit_failed(report, kind, type, words)
 */
#ifndef ADAPTERKIT_H
#define ADAPTERKIT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { KIT_UNSET = -1 }; /* a timer that is to be left at the client's default */

struct kit_timers {
    long connect_ms, read_ms, total_ms;
};

/* For clients whose timers count whole seconds; a part of one is rounded up. */
static inline long kit_seconds(long ms)
{
    return (ms + 999) / 1000;
}

struct kit_pair {
    const char *name, *value;
};

struct kit_pause {
    size_t after; /* octets of the body */
    long ms;
};

struct kit_plan;

struct kit_request {
    const struct kit_plan *plan;
    const char *name, *method, *url;
    const struct kit_pair *fields;
    size_t n_fields;
    const char *body; /* NULL: none */
    size_t body_length;
    const struct kit_pause *pauses;
    size_t n_pauses;
    bool expect_continue;
    long not_before_ms;
    struct kit_timers timers; /* the request's own over the plan's */
};

struct kit_plan {
    const char *id, *http;
    const char *ca_file, *proxy; /* NULL: none */
    size_t body_limit;
    const struct kit_request *requests;
    size_t n_requests;
};

/* What the client can be asked to do, as in its manifest. Lists are words with a space between. */
struct kit_can {
    const char *http, *timers, *second_request, *interim, *methods;
    bool tls, proxy, not_before, phases, expect_continue, body_stream;
};

struct kit_layer {
    const char *name, *version;
};

struct kit_client {
    const char *name, *version;
    struct kit_layer stack[8]; /* ends with the first that has no name */
    struct kit_can can;
    bool no_h2c; /* HTTP/2 over TLS alone */
    void (*play)(const struct kit_plan *plan);
};

/* Plays the plans of standard input until its end; what it returns is for main to return. */
int kit_main(const struct kit_client *client);

struct kit_report *kit_begin(const struct kit_request *request);

/* Fields gather until the next kit_interim or kit_response tells them, or kit_forget drops them. */
void kit_field(struct kit_report *report, const char *name, const char *value);
/* "Name: value", with or without its line end; anything without a colon is no field. */
void kit_field_line(struct kit_report *report, const char *line, size_t length);
void kit_forget(struct kit_report *report);

void kit_interim(struct kit_report *report, int status);
void kit_response(struct kit_report *report, int status, const char *reason);
void kit_body(struct kit_report *report, const void *octets, size_t length);

/* The request is over; each of these frees the report. */
void kit_ok(struct kit_report *report);
void kit_failed(struct kit_report *report, const char *kind, const char *type, const char *words);
/* Where it is the client's policy to fail on a status. */
void kit_failed_status(struct kit_report *report, int status, const char *type, const char *words);

/* A status that could be read only after the failure: a detail of the error, no response. */
void kit_status_seen(struct kit_report *report, int status);

/* Waits as the plan's body_pause_ms says before the octets at `offset` may be sent; returns how
 * many may be sent from there without a further pause. */
size_t kit_body_piece(const struct kit_request *request, size_t offset);

const char *kit_find_field(const struct kit_request *request, const char *name);

/* Ends the adapter: something is wrong that is no fault of the client's. */
void kit_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#ifdef __cplusplus
}
#endif

#endif
