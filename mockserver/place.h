/* SPDX-License-Identifier: MIT */
/* Where a step of a script is played, and what its integer positions are worth there. */
#ifndef INTERIMSPEC_PLACE_H
#define INTERIMSPEC_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "scenario.h"

/* All borrowed. */
struct place {
    const char *scenario;  /* id */
    const char *run;       /* token */
    const char *resource;  /* name */
    const int64_t *params; /* values in the order of scenario.params */
    const struct script *script;
    uint32_t stream;   /* of the exchange, on a connection with streams */
    uint32_t data_max; /* octets of content that a frame may have */
    int64_t exchange;  /* number within the run; -1: none, the script plays at accept */
    bool is_head;      /* the request's method is HEAD: no content */
    bool is_connect;   /* CONNECT: a 2xx has neither content nor framing fields */
};

/* The value of an integer position, the length of a sleep. */
static inline int64_t int_value_of(struct int_value value, const int64_t *params)
{
    return value.param < 0 ? value.literal : params[value.param];
}
static inline int64_t duration_of(struct duration duration, const int64_t *params)
{
    return duration.param < 0 ? duration.ns : params[duration.param] * 1000000;
}

#endif
