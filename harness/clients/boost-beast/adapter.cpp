/* SPDX-License-Identifier: MIT
 *
 * Boost.Beast: one tcp_stream and one buffer per plan, as in its client examples; the connection is
 * kept while the response says that it may be. Beast has no pool: that is its user's part.
 */
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/version.hpp>
#include <boost/version.hpp>

#include <chrono>
#include <cstring>
#include <string>

#include "adapterkit.h"

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

struct Connection {
    asio::io_context context;
    beast::tcp_stream stream{context};
    beast::flat_buffer buffer;
    bool open = false;

    /* Beast's timers hold for asynchronous operations only: each is started, then run to its end. */
    template <class Start> beast::error_code await(Start start)
    {
        beast::error_code result;
        start([&result](beast::error_code error, auto &&...) { result = error; });
        context.restart();
        context.run();
        return result;
    }

    void expire_after(long ms)
    {
        if (ms == KIT_UNSET)
            stream.expires_never();
        else
            stream.expires_after(std::chrono::milliseconds(ms));
    }

    void close()
    {
        beast::error_code ignored;
        stream.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
        stream.close();
        buffer.clear();
        open = false;
    }
};

struct Target {
    std::string host, port, path;

    explicit Target(const std::string &url)
    {
        size_t begin = url.find("//") + 2, slash = url.find('/', begin);
        std::string authority = url.substr(begin, slash - begin);
        size_t colon = authority.rfind(':');
        host = authority.substr(0, colon);
        port = colon == std::string::npos ? "80" : authority.substr(colon + 1);
        path = slash == std::string::npos ? "/" : url.substr(slash);
    }
};

static const char *kind_of(const beast::error_code &error)
{
    if (error == beast::error::timeout)
        return "timeout";
    if (error == asio::error::connection_refused)
        return "refused";
    if (error == http::error::end_of_stream || error == http::error::partial_message ||
        error == asio::error::eof || error == asio::error::connection_reset ||
        error == asio::error::broken_pipe)
        return "closed";
    if (error == http::error::header_limit || error == http::error::body_limit ||
        error == http::error::buffer_overflow)
        return "limit";
    return error.category() == make_error_code(http::error::bad_version).category() ? "protocol"
                                                                                     : "other";
}

static http::request<http::string_body> new_request(const kit_request &request, const Target &target)
{
    http::request<http::string_body> message;
    message.version(11);
    message.method_string(request.method);
    message.target(target.path);
    message.set(http::field::host, target.host + ":" + target.port);
    for (size_t i = 0; i < request.n_fields; i++)
        message.insert(request.fields[i].name, request.fields[i].value);
    if (request.body) {
        message.body().assign(request.body, request.body_length);
        message.prepare_payload();
    }
    return message;
}

static beast::error_code connect(Connection &connection, const Target &target, long timer_ms)
{
    asio::ip::tcp::resolver resolver(connection.context);
    beast::error_code error;
    auto found = resolver.resolve(target.host, target.port, error);
    if (error)
        return error;
    connection.expire_after(timer_ms);
    return connection.await([&](auto done) { connection.stream.async_connect(found, done); });
}

static beast::error_code exchange(Connection &connection, const kit_request &request,
                                  kit_report *report)
{
    Target target(request.url);
    beast::error_code error;
    if (!connection.open && (error = connect(connection, target, request.timers.connect_ms)))
        return error;
    connection.open = true;
    auto message = new_request(request, target);
    http::response_parser<http::string_body> parser;
    parser.skip(std::strcmp(request.method, "HEAD") == 0);
    connection.expire_after(request.timers.total_ms);
    error = connection.await([&](auto done) { http::async_write(connection.stream, message, done); });
    if (error)
        return error;
    error = connection.await([&](auto done) {
        http::async_read_header(connection.stream, connection.buffer, parser, done);
    });
    if (error)
        return error;
    for (const auto &field : parser.get())
        kit_field(report, std::string(field.name_string()).c_str(),
                  std::string(field.value()).c_str());
    kit_response(report, static_cast<int>(parser.get().result_int()),
                 std::string(parser.get().reason()).c_str());
    error = connection.await(
        [&](auto done) { http::async_read(connection.stream, connection.buffer, parser, done); });
    kit_body(report, parser.get().body().data(), parser.get().body().size());
    if (!error && !parser.keep_alive())
        connection.close();
    return error;
}

static void play(const kit_plan *plan)
{
    Connection connection;
    for (size_t i = 0; i < plan->n_requests; i++) {
        kit_report *report = kit_begin(&plan->requests[i]);
        beast::error_code error = exchange(connection, plan->requests[i], report);
        if (error) {
            kit_failed(report, kind_of(error),
                       (std::string(error.category().name()) + " " + std::to_string(error.value())).c_str(),
                       error.message().c_str());
            connection.close();
        } else {
            kit_ok(report);
        }
    }
}

int main()
{
    std::string boost = BOOST_LIB_VERSION; /* 1_74 */
    boost[boost.find('_')] = '.';
    boost += "." + std::to_string(BOOST_VERSION % 100);
    std::string beast_version = std::to_string(BOOST_BEAST_VERSION);
    kit_client client = {};
    client.name = "boost-beast";
    client.version = boost.c_str();
    client.stack[0] = {"beast", beast_version.c_str()};
    client.can.http = "1.1";
    client.can.timers = "connect_ms total_ms";
    client.can.second_request = "pooled";
    client.can.not_before = true;
    client.can.interim = "none";
    client.can.phases = true;
    client.play = play;
    return kit_main(&client);
}
