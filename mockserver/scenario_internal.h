/* SPDX-License-Identifier: MIT */
/* Shared by the files of the scenario loader, and by nobody else.
 *
 *   scenario.c          the file: its keys, parameters, resources
 *   scenario_script.c   a script: its steps, and which may follow which
 *   scenario_respond.c  the step `respond`
 *   scenario_transports.c  where it plays if it does not say
 *   scenario_frames.c   the steps of HTTP/2: `frames` and `window`
 *   scenario_values.c   single values: numbers, sizes, times, octets, fields
 *
 * Every reader returns false after an error, which it has put into loader.error; the first error
 * ends the loading. What was read so far stays in the scenario, so that freeing that frees all.
 * harness/interimspec/scenario_*.py applies the same rules in the same order, with the same words:
 * mockserver/tests/loader/check_scenario.c lets the tests compare the two. */
#ifndef INTERIMSPEC_SCENARIO_INTERNAL_H
#define INTERIMSPEC_SCENARIO_INTERNAL_H

#include "scenario.h"
#include "yaml_reader.h"

#define MUST_CHECK __attribute__((warn_unused_result))

enum {
    MAX_TIMES = 20000,
    MAX_MS = 10 * 60 * 1000,
    MAX_SIZE = 16 * 1024 * 1024,
    MAX_NAME = 64,
};
#define MAX_INTEGER INT64_C(999999999999999) /* 15 digits: exact in JSON too */

struct loader {
    const char *path;          /* borrowed; for messages */
    struct scenario *scenario; /* under construction */
    bool *param_used;          /* owned; one per parameter */
    bool in_on_connect;
    char *error; /* owned; NULL as long as all is well */
};

/* Text of the file made fit for a message: printable ASCII, not too long. */
struct shown {
    char text[128];
};
struct shown show(struct bytes text);

/* Records "path:line:column: message"; always false. */
__attribute__((format(printf, 3, 4))) bool loader_fail(struct loader *l, const struct node *at,
                                                       const char *format, ...);

/* --- scenario_values.c: `what` is the value's name in messages --- */

MUST_CHECK bool loader_expect(struct loader *l, const struct node *node, enum node_kind kind,
                              const char *what);
/* Every key of the map is one of `known`, which ends with NULL. */
MUST_CHECK bool loader_check_keys(struct loader *l, const struct node *map,
                                  const char *const *known, const char *what);
/* The key's value; NULL after an error if it is missing. */
MUST_CHECK const struct node *loader_require(struct loader *l, const struct node *map,
                                             const char *key, const char *what);
MUST_CHECK bool read_choice(struct loader *l, const struct node *node, const char *const *names,
                            const char *what, int *index);
MUST_CHECK bool read_yes(struct loader *l, const struct node *node, const char *what);
/* A name as ids and resources have: [a-z0-9][a-z0-9.-]{0,63}. */
MUST_CHECK bool check_name(struct loader *l, const struct node *node, const char *what);
/* Digits only, no parameter. */
MUST_CHECK bool read_literal(struct loader *l, const struct node *node, int64_t min, int64_t max,
                             const char *what, int64_t *value);
MUST_CHECK bool read_integer(struct loader *l, const struct node *node, int64_t min, int64_t max,
                             const char *what, struct int_value *value);
/* An integer with an optional KiB or MiB. */
MUST_CHECK bool read_size(struct loader *l, const struct node *node, int64_t max, const char *what,
                          struct int_value *value);
MUST_CHECK bool read_duration(struct loader *l, const struct node *node, const char *what,
                              struct duration *value);
/* A duration that no parameter can give. */
MUST_CHECK bool read_fixed_duration(struct loader *l, const struct node *node, const char *what,
                                    int64_t *ns);
/* Double-quoted text as octets, appended to *octets. */
MUST_CHECK bool read_octets(struct loader *l, const struct node *node, const char *what,
                            struct buf *octets);
/* The same, allocated, and without CR, LF and NUL. */
MUST_CHECK bool read_line(struct loader *l, const struct node *node, const char *what,
                          struct bytes *line);
MUST_CHECK bool read_fields(struct loader *l, const struct node *list, const char *what,
                            struct fields *fields);
/* The octets of a buffer, handed over; the buffer is empty afterwards. */
struct bytes take_bytes(struct buf *buf);
void bytes_free(struct bytes *bytes);
void fields_free(struct fields *fields);

/* --- scenario_transports.c --- */

/* Of enum transport_bit, for a scenario that has been read and names none. */
unsigned scenario_default_transports(const struct loader *l);

/* --- scenario_respond.c --- */

MUST_CHECK bool read_respond(struct loader *l, const struct node *node,
                             struct respond_step *respond);
void respond_free(struct respond_step *respond);
/* The status, or the default of the parameter that gives it. */
int64_t respond_status(const struct loader *l, const struct respond_step *respond);

/* --- scenario_frames.c --- */

MUST_CHECK bool read_frames(struct loader *l, const struct node *list, struct frames_step *frames);
MUST_CHECK bool read_window(struct loader *l, const struct node *value, struct int_value *window);
MUST_CHECK bool read_h2_settings(struct loader *l, const struct node *map,
                                 struct h2_settings *settings);
void frames_free(struct frames_step *frames);

/* --- scenario_script.c --- */

MUST_CHECK bool read_script(struct loader *l, const struct node *list, const char *what,
                            struct script *script);
void script_free(struct script *script);

#endif
