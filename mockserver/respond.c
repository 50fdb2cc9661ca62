/* SPDX-License-Identifier: MIT */
#include "respond.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "content.h"

uint64_t respond_content_length(const struct place *place, size_t step)
{
    const struct respond_step *respond = &place->script->steps[step].u.respond;
    switch (respond->body) {
    case BODY_NONE:
    case BODY_LATER: /* where it needs a length, the file gives one */
        return 0;
    case BODY_OWN:
        return content_own_len(place);
    case BODY_BYTES:
        return respond->body_bytes.len;
    case BODY_SIZED: {
        int64_t size = int_value_of(respond->body_size, place->params);
        return size > 0 ? (uint64_t)size : 0;
    }
    }
    assert(!"a body that is none");
    return 0;
}

struct respond_delimiting respond_delimit(const struct place *place, size_t step)
{
    const struct respond_step *respond = &place->script->steps[step].u.respond;
    int64_t status = int_value_of(respond->status, place->params);
    bool tunnel = place->is_connect && status >= 200 && status <= 299; /* RFC 9110 9.3.6 */
    bool bodiless = (status >= 100 && status <= 199) || status == 204 || status == 304 || tunnel;
    struct respond_delimiting how = {.has_content = !place->is_head};

    switch (respond->framing) {
    case FRAMING_DEFAULT:
        how.writes_length = !bodiless && !place->is_head;
        /* The server's own line is the default content: where a response has none, neither has
         * this one. Octets that the file gives are sent as it says. */
        if (bodiless && respond->body == BODY_OWN) {
            how.has_content = false;
        }
        break;
    case FRAMING_LENGTH:
        how.writes_length = true;
        break;
    case FRAMING_CHUNKED:
        how.chunked = true;
        break;
    case FRAMING_CLOSE:
    case FRAMING_NONE:
        break;
    }
    if (respond->has_length) {
        int64_t length = int_value_of(respond->length, place->params);
        how.writes_length = true;
        how.length = length > 0 ? (uint64_t)length : 0;
    } else if (how.writes_length || how.chunked) {
        how.length = respond_content_length(place, step);
    }
    return how;
}

void respond_append_content(const struct place *place, const struct respond_step *respond,
                            struct buf *out)
{
    switch (respond->body) {
    case BODY_NONE:
    case BODY_LATER:
        break;
    case BODY_OWN:
        content_own(place, out);
        break;
    case BODY_BYTES:
        buf_append_bytes(out, respond->body_bytes);
        break;
    case BODY_SIZED: {
        int64_t size = int_value_of(respond->body_size, place->params);
        content_sized(place, respond->fill, size > 0 ? (uint64_t)size : 0, out);
        break;
    }
    }
}

bool respond_has_field(const struct respond_step *respond, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < respond->fields.count; i++) {
        const struct bytes *have = &respond->fields.items[i].name;
        if (have->len == len && strncasecmp(have->data, name, len) == 0) {
            return true;
        }
    }
    return false;
}

const struct respond_step *respond_open_at(const struct place *place, size_t step)
{
    while (step-- > 0) {
        const struct step *before = &place->script->steps[step];
        if (before->kind == STEP_RESPOND && before->u.respond.body == BODY_LATER) {
            return &before->u.respond;
        }
    }
    return NULL;
}
