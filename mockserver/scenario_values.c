/* SPDX-License-Identifier: MIT */
#include "scenario_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

enum { SHOWN_MAX = 60, MAX_DIGITS = 15, NEAR = 2, LONGEST_KEY = 32 };

/* --- messages --- */

bool loader_fail(struct loader *l, const struct node *at, const char *format, ...)
{
    assert(l->error == NULL);
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    struct buf text = {0};
    buf_printf(&text, "%s:%d:%d: %s", l->path, at->line, at->column, message);
    l->error = xmemdup0(text.data, buf_len(&text));
    buf_fini(&text);
    return false;
}

/* The code point that begins at text[*i], which is valid UTF-8; moves *i behind it. */
static uint32_t next_code(struct bytes text, size_t *i)
{
    unsigned char first = (unsigned char)text.data[(*i)++];
    uint32_t code = first < 0x80 ? first : first < 0xe0 ? first & 0x1f : first & 0x0f;
    if (first >= 0xf0)
        code = first & 0x07;
    while (*i < text.len && ((unsigned char)text.data[*i] & 0xc0) == 0x80)
        code = code << 6 | ((unsigned char)text.data[(*i)++] & 0x3f);
    return code;
}

struct shown show(struct bytes text)
{
    struct shown shown;
    size_t used = 0;
    for (size_t i = 0; i < text.len;) {
        uint32_t code = next_code(text, &i);
        bool plain = code >= 0x20 && code < 0x7f;
        if (used + (plain ? 1 : 8) > SHOWN_MAX) {
            used += (size_t)snprintf(shown.text + used, sizeof shown.text - used, "...");
            break;
        }
        used += (size_t)snprintf(shown.text + used, sizeof shown.text - used,
                                 plain ? "%c" : "\\u%04x", code);
    }
    shown.text[used] = '\0';
    return shown;
}

static void list_names(struct buf *out, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++)
        buf_printf(out, "%s%s", i == 0 ? "" : ", ", names[i]);
    buf_append(out, "", 1);
}

/* --- maps and choices --- */

bool loader_expect(struct loader *l, const struct node *node, enum node_kind kind, const char *what)
{
    static const char *const names[] = {
        [NODE_TEXT] = "a single value",
        [NODE_LIST] = "a list",
        [NODE_MAP] = "a map",
    };
    if (node->kind == kind)
        return true;
    return loader_fail(l, node, "%s must be %s, not %s", what, names[kind], node_kind_name(node));
}

/* Levenshtein's distance, up to LONGEST_KEY octets. */
static size_t distance(struct bytes a, const char *b)
{
    size_t b_len = strlen(b);
    size_t row[LONGEST_KEY + 1];
    if (a.len > LONGEST_KEY || b_len > LONGEST_KEY)
        return LONGEST_KEY;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_len; j++) {
            size_t best = diagonal + (a.data[i] != b[j]);
            diagonal = row[j + 1];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j + 1] + 1 < best)
                best = row[j + 1] + 1;
            row[j + 1] = best;
        }
    }
    return row[b_len];
}

