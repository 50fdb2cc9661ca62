/* SPDX-License-Identifier: MIT
 *
 * libevent's evhttp: one connection object per plan, which reconnects by itself.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <sys/queue.h>
#include <string.h>
#include <sys/time.h>

#include "adapterkit.h"

struct exchange {
    struct event_base *base;
    struct kit_report *report;
    const char *kind, *words; /* of a failure; NULL: none */
};

static void on_error(enum evhttp_request_error error, void *data)
{
    static const struct {
        const char *kind, *words;
    } known[] = {
        [EVREQ_HTTP_TIMEOUT] = {"timeout", "EVREQ_HTTP_TIMEOUT"},
        [EVREQ_HTTP_EOF] = {"closed", "EVREQ_HTTP_EOF"},
        [EVREQ_HTTP_INVALID_HEADER] = {"protocol", "EVREQ_HTTP_INVALID_HEADER"},
        [EVREQ_HTTP_BUFFER_ERROR] = {"closed", "EVREQ_HTTP_BUFFER_ERROR"},
        [EVREQ_HTTP_REQUEST_CANCEL] = {"other", "EVREQ_HTTP_REQUEST_CANCEL"},
        [EVREQ_HTTP_DATA_TOO_LONG] = {"limit", "EVREQ_HTTP_DATA_TOO_LONG"},
    };
    struct exchange *exchange = data;
    exchange->kind = known[error].kind;
    exchange->words = known[error].words;
}

static int on_head(struct evhttp_request *message, void *data)
{
    struct exchange *exchange = data;
    struct evkeyval *field;
    for (field = evhttp_request_get_input_headers(message)->tqh_first; field;
         field = field->next.tqe_next)
        kit_field(exchange->report, field->key, field->value);
    int status = evhttp_request_get_response_code(message);
    if (status == 100) /* the one head behind which this callback comes again */
        kit_interim(exchange->report, status);
    else
        kit_response(exchange->report, status, evhttp_request_get_response_code_line(message));
    return 0;
}

static void take_body(struct evhttp_request *message, void *data)
{
    struct exchange *exchange = data;
    struct evbuffer *body = evhttp_request_get_input_buffer(message);
    size_t length = evbuffer_get_length(body);
    if (length > 0)
        kit_body(exchange->report, evbuffer_pullup(body, -1), length);
    evbuffer_drain(body, length);
}

static void on_done(struct evhttp_request *message, void *data)
{
    struct exchange *exchange = data;
    if (message && evhttp_request_get_response_code(message) != 0)
        take_body(message, exchange);
    else if (!exchange->kind)
        exchange->kind = "refused", exchange->words = "no connection could be made";
    event_base_loopbreak(exchange->base);
}

static bool method_of(const char *name, enum evhttp_cmd_type *method)
{
    static const struct {
        const char *name;
        enum evhttp_cmd_type method;
    } known[] = {
        {"GET", EVHTTP_REQ_GET},       {"HEAD", EVHTTP_REQ_HEAD},   {"POST", EVHTTP_REQ_POST},
        {"PUT", EVHTTP_REQ_PUT},       {"PATCH", EVHTTP_REQ_PATCH}, {"DELETE", EVHTTP_REQ_DELETE},
        {"OPTIONS", EVHTTP_REQ_OPTIONS},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, name) == 0) {
            *method = known[i].method;
            return true;
        }
    return false;
}

static struct evhttp_request *new_request(struct exchange *exchange,
                                          const struct kit_request *request,
                                          const struct evhttp_uri *uri)
{
    struct evhttp_request *message = evhttp_request_new(on_done, exchange);
    struct evkeyvalq *fields = evhttp_request_get_output_headers(message);
    char authority[300];
    snprintf(authority, sizeof authority, "%s:%d", evhttp_uri_get_host(uri), evhttp_uri_get_port(uri));
    evhttp_add_header(fields, "Host", authority);
    for (size_t i = 0; i < request->n_fields; i++)
        evhttp_add_header(fields, request->fields[i].name, request->fields[i].value);
    if (request->body)
        evbuffer_add(evhttp_request_get_output_buffer(message), request->body, request->body_length);
    evhttp_request_set_header_cb(message, on_head);
    evhttp_request_set_error_cb(message, on_error);
    return message;
}

static void send_request(struct event_base *base, struct evhttp_connection *connection,
                         const struct kit_request *request)
{
    struct exchange exchange = {.base = base, .report = kit_begin(request)};
    struct evhttp_uri *uri = evhttp_uri_parse(request->url);
    enum evhttp_cmd_type method;
    if (!uri || !method_of(request->method, &method))
        kit_die("%s %s: no request", request->method, request->url);
    if (request->timers.read_ms != KIT_UNSET) {
        struct timeval timer = {request->timers.read_ms / 1000, request->timers.read_ms % 1000 * 1000};
        evhttp_connection_set_timeout_tv(connection, &timer);
    }
    struct evhttp_request *message = new_request(&exchange, request, uri);
    if (evhttp_make_request(connection, message, method, evhttp_uri_get_path(uri)) == 0)
        event_base_dispatch(base);
    else
        exchange.kind = "other", exchange.words = "evhttp_make_request";
    if (exchange.kind)
        kit_failed(exchange.report, exchange.kind, exchange.words, exchange.words);
    else
        kit_ok(exchange.report);
    evhttp_uri_free(uri);
}

static void play(const struct kit_plan *plan)
{
    struct event_base *base = event_base_new();
    struct evhttp_uri *uri = evhttp_uri_parse(plan->requests[0].url);
    struct evhttp_connection *connection = evhttp_connection_base_new(
        base, NULL, evhttp_uri_get_host(uri), (unsigned short)evhttp_uri_get_port(uri));
    for (size_t i = 0; i < plan->n_requests; i++)
        send_request(base, connection, &plan->requests[i]);
    evhttp_connection_free(connection);
    evhttp_uri_free(uri);
    event_base_free(base);
}

int main(void)
{
    struct kit_client client = {
        .name = "libevent",
        .version = event_get_version(),
        .can = {.http = "1.1",
                .timers = "read_ms",
                .second_request = "pooled",
                .not_before = true,
                .interim = "fields",
                .phases = true,
                .methods = "GET HEAD POST PUT DELETE OPTIONS"},
        .play = play,
    };
    return kit_main(&client);
}
