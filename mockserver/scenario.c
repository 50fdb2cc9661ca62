/* SPDX-License-Identifier: MIT */
#include "scenario.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scenario_internal.h"
#include "xmalloc.h"

enum { MAX_PARAM_NAME = 32 };

/* --- parameters --- */

static bool check_param_name(struct loader *l, const struct node *key)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    bool good = key->text.len > 0 && key->text.len <= MAX_PARAM_NAME && key->text.data[0] >= 'a' &&
                key->text.data[0] <= 'z' && strspn(key->text.data, allowed) == key->text.len;
    if (!good)
        return loader_fail(l, key,
                           "parameter \"%s\" must be 1 to %d of a-z, 0-9 and \"_\", and begin with "
                           "a letter",
                           show(key->text).text, MAX_PARAM_NAME);
    if (node_is(key, "forever"))
        return loader_fail(l, key, "\"forever\" is a word of times and cannot name a parameter");
    return true;
}

static bool read_limit(struct loader *l, const struct node *map, const char *key, int64_t *value)
{
    const struct node *node = loader_require(l, map, key, "a parameter");
    return node != NULL && read_literal(l, node, 0, MAX_INTEGER, key, value);
}

static bool read_param(struct loader *l, const struct node *map, struct param *param)
{
    static const char *const keys[] = {"default", "min", "max", NULL};
    if (!check_param_name(l, map->key) || !loader_expect(l, map, NODE_MAP, "a parameter") ||
        !loader_check_keys(l, map, keys, "a parameter") ||
        !read_limit(l, map, "default", &param->default_value) ||
        !read_limit(l, map, "min", &param->min) || !read_limit(l, map, "max", &param->max))
        return false;
    param->name = xmemdup0(map->key->text.data, map->key->text.len);
    if (param->min <= param->default_value && param->default_value <= param->max)
        return true;
    return loader_fail(l, map,
                       "parameter \"%s\" needs min <= default <= max, not %" PRId64 ", %" PRId64
                       ", %" PRId64,
                       param->name, param->min, param->default_value, param->max);
}

static bool read_params(struct loader *l, const struct node *map)
{
    struct scenario *scenario = l->scenario;
    if (!loader_expect(l, map, NODE_MAP, "params"))
        return false;
    scenario->params = xcalloc(map->count, sizeof *scenario->params);
    l->param_used = xcalloc(map->count, sizeof *l->param_used);
    for (const struct node *item = map->first; item != NULL; item = item->next) {
        struct param param = {0};
        if (!read_param(l, item, &param)) {
            free(param.name);
            return false;
        }
        scenario->params[scenario->param_count++] = param;
    }
    return true;
}

static bool check_params_used(struct loader *l, const struct node *map)
{
    size_t i = 0;
    for (const struct node *item = map->first; item != NULL; item = item->next, i++)
        if (!l->param_used[i])
            return loader_fail(l, item->key, "parameter \"%s\" is used by no step",
                               l->scenario->params[i].name);
    return true;
}

/* --- resources --- */

static bool name_resource(struct loader *l, const struct node *key)
{
    if (!check_name(l, key, "resource"))
        return false;
    if (node_is(key, "probe"))
        return loader_fail(l, key, "resource \"probe\" is built in and cannot be declared");
    l->scenario->resources[l->scenario->resource_count++].name =
        xmemdup0(key->text.data, key->text.len);
    return true;
}

/* All names first, as a location may name a resource that is declared further down. */
static bool name_resources(struct loader *l, const struct node *root, const struct node *script,
                           const struct node *resources)
{
    struct scenario *scenario = l->scenario;
    if (resources != NULL && !loader_expect(l, resources, NODE_MAP, "resources"))
        return false;
    const struct node *start = resources == NULL ? NULL : node_get(resources, "start");
    if (script != NULL && start != NULL)
        return loader_fail(l, start->key, "script already says what start does; keep one of them");
    if (script == NULL && start == NULL)
        return loader_fail(l, root,
                           "a scenario needs the key \"script\", or \"start\" under "
                           "resources");
    size_t count = resources == NULL ? 0 : resources->count;
    scenario->resources = xcalloc(count + 1, sizeof *scenario->resources);
    scenario->resources[scenario->resource_count++].name = xstrdup("start");
    if (resources == NULL)
        return true;
    for (const struct node *item = resources->first; item != NULL; item = item->next)
        if (item != start && !name_resource(l, item->key))
            return false;
    return true;
}

static bool read_visits(struct loader *l, const struct node *list, struct resource *resource)
{
    if (!loader_expect(l, list, NODE_LIST, "a resource"))
        return false;
    if (list->count == 0)
        return loader_fail(l, list, "a resource needs a script for its first visit");
    resource->visits = xcalloc(list->count, sizeof *resource->visits);
    for (const struct node *visit = list->first; visit != NULL; visit = visit->next) {
        if (visit->kind != NODE_LIST)
            return loader_fail(l, visit,
                               "a resource is a list of visits and a visit a list of steps; write "
                               "[[step, step]]");
        if (!read_script(l, visit, "a visit", &resource->visits[resource->visit_count++]))
            return false;
    }
    return true;
}

