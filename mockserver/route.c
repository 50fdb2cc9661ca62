/* SPDX-License-Identifier: MIT */
#include "route.h"

#include <string.h>
#include <strings.h>

static struct bytes take_segment(const char **at, const char *end)
{
    const char *slash = memchr(*at, '/', (size_t)(end - *at));
    const char *stop = slash ? slash : end;
    struct bytes segment = bytes_of(*at, (size_t)(stop - *at));
    *at = slash ? slash + 1 : end;
    return segment;
}

struct route route_parse(struct bytes target)
{
    struct route route = {0};
    const char *at = target.data, *end = target.data + target.len;
    for (int i = 0; i < 2 && target.len > 0 && *at != '/'; i++) {
        const char *scheme = i == 0 ? "http://" : "https://";
        size_t len = strlen(scheme);
        if (target.len > len && strncasecmp(at, scheme, len) == 0) {
            const char *slash = memchr(at + len, '/', target.len - len);
            at = slash ? slash : end;
            route.is_absolute = route.has_path = true;
            break;
        }
    }
    if (at == end || *at != '/') {
        return route;
    }
    route.has_path = true;
    at++;
    const char *mark = memchr(at, '?', (size_t)(end - at));
    if (mark) {
        route.query = bytes_of(mark + 1, (size_t)(end - mark - 1));
        end = mark;
    }
    route.scenario = take_segment(&at, end);
    route.run = take_segment(&at, end);
    route.resource = take_segment(&at, end);
    return route;
}

enum { NAME_MAX_LEN = 64 };

/* Levenshtein's distance, where what `wanted` does not have at its end costs little: people type
 * the beginning of a name. */
static unsigned distance(struct bytes wanted, const char *name)
{
    size_t len = strlen(name);
    unsigned row[NAME_MAX_LEN + 2];
    len = len > NAME_MAX_LEN ? NAME_MAX_LEN : len;
    size_t wanted_len = wanted.len > NAME_MAX_LEN ? NAME_MAX_LEN : wanted.len;
    for (size_t j = 0; j <= len; j++) {
        row[j] = 4 * (unsigned)j;
    }
    for (size_t i = 1; i <= wanted_len; i++) {
        unsigned diagonal = row[0];
        row[0] = 4 * (unsigned)i;
        for (size_t j = 1; j <= len; j++) {
            unsigned change = diagonal + (wanted.data[i - 1] == name[j - 1] ? 0 : 4);
            unsigned insert = row[j - 1] + (i == wanted_len ? 1 : 4);
            unsigned drop = row[j] + 4;
            diagonal = row[j];
            row[j] = change < insert ? change : insert;
            row[j] = drop < row[j] ? drop : row[j];
        }
    }
    return wanted_len == 0 ? (unsigned)len : row[len];
}

size_t route_nearest(const struct catalogue *catalogue, struct bytes wanted,
                     const struct scenario **nearest, size_t max)
{
    unsigned distances[16];
    size_t count = 0;
    max = max > 16 ? 16 : max;
    for (size_t i = 0; i < catalogue->count; i++) {
        unsigned d = distance(wanted, catalogue->scenarios[i]->id);
        size_t at = count;
        while (at > 0 && distances[at - 1] > d) {
            at--;
        }
        if (at >= max) {
            continue;
        }
        count = count < max ? count + 1 : count;
        memmove(distances + at + 1, distances + at, (count - at - 1) * sizeof *distances);
        memmove(nearest + at + 1, nearest + at, (count - at - 1) * sizeof *nearest);
        distances[at] = d;
        nearest[at] = catalogue->scenarios[i];
    }
    return count;
}