/* The name that was probably meant, or NULL when none is near. */
static const char *nearest(struct bytes text, const char *const *names)
{
    const char *best = NULL;
    size_t best_distance = NEAR + 1;
    for (size_t i = 0; names[i] != NULL; i++) {
        size_t d = distance(text, names[i]);
        if (d < best_distance && d < strlen(names[i])) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

static bool fail_unknown(struct loader *l, const struct node *at, const char *const *names,
                         const char *lead, const char *known)
{
    const char *near = nearest(at->text, names);
    if (near != NULL)
        return loader_fail(l, at, "%s; did you mean \"%s\"?", lead, near);
    struct buf list = {0};
    list_names(&list, names);
    loader_fail(l, at, "%s; %s: %s", lead, known, list.data);
    buf_fini(&list);
    return false;
}

bool loader_check_keys(struct loader *l, const struct node *map, const char *const *known,
                       const char *what)
{
    for (const struct node *value = map->first; value != NULL; value = value->next) {
        size_t i = 0;
        while (known[i] != NULL && !node_is(value->key, known[i]))
            i++;
        if (known[i] != NULL)
            continue;
        char lead[256];
        snprintf(lead, sizeof lead, "unknown key \"%s\" in %s", show(value->key->text).text, what);
        return fail_unknown(l, value->key, known, lead, "known keys");
    }
    return true;
}

const struct node *loader_require(struct loader *l, const struct node *map, const char *key,
                                  const char *what)
{
    const struct node *value = node_get(map, key);
    if (value == NULL)
        loader_fail(l, map, "%s needs the key \"%s\"", what, key);
    return value;
}

bool read_choice(struct loader *l, const struct node *node, const char *const *names,
                 const char *what, int *index)
{
    if (!loader_expect(l, node, NODE_TEXT, what))
        return false;
    for (int i = 0; names[i] != NULL; i++) {
        if (node_is(node, names[i])) {
            *index = i;
            return true;
        }
    }
    char lead[256];
    snprintf(lead, sizeof lead, "%s cannot be \"%s\"", what, show(node->text).text);
    return fail_unknown(l, node, names, lead, "it is one of");
}

bool read_yes(struct loader *l, const struct node *node, const char *what)
{
    if (node_is(node, "yes"))
        return true;
    return loader_fail(l, node, "%s takes the value yes; leave the step out for no", what);
}

bool check_name(struct loader *l, const struct node *node, const char *what)
{
    if (!loader_expect(l, node, NODE_TEXT, what))
        return false;
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    bool good = node->text.len > 0 && node->text.len <= MAX_NAME && node->text.data[0] != '.' &&
                node->text.data[0] != '-' && strspn(node->text.data, allowed) == node->text.len;
    if (good)
        return true;
    return loader_fail(l, node,
                       "%s \"%s\" must be 1 to %d of a-z, 0-9, \".\" and \"-\", and begin with a "
                       "letter or digit",
                       what, show(node->text).text, MAX_NAME);
}

/* --- numbers --- */

static bool is_digits(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len > 0;
}

struct unit {
    const char *name;
    int64_t value;
};

static const struct unit no_unit = {"", 1};

/* The value of the digits in that unit, which must lie within the range. */
static bool read_digits(struct loader *l, const struct node *node, struct bytes digits,
                        const struct unit *unit, int64_t min, int64_t max, const char *what,
                        int64_t *value)
{
    if (digits.len > 1 && digits.data[0] == '0')
        return loader_fail(l, node, "%s \"%s\" begins with a zero; numbers are decimal here", what,
                           show(node->text).text);
    int64_t number = digits.len > MAX_DIGITS ? INT64_MAX : 0;
    for (size_t i = 0; i < digits.len && number != INT64_MAX; i++)
        number = number * 10 + (digits.data[i] - '0');
    if (number < min / unit->value || number > max / unit->value)
        return loader_fail(l, node, "%s \"%s\" is out of range: %" PRId64 " to %" PRId64 "%s", what,
                           show(node->text).text, min / unit->value, max / unit->value, unit->name);
    *value = number * unit->value;
    return true;
}

/* A parameter by name, all of whose values must fit; *param stays -1 if the text is no name. */
static bool read_param(struct loader *l, const struct node *node, int64_t min, int64_t max,
                       const char *what, int *param)
{
    *param = scenario_param(l->scenario, node->text);
    if (*param < 0)
        return true;
    l->param_used[*param] = true;
    const struct param *p = &l->scenario->params[*param];
    if (p->min >= min && p->max <= max)
        return true;
    return loader_fail(l, node,
                       "parameter \"%s\" goes from %" PRId64 " to %" PRId64
                       ", but %s takes %" PRId64 " to %" PRId64,
                       p->name, p->min, p->max, what, min, max);
}

bool read_literal(struct loader *l, const struct node *node, int64_t min, int64_t max,
                  const char *what, int64_t *value)
{
    if (!loader_expect(l, node, NODE_TEXT, what))
        return false;
    if (!is_digits(node->text))
        return loader_fail(l, node, "%s must be a number, not \"%s\"", what, show(node->text).text);
    return read_digits(l, node, node->text, &no_unit, min, max, what, value);
}

bool read_integer(struct loader *l, const struct node *node, int64_t min, int64_t max,
                  const char *what, struct int_value *value)
{
    *value = (struct int_value){.param = -1};
    if (!loader_expect(l, node, NODE_TEXT, what))
        return false;
    if (is_digits(node->text))
        return read_digits(l, node, node->text, &no_unit, min, max, what, &value->literal);
    if (!read_param(l, node, min, max, what, &value->param))
        return false;
    if (value->param >= 0)
        return true;
    return loader_fail(l, node, "%s must be a number or a declared parameter, not \"%s\"", what,
                       show(node->text).text);
}

/* "12ms": the leading digits, and the unit among `units` that the rest names, or NULL. */
static const struct unit *split_unit(struct bytes text, const struct unit *units,
                                     struct bytes *digits)
{
    size_t len = 0;
    while (len < text.len && text.data[len] >= '0' && text.data[len] <= '9')
        len++;
    *digits = bytes_of(text.data, len);
    for (const struct unit *u = units; len > 0 && u->name != NULL; u++)
        if (bytes_equal_str(bytes_of(text.data + len, text.len - len), u->name))
            return u;
    return NULL;
}

bool read_size(struct loader *l, const struct node *node, int64_t max, const char *what,
               struct int_value *value)
{
    static const struct unit units[] = {{"", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {NULL, 0}};
    *value = (struct int_value){.param = -1};
    if (!loader_expect(l, node, NODE_TEXT, what))
        return false;
    struct bytes digits;
    const struct unit *unit = split_unit(node->text, units, &digits);
    if (unit != NULL)
        return read_digits(l, node, digits, unit, 0, max, what, &value->literal);
    if (!read_param(l, node, 0, max, what, &value->param))
        return false;
    if (value->param >= 0)
        return true;
    return loader_fail(l, node,
                       "%s must be a size such as 100, 64KiB or 1MiB, or a declared parameter, "
                       "not \"%s\"",
                       what, show(node->text).text);
}

static const struct unit time_units[] = {
    {"us", 1000},
    {"ms", 1000 * 1000},
    {"s", 1000 * 1000 * 1000},
    {NULL, 0},
};

static bool fail_duration(struct loader *l, const struct node *node, const char *what,
                          const char *or_param)
{
    if (is_digits(node->text))
        return loader_fail(l, node, "%s \"%s\" needs a unit: us, ms or s", what,
                           show(node->text).text);
    return loader_fail(l, node, "%s must be a time such as 50ms, 2s or 1500us%s, not \"%s\"", what,
                       or_param, show(node->text).text);
}

bool read_fixed_duration(struct loader *l, const struct node *node, const char *what, int64_t *ns)
{
    if (!loader_expect(l, node, NODE_TEXT, what))
        return false;
    struct bytes digits;
    const struct unit *unit = split_unit(node->text, time_units, &digits);
    if (unit == NULL)
        return fail_duration(l, node, what, "");
    return read_digits(l, node, digits, unit, 0, MAX_MS * INT64_C(1000000), what, ns);
}

bool read_duration(struct loader *l, const struct node *node, const char *what,
                   struct duration *value)
{
    *value = (struct duration){.param = -1};
    if (!loader_expect(l, node, NODE_TEXT, what))
        return false;
    struct bytes digits;
    if (split_unit(node->text, time_units, &digits) != NULL)
        return read_fixed_duration(l, node, what, &value->ns);
    if (!read_param(l, node, 0, MAX_MS, what, &value->param))
        return false;
    if (value->param >= 0)
        return true;
    return fail_duration(l, node, what, " or a declared parameter");
}

/* --- octets --- */

struct bytes take_bytes(struct buf *buf)
{
    struct bytes taken = bytes_of(buf->data, buf->end);
    assert(buf->start == 0);
    *buf = (struct buf){0};
    return taken;
}

void bytes_free(struct bytes *bytes)
{
    free((void *)bytes->data);
    *bytes = (struct bytes){0};
}

bool read_octets(struct loader *l, const struct node *node, const char *what, struct buf *octets)
{
    if (!loader_expect(l, node, NODE_TEXT, what))
        return false;
    if (!node->quoted)
        return loader_fail(l, node, "%s must be in double quotes, where \\r, \\n and \\xNN work",
                           what);
    for (size_t i = 0; i < node->text.len;) {
        uint32_t code = next_code(node->text, &i);
        if (code > 0xff)
            return loader_fail(l, node,
                               "%s holds U+%04X, which is no octet; write its octets as \\xNN",
                               what, code);
        char octet = (char)code;
        buf_append(octets, &octet, 1);
    }
    return true;
}

bool read_line(struct loader *l, const struct node *node, const char *what, struct bytes *line)
{
    struct buf octets = {0};
    if (!read_octets(l, node, what, &octets)) {
        buf_fini(&octets);
        return false;
    }
    *line = take_bytes(&octets);
    for (size_t i = 0; i < line->len; i++)
        if (line->data[i] == '\r' || line->data[i] == '\n' || line->data[i] == '\0')
            return loader_fail(l, node, "%s holds CR, LF or NUL; use the step send for raw octets",
                               what);
    return true;
}
