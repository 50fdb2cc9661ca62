/* SPDX-License-Identifier: MIT */
#include "control_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "h1_request.h"
#include "json.h"
#include "protocol.h"
#include "xmalloc.h"
#include "yaml_reader.h"

void control_api_error(struct buf *content, const char *why)
{
    struct json json;
    json_init(&json, content);
    json_object(&json);
    json_key_text(&json, "error", why);
    json_end_object(&json);
    buf_append_str(content, "\n");
}

static void fail(struct control_answer *answer, int status, const char *why)
{
    answer->what = CONTROL_ANSWER_JSON;
    answer->status = status;
    buf_clear(&answer->content);
    control_api_error(&answer->content, why);
}

/* Takes the text over. */
static void fail_with(struct control_answer *answer, int status, struct buf *text)
{
    buf_append(text, "", 1);
    fail(answer, status, text->data + text->start);
    buf_fini(text);
}

/* ---- POST /runs ---- */

struct order {
    struct run_spec spec;
    int64_t *params; /* owned */
    int64_t life_ns;
};

static bool read_params(const struct node *node, struct order *order, struct control_answer *answer)
{
    const struct scenario *scenario = order->spec.scenario;
    if (node->kind != NODE_MAP) {
        fail(answer, 400, "params must be an object");
        return false;
    }
    for (const struct node *value = node->first; value; value = value->next) {
        char *message = NULL;
        if (value->kind != NODE_TEXT ||
            !run_param_set(scenario, value->key->text, value->text, order->params, &message)) {
            fail(answer, 400, message ? message : "a parameter must be an integer");
            free(message);
            return false;
        }
    }
    return true;
}

static bool read_life(const struct node *node, struct order *order, struct control_answer *answer)
{
    char *end;
    long long ms = node->kind == NODE_TEXT ? strtoll(node->text.data, &end, 10) : 0;
    if (node->kind != NODE_TEXT || *end != '\0' || ms < 1 ||
        ms > RUN_MAX_LIFE_NS / CLOCK_NS_PER_MS) {
        fail(answer, 400, "life_ms must be a number of milliseconds, at most one day");
        return false;
    }
    order->life_ns = ms * CLOCK_NS_PER_MS;
    return true;
}

/* Default: h1, or the first that the scenario has. */
static bool read_transport(const struct node *node, struct order *order,
                           struct control_answer *answer)
{
    const struct scenario *scenario = order->spec.scenario;
    struct buf text = {0};
    unsigned wanted = scenario->transports & -scenario->transports;
    if (node) {
        wanted = node->kind == NODE_TEXT ? transport_named(node->text) : 0;
        if (!wanted) {
            buf_append_str(&text, "transport must be one of");
            for (unsigned i = 0; i < TRANSPORT_COUNT; i++) {
                buf_printf(&text, "%s %s", i > 0 ? "," : "", transport_names[i]);
            }
            fail_with(answer, 400, &text);
            return false;
        }
    }
    order->spec.transport = (enum transport_bit)wanted;
    const char *name = transport_name(order->spec.transport);
    if (!protocol_over(order->spec.transport)) {
        buf_printf(&text, "transport %s is not served here", name);
    } else if (!(scenario->transports & wanted)) {
        buf_printf(&text, "scenario %s is not for %s", scenario->id, name);
    } else {
        return true;
    }
    fail_with(answer, 400, &text);
    return false;
}

static bool read_scenario(struct server *server, const struct node *root, struct order *order,
                          struct control_answer *answer)
{
    const struct node *name = node_get(root, "scenario");
    struct buf text = {0};
    if (!name || name->kind != NODE_TEXT) {
        fail(answer, 400, "scenario is missing");
        return false;
    }
    bool has_nul = strlen(name->text.data) != name->text.len;
    const struct scenario *scenario =
        has_nul ? NULL : catalogue_find(&server->catalogue, name->text);
    if (!scenario) {
        buf_printf(&text, "there is no scenario \"%.64s\"", name->text.data);
        fail_with(answer, 404, &text);
        return false;
    }
    order->spec.scenario = scenario;
    if (!read_transport(node_get(root, "transport"), order, answer)) {
        return false;
    }
    order->params = xcalloc(scenario->param_count + 1, sizeof *order->params);
    for (size_t i = 0; i < scenario->param_count; i++) {
        order->params[i] = scenario->params[i].default_value;
    }
    return true;
}

static bool read_member(const struct node *node, struct order *order, struct control_answer *answer)
{
    struct bytes key = node->key->text;
    struct buf text = {0};
    if (bytes_equal_str(key, "scenario") || bytes_equal_str(key, "transport")) {
        return true;
    }
    if (bytes_equal_str(key, "params")) {
        return read_params(node, order, answer);
    }
    if (bytes_equal_str(key, "life_ms")) {
        return read_life(node, order, answer);
    }
    if (node->kind != NODE_TEXT) {
        buf_printf(&text, "\"%.64s\" has the wrong type", key.data);
        fail_with(answer, 400, &text);
        return false;
    }
    if (bytes_equal_str(key, "run")) {
        order->spec.token = node->text;
        return true;
    }
    if (bytes_equal_str(key, "port")) {
        order->spec.leases_port = node_is(node, "true");
        if (!order->spec.leases_port && !node_is(node, "false")) {
            fail(answer, 400, "port must be true or false");
            return false;
        }
        return true;
    }
    buf_printf(&text, "unknown member \"%.64s\"", key.data);
    fail_with(answer, 400, &text);
    return false;
}

