/* SPDX-License-Identifier: MIT
 *
 * libsoup 3: one SoupSession per plan, used by its blocking calls. With --http2 HTTP/2 and nothing else.
 */
#include <libsoup/soup.h>
#include <stdlib.h>
#include <string.h>

#include "adapterkit.h"

static const char *kind_of(const GError *error)
{
    if (error->domain == G_IO_ERROR) {
        switch (error->code) {
        case G_IO_ERROR_TIMED_OUT:
            return "timeout";
        case G_IO_ERROR_CONNECTION_REFUSED:
            return "refused";
        case G_IO_ERROR_PARTIAL_INPUT:
        case G_IO_ERROR_CONNECTION_CLOSED: /* also BROKEN_PIPE */
            return "closed";
        case G_IO_ERROR_INVALID_DATA:
            return "protocol";
        default:
            return "other";
        }
    }
    if (error->domain == G_TLS_ERROR)
        return "tls";
    if (error->domain == SOUP_SESSION_ERROR) {
        switch (error->code) {
        case SOUP_SESSION_ERROR_PARSING:
        case SOUP_SESSION_ERROR_ENCODING:
            return "protocol";
        case SOUP_SESSION_ERROR_TOO_MANY_REDIRECTS:
        case SOUP_SESSION_ERROR_TOO_MANY_RESTARTS:
            return "limit";
        default:
            return "other";
        }
    }
    return "other";
}

static void tell_failure(struct kit_report *report, GError *error)
{
    char type[64];
    snprintf(type, sizeof type, "%s %d", g_quark_to_string(error->domain), error->code);
    kit_failed(report, kind_of(error), type, error->message);
    g_error_free(error);
}

static void add_field(const char *name, const char *value, gpointer report)
{
    kit_field(report, name, value);
}

static void on_informational(SoupMessage *message, gpointer report)
{
    soup_message_headers_foreach(soup_message_get_response_headers(message), add_field, report);
    kit_interim(report, (int)soup_message_get_status(message));
}

static SoupMessage *new_message(const struct kit_request *request)
{
    SoupMessage *message = soup_message_new(request->method, request->url);
    SoupMessageHeaders *fields = soup_message_get_request_headers(message);
    for (size_t i = 0; i < request->n_fields; i++)
        soup_message_headers_append(fields, request->fields[i].name, request->fields[i].value);
    if (request->expect_continue)
        soup_message_headers_set_expectations(fields, SOUP_EXPECTATION_CONTINUE);
    if (request->body) {
        GBytes *body = g_bytes_new(request->body, request->body_length);
        soup_message_set_request_body_from_bytes(message, kit_find_field(request, "Content-Type"),
                                                 body);
        g_bytes_unref(body);
    }
    return message;
}

static void send_request(SoupSession *session, const struct kit_request *request)
{
    struct kit_report *report = kit_begin(request);
    SoupMessage *message = new_message(request);
    GError *error = NULL;
    if (request->timers.read_ms != KIT_UNSET)
        soup_session_set_timeout(session, (guint)kit_seconds(request->timers.read_ms));
    g_signal_connect(message, "got-informational", G_CALLBACK(on_informational), report);
    GInputStream *stream = soup_session_send(session, message, NULL, &error);
    if (stream) {
        char octets[16384];
        gssize n;
        soup_message_headers_foreach(soup_message_get_response_headers(message), add_field, report);
        kit_response(report, (int)soup_message_get_status(message),
                     soup_message_get_reason_phrase(message));
        while ((n = g_input_stream_read(stream, octets, sizeof octets, NULL, &error)) > 0)
            kit_body(report, octets, (size_t)n);
        g_input_stream_close(stream, NULL, NULL);
        g_object_unref(stream);
    }
    if (error)
        tell_failure(report, error);
    else
        kit_ok(report);
    g_object_unref(message);
}

static SoupSession *new_session(const struct kit_plan *plan)
{
    SoupSession *session = soup_session_new();
    GError *error = NULL;
    if (plan->ca_file) {
        GTlsDatabase *authorities = g_tls_file_database_new(plan->ca_file, &error);
        if (!authorities)
            kit_die("%s: %s", plan->ca_file, error->message);
        soup_session_set_tls_database(session, authorities);
        g_object_unref(authorities);
    }
    if (plan->proxy) {
        GProxyResolver *proxies = g_simple_proxy_resolver_new(plan->proxy, NULL);
        soup_session_set_proxy_resolver(session, proxies);
        g_object_unref(proxies);
    }
    return session;
}

static void play(const struct kit_plan *plan)
{
    /* The only switch that 3.2 has; releases from 3.4 on have one for each message. */
    if (strcmp(plan->http, "1.1") == 0)
        setenv("SOUP_FORCE_HTTP1", "1", 1);
    else
        unsetenv("SOUP_FORCE_HTTP1");
    SoupSession *session = new_session(plan);
    for (size_t i = 0; i < plan->n_requests; i++)
        send_request(session, &plan->requests[i]);
    soup_session_abort(session);
    g_object_unref(session);
}

int main(int argc, char **argv)
{
    bool http2 = argc > 1 && strcmp(argv[1], "--http2") == 0;
    char version[32], glib[32];
    snprintf(version, sizeof version, "%u.%u.%u", soup_get_major_version(),
             soup_get_minor_version(), soup_get_micro_version());
    snprintf(glib, sizeof glib, "%u.%u.%u", glib_major_version, glib_minor_version,
             glib_micro_version);
    struct kit_client client = {
        .name = "libsoup3",
        .version = version,
        .stack = {{"glib", glib}},
        .no_h2c = true,
        .can = {.http = http2 ? "2" : "1.1",
                .tls = true,
                .proxy = true,
                .timers = "read_ms",
                .second_request = "pooled",
                .not_before = true,
                .interim = "fields",
                .phases = !http2,
                .expect_continue = true},
        .play = play,
    };
    return kit_main(&client);
}
