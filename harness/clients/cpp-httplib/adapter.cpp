/* SPDX-License-Identifier: MIT
 *
 * cpp-httplib: one Client per plan. With --keep-alive it keeps its connection.
 */
#include <httplib.h>

#include <csignal>
#include <cstring>
#include <string>

#include "adapterkit.h"

static bool keep_alive;

static const char *kind_of(httplib::Error error)
{
    switch (error) {
    case httplib::Error::ConnectionTimeout:
        return "timeout";
    case httplib::Error::Connection:
        return "refused";
    case httplib::Error::ExceedRedirectCount:
        return "limit";
    case httplib::Error::SSLConnection:
    case httplib::Error::SSLLoadingCerts:
    case httplib::Error::SSLServerVerification:
        return "tls";
    default: /* Read is a timeout, a closed connection and a malformed answer alike */
        return "other";
    }
}

static httplib::Request new_request(const kit_request &request)
{
    httplib::Request message;
    const char *path = std::strchr(std::strstr(request.url, "//") + 2, '/');
    message.method = request.method;
    message.path = path ? path : "/";
    for (size_t i = 0; i < request.n_fields; i++)
        message.headers.emplace(request.fields[i].name, request.fields[i].value);
    if (request.expect_continue)
        message.headers.emplace("Expect", "100-continue");
    if (request.body)
        message.body.assign(request.body, request.body_length);
    return message;
}

static void send_request(httplib::Client &client, const kit_request &request)
{
    kit_report *report = kit_begin(&request);
    if (request.timers.read_ms != KIT_UNSET)
        client.set_read_timeout(std::chrono::milliseconds(request.timers.read_ms));
    httplib::Result result = client.send(new_request(request));
    if (!result) {
        std::string words = httplib::to_string(result.error());
        kit_failed(report, kind_of(result.error()), ("httplib::Error::" + words).c_str(), words.c_str());
        return;
    }
    for (const auto &[name, value] : result->headers)
        kit_field(report, name.c_str(), value.c_str());
    kit_response(report, result->status, result->reason.c_str());
    kit_body(report, result->body.data(), result->body.size());
    kit_ok(report);
}

static void play(const kit_plan *plan)
{
    const kit_request &first = plan->requests[0];
    const char *path = std::strchr(std::strstr(first.url, "//") + 2, '/');
    httplib::Client client(path ? std::string(first.url, path) : std::string(first.url));
    if (first.timers.connect_ms != KIT_UNSET)
        client.set_connection_timeout(std::chrono::milliseconds(first.timers.connect_ms));
    /* README, "SSL Support": over TLS a program that must not be ended by SIGPIPE ignores it itself. */
    std::signal(SIGPIPE, std::strncmp(first.url, "https:", 6) == 0 ? SIG_IGN : SIG_DFL);
    if (plan->ca_file)
        client.set_ca_cert_path(plan->ca_file);
    client.set_keep_alive(keep_alive);
    for (size_t i = 0; i < plan->n_requests; i++)
        send_request(client, plan->requests[i]);
}

int main(int argc, char **argv)
{
    keep_alive = argc > 1 && std::strcmp(argv[1], "--keep-alive") == 0;
    kit_client client = {};
    client.name = "cpp-httplib";
    client.version = CPPHTTPLIB_VERSION;
    client.can.http = "1.1";
    client.can.tls = true;
    client.can.timers = "connect_ms read_ms";
    client.can.second_request = keep_alive ? "pooled" : "new-connection";
    client.can.not_before = true;
    client.can.interim = "none";
    client.play = play;
    return kit_main(&client);
}