static void fail_to_make(enum run_error error, struct control_answer *answer)
{
    switch (error) {
    case RUN_OK:
        return;
    case RUN_BAD_TOKEN:
        fail(answer, 400, "run must be 1 to 64 letters, digits or . _ ~ -");
        return;
    case RUN_EXISTS:
        fail(answer, 409, "a run of that name exists");
        return;
    case RUN_GONE:
        fail(answer, 409, "a run of that name has ended; names are not used again");
        return;
    case RUN_TOO_MANY:
        fail(answer, 503, "too many runs; end some");
        return;
    case RUN_NO_PORT:
        fail(answer, 503, "no port is free; end a run, or start the server with more --ports");
        return;
    }
}

static void write_run(const struct server *server, const struct run *run,
                      struct control_answer *answer)
{
    struct json json;
    struct buf text = {0};
    answer->status = 201;
    json_init(&json, &answer->content);
    json_object(&json);
    json_key_text(&json, "run", run->token);
    json_key_text(&json, "scenario", run->scenario->id);
    json_key_text(&json, "transport", transport_name(run->transport));
    json_key_int(&json, "port", run->port);
    buf_printf(&text, "/%s/%s", run->scenario->id, run->token);
    buf_append(&text, "", 1);
    json_key_text(&json, "path", text.data + text.start);
    buf_clear(&text);
    bool is_tls = run_transport_is_tls(run->transport);
    const char *host = is_tls && run->lease < 0 && server->options->tls_host[0]
                           ? server->options->tls_host
                           : server->options->host;
    bool is_v6 = strchr(host, ':') != NULL;
    /* By name, as servers are reached: the client checks a DNS name and sends it (SNI). */
    if (is_tls && (strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0)) {
        host = "localhost";
        is_v6 = false;
    }
    buf_printf(&text, is_v6 ? "%s://[%s]:%d/%s/%s" : "%s://%s:%d/%s/%s", is_tls ? "https" : "http",
               host, run->port, run->scenario->id, run->token);
    buf_append(&text, "", 1);
    json_key_text(&json, "url", text.data + text.start);
    json_key_text(&json, "ca_file", server->ca_file);
    json_end_object(&json);
    buf_append_str(&answer->content, "\n");
    buf_fini(&text);
}

static void post_run(struct server *server, struct bytes body, struct control_answer *answer)
{
    struct yaml_reader_error error = {0};
    struct buf text = {0};
    struct node *root = yaml_reader_parse(body, &error);
    if (!root || root->kind != NODE_MAP) {
        buf_printf(&text, "the content must be a JSON object: line %d, column %d: %s", error.line,
                   error.column, error.message ? error.message : "it is none");
        fail_with(answer, 400, &text);
        free(error.message);
        node_free(root);
        return;
    }
    struct order order = {.life_ns = RUN_DEFAULT_LIFE_NS};
    bool ok = read_scenario(server, root, &order, answer);
    for (const struct node *node = root->first; ok && node; node = node->next) {
        ok = read_member(node, &order, answer);
    }
    if (ok) {
        enum run_error why;
        order.spec.params = order.params;
        order.spec.origin = clock_pair_read();
        order.spec.keeps_nothing = server->options->no_transcripts;
        struct run *run = server_make_run(server, &order.spec, order.life_ns, &why);
        if (run) {
            write_run(server, run, answer);
        } else {
            fail_to_make(why, answer);
        }
    }
    free(order.params);
    node_free(root);
}

/* ---- the others ---- */

static void write_summary(const struct run *run, struct control_answer *answer)
{
    struct json json;
    const struct clock_pair *origin = &run->transcript.origin;
    answer->status = 200;
    json_init(&json, &answer->content);
    json_object(&json);
    json_key_int(&json, "requests", run->requests);
    json_key_int(&json, "probe_requests", run->probe_requests);
    json_key_int(&json, "connections", run->connections);
    if (run->requests > 0) {
        json_key_ms(&json, "last_request_at",
                    origin->realtime_ns + run->used_ns - origin->monotonic_ns);
    } else {
        json_key_null(&json, "last_request_at");
    }
    json_end_object(&json);
    buf_append_str(&answer->content, "\n");
}

