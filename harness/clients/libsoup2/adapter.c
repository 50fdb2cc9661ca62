/* SPDX-License-Identifier: MIT
 *
 * libsoup 2.4: one SoupSession per plan, used by its blocking calls.
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
    if (error->domain == SOUP_HTTP_ERROR) {
        switch (error->code) {
        case SOUP_STATUS_MALFORMED:
            return "protocol";
        case SOUP_STATUS_SSL_FAILED:
            return "tls";
        case SOUP_STATUS_TOO_MANY_REDIRECTS:
            return "limit";
        case SOUP_STATUS_IO_ERROR:
            return "closed";
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
    soup_message_headers_foreach(message->response_headers, add_field, report);
    kit_interim(report, (int)message->status_code);
}

static SoupMessage *new_message(const struct kit_request *request)
{
    SoupMessage *message = soup_message_new(request->method, request->url);
    SoupMessageHeaders *fields = message->request_headers;
    for (size_t i = 0; i < request->n_fields; i++)
        soup_message_headers_append(fields, request->fields[i].name, request->fields[i].value);
    if (request->expect_continue)
        soup_message_headers_set_expectations(fields, SOUP_EXPECTATION_CONTINUE);
    if (request->body) {
        soup_message_set_request(message, kit_find_field(request, "Content-Type"), SOUP_MEMORY_COPY,
                                 request->body, request->body_length);
    }
    return message;
}

static void send_request(SoupSession *session, const struct kit_request *request)
{
    struct kit_report *report = kit_begin(request);
    SoupMessage *message = new_message(request);
    GError *error = NULL;
    if (request->timers.read_ms != KIT_UNSET)
        g_object_set(session, SOUP_SESSION_TIMEOUT, (guint)kit_seconds(request->timers.read_ms), NULL);
    g_signal_connect(message, "got-informational", G_CALLBACK(on_informational), report);
    GInputStream *stream = soup_session_send(session, message, NULL, &error);
    if (stream) {
        char octets[16384];
        gssize n;
        soup_message_headers_foreach(message->response_headers, add_field, report);
        kit_response(report, (int)message->status_code,
                     message->reason_phrase);
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
        g_object_set(session, SOUP_SESSION_TLS_DATABASE, authorities, NULL);
        g_object_unref(authorities);
    }
    if (plan->proxy) {
        GProxyResolver *proxies = g_simple_proxy_resolver_new(plan->proxy, NULL);
        g_object_set(session, SOUP_SESSION_PROXY_RESOLVER, proxies, NULL);
        g_object_unref(proxies);
    }
    return session;
}

static void play(const struct kit_plan *plan)
{
    SoupSession *session = new_session(plan);
    for (size_t i = 0; i < plan->n_requests; i++)
        send_request(session, &plan->requests[i]);
    soup_session_abort(session);
    g_object_unref(session);
}

int main(void)
{
    char version[32], glib[32];
    snprintf(version, sizeof version, "%u.%u.%u", soup_get_major_version(),
             soup_get_minor_version(), soup_get_micro_version());
    snprintf(glib, sizeof glib, "%u.%u.%u", glib_major_version, glib_minor_version,
             glib_micro_version);
    struct kit_client client = {
        .name = "libsoup2",
        .version = version,
        .stack = {{"glib", glib}},
        .can = {.http = "1.1",
                .tls = true,
                .proxy = true,
                .timers = "read_ms",
                .second_request = "pooled",
                .not_before = true,
                .interim = "fields",
                .phases = true,
                .expect_continue = true},
        .play = play,
    };
    return kit_main(&client);
}