static bool read_resources(struct loader *l, const struct node *root)
{
    const struct node *script = node_get(root, "script");
    const struct node *resources = node_get(root, "resources");
    if (!name_resources(l, root, script, resources))
        return false;
    struct scenario *scenario = l->scenario;
    if (script != NULL) {
        scenario->resources[0].visits = xcalloc(1, sizeof *scenario->resources[0].visits);
        scenario->resources[0].visit_count = 1;
        if (!read_script(l, script, "script", &scenario->resources[0].visits[0]))
            return false;
    }
    const struct node *item = resources == NULL ? NULL : resources->first;
    for (size_t i = 1; item != NULL; item = item->next) {
        bool is_start = node_is(item->key, "start");
        if (!read_visits(l, item, &scenario->resources[is_start ? 0 : i]))
            return false;
        i += !is_start;
    }
    return true;
}

/* --- the file --- */

const char *const transport_names[TRANSPORT_COUNT + 1] = {"h1", "h1s", "h2c", "h2", "h3", NULL};

unsigned transport_named(struct bytes name)
{
    for (unsigned i = 0; i < TRANSPORT_COUNT; i++) {
        if (bytes_equal_str(name, transport_names[i])) {
            return 1u << i;
        }
    }
    return 0;
}

const char *transport_name(enum transport_bit transport)
{
    unsigned i = 0;
    while (transport != 1u << i) {
        i++;
    }
    return transport_names[i];
}

static bool read_transports(struct loader *l, const struct node *list)
{
    if (!loader_expect(l, list, NODE_LIST, "transports"))
        return false;
    if (list->count == 0)
        return loader_fail(l, list, "transports names none; leave the key out for the default");
    l->scenario->transports = 0;
    for (const struct node *item = list->first; item != NULL; item = item->next) {
        int index;
        if (!read_choice(l, item, transport_names, "transport", &index))
            return false;
        if (l->scenario->transports & 1u << index)
            return loader_fail(l, item, "transport %s stands twice", transport_names[index]);
        l->scenario->transports |= 1u << index;
    }
    return true;
}

static bool read_tls(struct loader *l, const struct node *map)
{
    static const char *const keys[] = {"certificate", NULL};
    static const char *const certificates[] = {"trusted", "unknown-ca", NULL};
    int index = 0;
    if (!loader_expect(l, map, NODE_MAP, "tls") || !loader_check_keys(l, map, keys, "tls"))
        return false;
    if (l->scenario->transports & ~(unsigned)(TRANSPORT_H1S | TRANSPORT_H2))
        return loader_fail(l, map, "tls is for the transports h1s and h2 alone; list only those");
    const struct node *certificate = loader_require(l, map, "certificate", "tls");
    if (certificate == NULL || !read_choice(l, certificate, certificates, "certificate", &index))
        return false;
    l->scenario->unknown_ca = index == 1;
    return true;
}

static bool read_id_and_title(struct loader *l, const struct node *root)
{
    const struct node *id = loader_require(l, root, "id", "a scenario");
    if (id == NULL || !check_name(l, id, "id"))
        return false;
    l->scenario->id = xmemdup0(id->text.data, id->text.len);
    const struct node *title = loader_require(l, root, "title", "a scenario");
    if (title == NULL || !loader_expect(l, title, NODE_TEXT, "title"))
        return false;
    if (title->text.len == 0)
        return loader_fail(l, title, "title is empty; say what is asked, in one sentence");
    l->scenario->title = xmemdup0(title->text.data, title->text.len);
    return true;
}

static bool check_file_name(struct loader *l, const struct node *id)
{
    const char *slash = strrchr(l->path, '/');
    const char *name = slash == NULL ? l->path : slash + 1;
    struct buf wanted = {0};
    buf_printf(&wanted, "%s.yaml", l->scenario->id);
    bool good = bytes_equal_str(buf_bytes(&wanted), name);
    buf_fini(&wanted);
    if (good)
        return true;
    return loader_fail(l, id, "id \"%s\" must be the file's name without .yaml", l->scenario->id);
}

