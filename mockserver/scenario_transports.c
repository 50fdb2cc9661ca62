/* SPDX-License-Identifier: MIT */
/* On which transports a scenario plays that names none: on all where its script is told by meaning
 * alone. The rule is written for authors in scenarios/README.md. */
#include <string.h>
#include <strings.h>

#include "scenario_internal.h"

/* RFC 9113 8.2.2: fields of one connection of HTTP/1.1, which HTTP/2 forbids. */
static bool is_connection_specific(struct bytes name)
{
    static const char *const names[] = {"connection", "keep-alive", "proxy-connection",
                                        "transfer-encoding", "upgrade"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (name.len == strlen(names[i]) && strncasecmp(name.data, names[i], name.len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_content_length(struct bytes name)
{
    return name.len == 14 && strncasecmp(name.data, "content-length", 14) == 0;
}

/* What a response of HTTP/1.1 says that no response of HTTP/2 can. An interim one with a
 * Content-Length could, but what that is worth there is another question (RFC 9113 8.1.1). */
static bool says_what_h2_cannot(const struct loader *l, const struct respond_step *respond)
{
    int64_t status = respond_status(l, respond);
    if (respond->has_reason || !bytes_equal_str(respond->version, "1.1") ||
        respond->framing != FRAMING_DEFAULT || respond->has_length || status == 101 ||
        (status < 200 && respond->body != BODY_NONE)) {
        return true;
    }
    for (size_t i = 0; i < respond->fields.count; i++) {
        struct bytes name = respond->fields.items[i].name;
        if (is_connection_specific(name) || (status < 200 && is_content_length(name))) {
            return true;
        }
    }
    return false;
}

static unsigned transports_of_step(const struct loader *l, const struct step *step)
{
    const unsigned h1 = TRANSPORT_H1, http1 = h1 | TRANSPORT_H1S,
                   all = http1 | TRANSPORT_H2C | TRANSPORT_H2;
    if (step->split.each_byte || step->split.count > 0) {
        return h1;
    }
    switch (step->kind) {
    case STEP_RESPOND:
        return says_what_h2_cannot(l, &step->u.respond) ? http1 : all;
    case STEP_WAIT:
        return step->u.wait.what == WAIT_NEXT_REQUEST ? http1 : all;
    case STEP_BODY:
    case STEP_END_BODY:
    case STEP_SLEEP:
    case STEP_STALL:
    case STEP_CLOSE:
    case STEP_RESET:
        return all;
    case STEP_RELEASE:
        return http1;
    case STEP_SEND:
    case STEP_READING:
    case STEP_FRAMES: /* for HTTP/2 alone, which a scenario with these must name */
    case STEP_WINDOW:
        return h1;
    }
    return h1;
}

unsigned scenario_default_transports(const struct loader *l)
{
    const struct scenario *scenario = l->scenario;
    unsigned transports = TRANSPORT_H1 | TRANSPORT_H1S | TRANSPORT_H2C | TRANSPORT_H2;
    if (scenario->has_on_connect) {
        return TRANSPORT_H1;
    }
    for (size_t r = 0; r < scenario->resource_count; r++) {
        const struct resource *resource = &scenario->resources[r];
        for (size_t v = 0; v < resource->visit_count; v++) {
            for (size_t i = 0; i < resource->visits[v].count; i++) {
                transports &= transports_of_step(l, &resource->visits[v].steps[i]);
            }
        }
    }
    return transports;
}
