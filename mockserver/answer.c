/* SPDX-License-Identifier: MIT */
#include "answer.h"

#include <stdlib.h>
#include <string.h>

#include "h1_request.h"
#include "page.h"
#include "route.h"
#include "xmalloc.h"

/* The answer to what names the resource `probe` where the scenario has none of that name. */
static struct step probe_step = {
    .kind = STEP_RESPOND,
    .times = {.literal = 1, .param = -1},
    .every = {.param = -1},
    .u.respond = {.status = {.literal = 200, .param = -1},
                  .version = {"1.1", 3},
                  .length = {.param = -1},
                  .body = BODY_OWN,
                  .body_size = {.param = -1}},
};
static const struct script probe_script = {&probe_step, 1};

/* The answer to HTTP/1.0 where the script would send what RFC 9110 15.2 forbids. */
static struct field http10_field = {
    .name = {"Connection", 10}, .value = {"close", 5}, .pad = {.param = -1}};
static struct step http10_step = {
    .kind = STEP_RESPOND,
    .times = {.literal = 1, .param = -1},
    .every = {.param = -1},
    .u.respond = {.status = {.literal = 200, .param = -1},
                  .version = {"1.1", 3},
                  .fields = {&http10_field, 1},
                  .length = {.param = -1},
                  .body = BODY_OWN,
                  .body_size = {.param = -1}},
};
static const struct script http10_script = {&http10_step, 1};

const char answer_text_plain[] = "text/plain; charset=utf-8";
static const char text_html[] = "text/html; charset=utf-8";

/* The connection's own run, a run that was made, or one that this request makes by being sent. */
static struct run *find_run(struct conn *conn, const struct route *route, struct answer *answer)
{
    struct server *server = conn->server;
    struct run *run = run_find(server->runs, route->run, route->scenario);
    if (run && bytes_equal_str(route->scenario, run->scenario->id)) {
        return run;
    }
    if (run) {
        answer->status = 404;
        buf_printf(&answer->content, "Run %s belongs to scenario %s.\n", run->token,
                   run->scenario->id);
        return NULL;
    }
    if (run_late_request(server->runs, route->run)) {
        answer->status = 410;
        page_ended(route->run, &answer->content);
        return NULL;
    }
    const struct scenario *scenario = catalogue_find(&server->catalogue, route->scenario);
    if (!scenario) {
        answer->status = 404;
        page_not_found(&server->catalogue, route->scenario, &answer->content);
        return NULL;
    }
    if (!(scenario->transports & conn->transport_bit)) {
        answer->status = 404;
        buf_printf(&answer->content, "Scenario %s is not for the transport %s.\n", scenario->id,
                   transport_name((enum transport_bit)conn->transport_bit));
        return NULL;
    }
    struct run_spec spec = {.scenario = scenario,
                            .token = route->run,
                            .transport = (enum transport_bit)conn->transport_bit,
                            .origin = server->started,
                            .by_hand = true,
                            .keeps_nothing = server->options->no_transcripts};
    spec.origin.monotonic_ns = conn->accepted_ns;
    spec.origin.realtime_ns += conn->accepted_ns - server->started.monotonic_ns;
    enum run_error error;
    run = server_make_run(server, &spec, RUN_BY_HAND_LIFE_NS, &error);
    if (!run) {
        answer->status = error == RUN_BAD_TOKEN ? 404 : 503;
        buf_append_str(&answer->content,
                       error == RUN_BAD_TOKEN
                           ? "The name of a run is 1 to 64 letters, digits or . _ ~ -\n"
                           : "Too many runs.\n");
    }
    return run;
}

static void answer_with_script(struct answer *answer, const struct route *route, bool by_path)
{
    struct run *run = answer->run;
    const struct scenario *scenario = run->scenario;
    const struct resource *resource = NULL;
    if (by_path && route->resource.len > 0) {
        resource = scenario_resource(scenario, route->resource);
    }
    if (!resource && by_path && route->resource.len > 0 &&
        bytes_equal_str(route->resource, "probe")) {
        answer->resource = "probe";
        answer->script = &probe_script;
    } else {
        resource = resource ? resource : &scenario->resources[0];
        answer->resource = resource->name;
    }
    uint32_t *visits = &run->visits[run_resource_index(run, resource)];
    if (resource) {
        size_t visit = *visits < resource->visit_count ? *visits : resource->visit_count - 1;
        answer->script = &resource->visits[visit];
    }
    answer->visit = ++*visits;
}

/* On a leased port everything is the run's, but what names another run; the target of a request to
 * a proxy may name anything. */
static bool is_of_lease(const struct conn *conn, const struct route *route)
{
    const struct run *run = conn->run;
    bool named = bytes_equal_str(route->scenario, run->scenario->id) &&
                 bytes_equal_str(route->run, run->token);
    return named || !route->has_path || route->is_absolute;
}

void answer_find(struct conn *conn, const struct request_head *head, struct answer *answer)
{
    struct server *server = conn->server;
    struct route route = route_parse(head->target);
    *answer = (struct answer){.content_type = answer_text_plain};
    struct run *lease = conn->is_leased && conn->run && !conn->run->ended ? conn->run : NULL;
    if (lease && is_of_lease(conn, &route)) {
        answer->run = lease;
    } else if (route.scenario.len == 0 && route.has_path) {
        answer->run = lease;
        answer->status = 200;
        answer->content_type = text_html;
        page_catalogue(&server->catalogue, &answer->content);
    } else if (route.scenario.len > 0 && route.run.len == 0 &&
               catalogue_find(&server->catalogue, route.scenario)) {
        answer->run = lease;
        answer->status = 200;
        answer->content_type = text_html;
        page_scenario(catalogue_find(&server->catalogue, route.scenario),
                      run_transport_is_tls((enum transport_bit)conn->transport_bit),
                      h1_request_field(head->raw, "Host"), &answer->content);
    } else if (route.scenario.len == 0) {
        answer->status = 400;
        buf_append_str(&answer->content, "This target is only for the port of a run.\n");
    } else {
        answer->run = find_run(conn, &route, answer);
    }
    if (answer->status != 0) {
        answer->run = answer->run ? answer->run : lease;
        return;
    }
    char *message = NULL;
    if (answer->run->by_hand && route.query.len > 0) {
        answer->params = xcalloc(answer->run->scenario->param_count + 1, sizeof *answer->params);
        if (!run_params_from_query(answer->run->scenario, route.query, answer->run->params,
                                   answer->params, &message)) {
            answer->status = 400;
            buf_printf(&answer->content, "%s\n", message);
            free(message);
            return;
        }
    }
    bool by_path = route.scenario.len > 0 && route.run.len > 0 &&
                   bytes_equal_str(route.run, answer->run->token);
    answer_with_script(answer, &route, by_path);
}

static bool sends_interim_or_raw(const struct script *script, const int64_t *params)
{
    for (size_t i = 0; i < script->count; i++) {
        const struct step *step = &script->steps[i];
        if (step->kind == STEP_SEND) {
            return true;
        }
        if (step->kind == STEP_RESPOND && int_value_of(step->u.respond.status, params) < 200) {
            return true;
        }
    }
    return false;
}

bool answer_is_not_for_http10(struct answer *answer, const int64_t *params)
{
    if (!sends_interim_or_raw(answer->script, params)) {
        return false;
    }
    answer->script = &http10_script;
    return true;
}
