/* SPDX-License-Identifier: MIT */
/* What a request is answered with: a script of a run, or a page. */
#ifndef INTERIMSPEC_ANSWER_H
#define INTERIMSPEC_ANSWER_H

#include "conn.h"

extern const char answer_text_plain[];

struct answer {
    struct run *run;      /* NULL: nobody's */
    const char *resource; /* NULL: a page */
    const struct script *script;
    uint32_t visit;
    int64_t *params; /* owned; NULL: those of the run */
    int status;      /* of the page */
    const char *content_type;
    struct buf content; /* owned */
};

/* By the target, and by the port the request came to. Makes a run by hand where that is asked for,
 * and counts the visit. */
void answer_find(struct conn *conn, const struct request_head *head, struct answer *answer);
/* RFC 9110 15.2: no 1xx to a client that says HTTP/1.0. True where the script would send one, or
 * octets that might be one: then it has been replaced by a plain 200. */
bool answer_is_not_for_http10(struct answer *answer, const int64_t *params);

#endif