static bool read_scenario(struct loader *l, const struct node *root)
{
    static const char *const keys[] = {
        "id",   "title",        "requirements", "transports", "tls",         "params", "request",
        "h2",   "timers",       "script",       "resources",  "on-connect",  "probe",  "expect",
        "vary", "compare_with", "why",          "dispute",    "mutant_free", NULL,
    };
    if (!loader_expect(l, root, NODE_MAP, "a scenario") ||
        !loader_check_keys(l, root, keys, "a scenario") || !read_id_and_title(l, root))
        return false;
    const struct node *transports = node_get(root, "transports");
    l->scenario->transports = TRANSPORT_H1; /* until its steps are known */
    if (transports != NULL && !read_transports(l, transports))
        return false;
    const struct node *tls = node_get(root, "tls");
    if (tls != NULL && !read_tls(l, tls))
        return false;
    const struct node *params = node_get(root, "params");
    if (params != NULL && !read_params(l, params))
        return false;
    const struct node *h2 = node_get(root, "h2");
    if (h2 != NULL && !(l->scenario->transports & (TRANSPORT_H2C | TRANSPORT_H2)))
        return loader_fail(l, h2->key, "h2 needs the transport h2c or h2");
    if (h2 != NULL && !read_h2_settings(l, h2, &l->scenario->h2))
        return false;
    if (!read_resources(l, root))
        return false;
    const struct node *on_connect = node_get(root, "on-connect");
    l->scenario->has_on_connect = l->in_on_connect = on_connect != NULL;
    if (on_connect != NULL && l->scenario->transports & ~(unsigned)(TRANSPORT_H1 | TRANSPORT_H1S))
        return loader_fail(l, on_connect->key,
                           "on-connect is for the transports h1 and h1s alone; list only those");
    if (on_connect != NULL && !read_script(l, on_connect, "on-connect", &l->scenario->on_connect))
        return false;
    if (params != NULL && !check_params_used(l, params))
        return false;
    if (transports == NULL)
        l->scenario->transports = scenario_default_transports(l);
    return check_file_name(l, node_get(root, "id"));
}

struct scenario *scenario_parse(const char *path, const char *family, struct bytes text,
                                char **error)
{
    struct yaml_reader_error syntax;
    *error = NULL;
    struct node *root = yaml_reader_parse(text, &syntax);
    if (root == NULL) {
        struct buf message = {0};
        buf_printf(&message, "%s:%d:%d: %s", path, syntax.line, syntax.column, syntax.message);
        *error = xmemdup0(message.data, buf_len(&message));
        buf_fini(&message);
        free(syntax.message);
        return NULL;
    }
    struct scenario *scenario = xcalloc(1, sizeof *scenario);
    scenario->path = xstrdup(path);
    scenario->h2 = (struct h2_settings){-1, -1};
    scenario->family = xstrdup(family);
    struct loader l = {.path = path, .scenario = scenario};
    bool good = read_scenario(&l, root);
    assert(good == (l.error == NULL));
    free(l.param_used);
    node_free(root);
    if (good)
        return scenario;
    scenario_free(scenario);
    *error = l.error;
    return NULL;
}

/* Appends the file to *text; false with a reason, whose text is static. */
static bool read_file(const char *path, struct buf *text, const char **reason)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        *reason = strerror(errno);
        return false;
    }
    struct stat stat;
    *reason = NULL;
    if (fstat(fd, &stat) != 0)
        *reason = strerror(errno);
    else if (!S_ISREG(stat.st_mode))
        *reason = "not a regular file";
    /* One octet more than is allowed is enough for the reader to refuse the file. */
    while (*reason == NULL && buf_len(text) <= YAML_READER_MAX_OCTETS) {
        size_t room = (size_t)YAML_READER_MAX_OCTETS + 1 - buf_len(text);
        ssize_t got = read(fd, buf_reserve(text, room), room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            *reason = strerror(errno);
        if (got <= 0)
            break;
        buf_added(text, (size_t)got);
    }
    close(fd);
    return *reason == NULL;
}

struct scenario *scenario_load(const char *path, const char *family, char **error)
{
    struct buf text = {0};
    const char *reason;
    struct scenario *scenario = NULL;
    if (read_file(path, &text, &reason)) {
        scenario = scenario_parse(path, family, buf_bytes(&text), error);
    } else {
        struct buf message = {0};
        buf_printf(&message, "%s:1:1: cannot read the file: %s", path, reason);
        *error = xmemdup0(message.data, buf_len(&message));
        buf_fini(&message);
    }
    buf_fini(&text);
    return scenario;
}

void scenario_free(struct scenario *scenario)
{
    if (scenario == NULL)
        return;
    for (size_t i = 0; i < scenario->param_count; i++)
        free(scenario->params[i].name);
    for (size_t i = 0; i < scenario->resource_count; i++) {
        struct resource *resource = &scenario->resources[i];
        for (size_t j = 0; j < resource->visit_count; j++)
            script_free(&resource->visits[j]);
        free(resource->visits);
        free(resource->name);
    }
    script_free(&scenario->on_connect);
    free(scenario->resources);
    free(scenario->params);
    free(scenario->path);
    free(scenario->family);
    free(scenario->title);
    free(scenario->id);
    free(scenario);
}

const struct resource *scenario_resource(const struct scenario *scenario, struct bytes name)
{
    for (size_t i = 0; i < scenario->resource_count; i++)
        if (bytes_equal_str(name, scenario->resources[i].name))
            return &scenario->resources[i];
    return NULL;
}

int scenario_param(const struct scenario *scenario, struct bytes name)
{
    for (size_t i = 0; i < scenario->param_count; i++)
        if (bytes_equal_str(name, scenario->params[i].name))
            return (int)i;
    return -1;
}