static void call_run(struct server *server, struct bytes method, struct bytes name,
                     struct bytes query, struct control_answer *answer)
{
    uint64_t late_requests;
    struct buf text = {0};
    struct run *run = run_find(server->runs, name, bytes_of(NULL, 0));
    if (!run && run_has_ended(server->runs, name, &late_requests)) {
        buf_printf(&text, "run %.*s has ended; %llu requests came for it since", (int)name.len,
                   name.data, (unsigned long long)late_requests);
        fail_with(answer, 410, &text);
    } else if (!run) {
        buf_printf(&text, "there is no run \"%.*s\"", name.len > 64 ? 64 : (int)name.len,
                   name.data);
        fail_with(answer, 404, &text);
    } else if (bytes_equal_str(method, "GET") && bytes_equal_str(query, "summary")) {
        write_summary(run, answer);
    } else if (bytes_equal_str(method, "GET")) {
        answer->what = CONTROL_ANSWER_TRANSCRIPT;
        answer->run = run;
    } else if (!bytes_equal_str(method, "DELETE")) {
        fail(answer, 405, "a run can be had with GET and ended with DELETE");
    } else if (run->ending) {
        fail(answer, 409, "this run is being ended already");
    } else {
        answer->what = CONTROL_ANSWER_WHEN_ENDED;
        answer->run = run;
    }
}

static void write_scenario(struct json *json, const struct scenario *scenario)
{
    json_object(json);
    json_key_text(json, "id", scenario->id);
    json_key_text(json, "title", scenario->title);
    json_key_text(json, "family", scenario->family);
    json_key_text(json, "path", scenario->path);
    json_key_array(json, "transports");
    for (unsigned bit = 0; bit < TRANSPORT_COUNT; bit++) {
        if (scenario->transports & (1U << bit)) {
            json_text(json, transport_names[bit]);
        }
    }
    json_end_array(json);
    json_key_object(json, "params");
    for (size_t i = 0; i < scenario->param_count; i++) {
        json_key_object(json, scenario->params[i].name);
        json_key_int(json, "default", scenario->params[i].default_value);
        json_key_int(json, "min", scenario->params[i].min);
        json_key_int(json, "max", scenario->params[i].max);
        json_end_object(json);
    }
    json_end_object(json);
    json_end_object(json);
}

static void write_catalogue(const struct server *server, struct control_answer *answer)
{
    struct json json;
    answer->status = 200;
    json_init(&json, &answer->content);
    json_array(&json);
    for (size_t i = 0; i < server->catalogue.count; i++) {
        write_scenario(&json, server->catalogue.scenarios[i]);
    }
    json_end_array(&json);
    buf_append_str(&answer->content, "\n");
}

static void write_status(const struct server *server, struct control_answer *answer)
{
    struct json json;
    answer->status = 200;
    json_init(&json, &answer->content);
    json_object(&json);
    json_key_text(&json, "version", MOCKSERVER_VERSION);
    json_key_int(&json, "pid", getpid());
    json_key_ms(&json, "uptime_ms", clock_monotonic_ns() - server->started.monotonic_ns);
    json_key_ms(&json, "cpu_ms", host_cpu_ns());
    int64_t wait_ns = host_run_queue_wait_ns();
    if (wait_ns < 0) {
        json_key_null(&json, "run_queue_wait_ms");
    } else {
        json_key_ms(&json, "run_queue_wait_ms", wait_ns);
    }
    json_key_int(&json, "runs", (int64_t)run_count(server->runs));
    json_key_int(&json, "connections", (int64_t)server->connections);
    json_key_int(&json, "open_connections", (int64_t)server->conn_count);
    json_key_int(&json, "late_requests", (int64_t)run_late_requests(server->runs));
    json_key_bool(&json, "accepting", !listener_is_paused(server->listener));
    json_end_object(&json);
    buf_append_str(&answer->content, "\n");
}

static bool is_path(struct bytes target, const char *path)
{
    return bytes_equal_str(target, path);
}

void control_api_call(struct server *server, struct bytes head, struct bytes body,
                      struct control_answer *answer)
{
    static const char runs[] = "/runs/";
    struct bytes method, target, version, query = {0};
    h1_request_line(head, &method, &target, &version);
    *answer = (struct control_answer){.what = CONTROL_ANSWER_JSON};
    const char *mark = memchr(target.data, '?', target.len);
    if (mark) {
        query = bytes_of(mark + 1, (size_t)(target.data + target.len - mark - 1));
        target.len = (size_t)(mark - target.data);
    }
    bool is_get = bytes_equal_str(method, "GET");
    if (target.len > sizeof runs - 1 && memcmp(target.data, runs, sizeof runs - 1) == 0) {
        call_run(server, method,
                 bytes_of(target.data + sizeof runs - 1, target.len - (sizeof runs - 1)), query,
                 answer);
    } else if (is_path(target, "/runs") && bytes_equal_str(method, "POST")) {
        post_run(server, body, answer);
    } else if (is_path(target, "/catalogue") && is_get) {
        write_catalogue(server, answer);
    } else if (is_path(target, "/status") && is_get) {
        write_status(server, answer);
    } else if (is_path(target, "/runs") || is_path(target, "/catalogue") ||
               is_path(target, "/status")) {
        fail(answer, 405, "wrong method for this path");
    } else {
        fail(answer, 404, "there are /runs, /runs/<run>, /catalogue and /status");
    }
}
