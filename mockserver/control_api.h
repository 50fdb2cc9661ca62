/* SPDX-License-Identifier: MIT */
/* What the control socket offers: the calls, without the connection they come over. */
#ifndef INTERIMSPEC_CONTROL_API_H
#define INTERIMSPEC_CONTROL_API_H

#include "server.h"
#include "transcript_json.h"

enum control_answer_kind {
    CONTROL_ANSWER_JSON,
    CONTROL_ANSWER_TRANSCRIPT, /* of `run`, as far as it has come */
    CONTROL_ANSWER_WHEN_ENDED, /* the transcript of `run`, which is to be ended first */
};

struct control_answer {
    enum control_answer_kind what;
    int status;
    struct buf content; /* owned by the caller */
    struct run *run;    /* borrowed from the registry */
};

/* `head` as h1_request.h delivers it. */
void control_api_call(struct server *server, struct bytes head, struct bytes body,
                      struct control_answer *answer);
/* {"error": "..."} */
void control_api_error(struct buf *content, const char *why);

#endif
