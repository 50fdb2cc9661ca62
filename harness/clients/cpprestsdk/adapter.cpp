/* SPDX-License-Identifier: MIT
 *
 * C++ REST SDK: one http_client per plan.
 */
#include <cpprest/http_client.h>
#include <cpprest/rawptrstream.h>
#include <cpprest/version.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>

#include "adapterkit.h"

using web::http::client::http_client;
using web::http::client::http_client_config;

static const char *kind_of(const web::http::http_exception &error)
{
    const std::error_code &code = error.error_code();
    if (code == std::errc::timed_out)
        return "timeout";
    if (code == std::errc::host_unreachable || code == std::errc::connection_refused)
        return "refused";
    if (code == std::errc::connection_aborted || code == std::errc::connection_reset ||
        std::strstr(error.what(), "closed") || std::strstr(error.what(), "End of file"))
        return "closed";
    if (std::strstr(error.what(), "parsing") || std::strstr(error.what(), "invalid"))
        return "protocol";
    return "other";
}

static web::http::http_request new_request(const kit_request &request)
{
    web::http::http_request message(request.method);
    message.set_request_uri(web::uri(request.url).resource());
    for (size_t i = 0; i < request.n_fields; i++)
        message.headers().add(request.fields[i].name, request.fields[i].value);
    if (request.body) {
        const char *type = kit_find_field(&request, "Content-Type");
        std::vector<unsigned char> octets(request.body, request.body + request.body_length);
        message.set_body(octets);
        if (type)
            message.headers().set_content_type(type);
    }
    return message;
}

static void send_request(http_client &client, const kit_request &request)
{
    kit_report *report = kit_begin(&request);
    try {
        web::http::http_response response = client.request(new_request(request)).get();
        for (const auto &[name, value] : response.headers())
            kit_field(report, name.c_str(), value.c_str());
        kit_response(report, response.status_code(), response.reason_phrase().c_str());
        concurrency::streams::istream body = response.body();
        unsigned char octets[16384];
        size_t n;
        do {
            concurrency::streams::rawptr_buffer<unsigned char> into(octets, sizeof octets, std::ios::out);
            n = body.read(into, sizeof octets).get();
            kit_body(report, octets, n);
        } while (n > 0);
        kit_ok(report);
    } catch (const web::http::http_exception &error) {
        kit_failed(report, kind_of(error), "web::http::http_exception", error.what());
    }
}

static void play(const kit_plan *plan)
{
    const kit_request &first = plan->requests[0];
    http_client_config config;
    if (first.timers.read_ms != KIT_UNSET)
        config.set_timeout(std::chrono::milliseconds(first.timers.read_ms));
    if (plan->proxy)
        config.set_proxy(web::web_proxy(plan->proxy));
    http_client client(web::uri(first.url).authority(), config);
    for (size_t i = 0; i < plan->n_requests; i++)
        send_request(client, plan->requests[i]);
}

int main()
{
    std::string version = std::to_string(CPPREST_VERSION_MAJOR) + "." +
                          std::to_string(CPPREST_VERSION_MINOR) + "." +
                          std::to_string(CPPREST_VERSION_REVISION);
    kit_client client = {};
    client.name = "cpprestsdk";
    client.version = version.c_str();
    client.can.http = "1.1";
    client.can.proxy = true;
    client.can.timers = "read_ms";
    client.can.second_request = "pooled";
    client.can.not_before = true;
    client.can.interim = "none";
    client.can.phases = true;
    client.play = play;
    return kit_main(&client);
}
