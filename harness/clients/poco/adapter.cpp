/* SPDX-License-Identifier: MIT
 *
 * POCO: one HTTPClientSession (or HTTPSClientSession) per plan. With --keep-alive it keeps its
 * connection.
 */
#include <Poco/Environment.h>
#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SSLException.h>
#include <Poco/Timespan.h>
#include <Poco/URI.h>

#include <cstring>
#include <memory>

#include "adapterkit.h"

using namespace Poco::Net;

static bool keep_alive;

static const char *kind_of(const Poco::Exception &error)
{
    if (dynamic_cast<const Poco::TimeoutException *>(&error))
        return "timeout";
    if (dynamic_cast<const ConnectionRefusedException *>(&error))
        return "refused";
    if (dynamic_cast<const NoMessageException *>(&error) ||
        dynamic_cast<const ConnectionResetException *>(&error) ||
        dynamic_cast<const ConnectionAbortedException *>(&error))
        return "closed";
    if (dynamic_cast<const SSLException *>(&error))
        return "tls";
    if (dynamic_cast<const MessageException *>(&error) ||
        dynamic_cast<const HTTPException *>(&error) ||
        dynamic_cast<const Poco::SyntaxException *>(&error))
        return "protocol";
    return "other";
}

/* A session has its three timers set at once; one that is not asked for keeps the default. */
static Poco::Timespan span(long ms, const HTTPClientSession &session)
{
    return ms == KIT_UNSET ? session.getTimeout() : Poco::Timespan(ms * Poco::Timespan::MILLISECONDS);
}

static void exchange(HTTPClientSession &session, const kit_request &request, kit_report *report)
{
    HTTPRequest message(request.method, Poco::URI(request.url).getPathEtc(), HTTPMessage::HTTP_1_1);
    HTTPResponse response;
    for (size_t i = 0; i < request.n_fields; i++)
        message.add(request.fields[i].name, request.fields[i].value);
    if (request.body)
        message.setContentLength64(static_cast<Poco::Int64>(request.body_length));
    message.setExpectContinue(request.expect_continue);
    std::ostream &out = session.sendRequest(message);
    if (!request.expect_continue || session.peekResponse(response))
        out.write(request.body, static_cast<std::streamsize>(request.body_length));
    std::istream &in = session.receiveResponse(response);
    for (const auto &[name, value] : response)
        kit_field(report, name.c_str(), value.c_str());
    kit_response(report, response.getStatus(), response.getReason().c_str());
    char octets[16384];
    while (in.read(octets, sizeof octets), in.gcount() > 0)
        kit_body(report, octets, static_cast<size_t>(in.gcount()));
    if (session.networkException())
        session.networkException()->rethrow();
}

static void send_request(HTTPClientSession &session, const kit_request &request)
{
    kit_report *report = kit_begin(&request);
    const kit_timers &timers = request.timers;
    session.setTimeout(span(timers.connect_ms, session), session.getTimeout(),
                       span(timers.read_ms, session));
    try {
        exchange(session, request, report);
        kit_ok(report);
    } catch (const Poco::Exception &error) {
        kit_failed(report, kind_of(error), error.className(), error.displayText().c_str());
        session.reset();
    }
}

static void play(const kit_plan *plan)
{
    Poco::URI uri(plan->requests[0].url);
    std::unique_ptr<HTTPClientSession> session;
    if (uri.getScheme() == "https") {
        Context::Ptr context = new Context(Context::TLS_CLIENT_USE, plan->ca_file ? plan->ca_file : "",
                                           Context::VERIFY_RELAXED, 9, plan->ca_file == nullptr);
        session = std::make_unique<HTTPSClientSession>(uri.getHost(), uri.getPort(), context);
    } else {
        session = std::make_unique<HTTPClientSession>(uri.getHost(), uri.getPort());
    }
    if (plan->proxy) {
        Poco::URI proxy(plan->proxy);
        session->setProxy(proxy.getHost(), proxy.getPort());
    }
    if (keep_alive)
        session->setKeepAlive(true);
    for (size_t i = 0; i < plan->n_requests; i++)
        send_request(*session, plan->requests[i]);
}

int main(int argc, char **argv)
{
    keep_alive = argc > 1 && std::strcmp(argv[1], "--keep-alive") == 0;
    char version[32];
    Poco::UInt32 number = Poco::Environment::libraryVersion();
    snprintf(version, sizeof version, "%u.%u.%u", number >> 24, number >> 16 & 255, number >> 8 & 255);
    kit_client client = {};
    client.name = "poco";
    client.version = version;
    client.can.http = "1.1";
    client.can.tls = true;
    client.can.proxy = true;
    client.can.timers = "connect_ms read_ms";
    client.can.second_request = keep_alive ? "pooled" : "new-connection";
    client.can.not_before = true;
    client.can.interim = "none";
    client.can.phases = true;
    client.can.expect_continue = true;
    client.play = play;
    return kit_main(&client);
}
