/* SPDX-License-Identifier: MIT
 *
 * neon: one session per plan, its requests dispatched one after the other. Interim responses are
 * shown by releases from 0.33 on only.
 */
#include <ne_request.h>
#include <ne_session.h>
#include <ne_socket.h>
#include <ne_ssl.h>
#include <ne_uri.h>
#include <ne_utils.h>
#include <stdlib.h>
#include <string.h>

#include "adapterkit.h"

static int on_body(void *report, const char *octets, size_t length)
{
    kit_body(report, octets, length);
    return 0;
}

static const char *kind_of(int result, const char *words)
{
    /* NE_ERROR covers most failures; only its words tell them apart. */
    static const struct {
        const char *words, *kind;
    } known[] = {
        {"timed out", "timeout"},           {"onnection refused", "refused"},
        {"connection was closed", "closed"}, {"onnection reset", "closed"},
        {"Secure connection truncated", "closed"},
        {"truncated", "closed"},            {"SSL", "tls"},
        {"certificate", "tls"},             {"too long", "limit"},
        {"exceeded maximum", "limit"},      {"too many", "limit"},
        {"Could not parse", "protocol"},    {"nvalid", "protocol"},
        {"Unknown transfer-coding", "protocol"},
    };
    if (result == NE_TIMEOUT)
        return "timeout";
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strstr(words, known[i].words))
            return known[i].kind;
    return "other";
}

static void tell_failure(struct kit_report *report, int result, const char *words)
{
    static const char *const names[] = {"NE_OK",      "NE_ERROR",   "NE_LOOKUP", "NE_AUTH",
                                        "NE_PROXYAUTH", "NE_CONNECT", "NE_TIMEOUT", "NE_FAILED",
                                        "NE_RETRY",   "NE_REDIRECT"};
    kit_failed(report, kind_of(result, words), names[result], words);
}

static ne_request *new_request(ne_session *session, const struct kit_request *request,
                               const char *target, struct kit_report *report)
{
    ne_request *message = ne_request_create(session, request->method, target);
    for (size_t i = 0; i < request->n_fields; i++)
        ne_add_request_header(message, request->fields[i].name, request->fields[i].value);
    if (request->body)
        ne_set_request_body_buffer(message, request->body, request->body_length);
    if (request->expect_continue)
        ne_set_request_flag(message, NE_REQFLAG_EXPECT100, 1);
    ne_add_response_body_reader(message, ne_accept_always, on_body, report);
    return message;
}

static void send_request(ne_session *session, const struct kit_request *request)
{
    ne_uri uri = {0};
    if (ne_uri_parse(request->url, &uri) != 0)
        kit_die("%s: no URL", request->url);
    struct kit_report *report = kit_begin(request);
    if (request->timers.read_ms != KIT_UNSET)
        ne_set_read_timeout(session, (int)kit_seconds(request->timers.read_ms));
    ne_request *message = new_request(session, request, uri.path, report);
    int result = ne_request_dispatch(message);
    if (result == NE_OK) {
        const ne_status *status = ne_get_status(message);
        const char *name, *value;
        void *cursor = NULL;
        while ((cursor = ne_response_header_iterate(message, cursor, &name, &value)))
            kit_field(report, name, value);
        kit_response(report, status->code, status->reason_phrase);
        kit_ok(report);
    } else {
        kit_status_seen(report, ne_get_status(message)->code);
        tell_failure(report, result, ne_get_error(session));
    }
    ne_request_destroy(message);
    ne_uri_free(&uri);
}

static ne_session *new_session(const struct kit_plan *plan)
{
    const struct kit_request *first = &plan->requests[0];
    ne_uri uri = {0};
    if (ne_uri_parse(first->url, &uri) != 0)
        kit_die("%s: no URL", first->url);
    unsigned port = uri.port ? uri.port : ne_uri_defaultport(uri.scheme);
    ne_session *session = ne_session_create(uri.scheme, uri.host, port);
    ne_uri_free(&uri);
    if (first->timers.connect_ms != KIT_UNSET)
        ne_set_connect_timeout(session, (int)kit_seconds(first->timers.connect_ms));
    if (plan->proxy && ne_uri_parse(plan->proxy, &uri) == 0) {
        ne_session_proxy(session, uri.host, uri.port);
        ne_uri_free(&uri);
    }
    if (plan->ca_file) {
        ne_ssl_certificate *authority = ne_ssl_cert_read(plan->ca_file);
        if (!authority)
            kit_die("%s: no certificate", plan->ca_file);
        ne_ssl_trust_cert(session, authority);
        ne_ssl_cert_free(authority);
    }
    return session;
}

static void play(const struct kit_plan *plan)
{
    ne_session *session = new_session(plan);
    for (size_t i = 0; i < plan->n_requests; i++)
        send_request(session, &plan->requests[i]);
    ne_session_destroy(session);
}

int main(void)
{
    char version[32] = "";
    if (ne_sock_init() != 0)
        kit_die("no sockets");
    if (sscanf(ne_version_string(), "neon %31[0-9.]", version) != 1)
        kit_die("no version in %s", ne_version_string());
    struct kit_client client = {
        .name = "neon",
        .version = version,
        .stack = {{NULL, NULL}},
        .can = {.http = "1.1",
                .tls = true,
                .proxy = true,
                .timers = "connect_ms read_ms",
                .second_request = "pooled",
                .not_before = true,
                .expect_continue = true},
        .play = play,
    };
    return kit_main(&client);
}
