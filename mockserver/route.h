/* SPDX-License-Identifier: MIT */
/* Takes a request's target apart: /<scenario>/<run>[/<resource>...][?<query>] */
#ifndef INTERIMSPEC_ROUTE_H
#define INTERIMSPEC_ROUTE_H

#include <stdbool.h>

#include "scenario.h"

struct route {
    struct bytes scenario, run; /* empty when the path is shorter */
    struct bytes resource;      /* the first segment after the run */
    struct bytes query;         /* without the question mark */
    bool has_path;              /* false for CONNECT's authority and for "*" */
    bool is_absolute;           /* http://..., as proxies get it */
};

/* All parts borrow from `target`. */
struct route route_parse(struct bytes target);

/* The names that are nearest to `wanted`, best first, at most `max`; returns how many. */
size_t route_nearest(const struct catalogue *catalogue, struct bytes wanted,
                     const struct scenario **nearest, size_t max);

#endif
