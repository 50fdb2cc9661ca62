# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# async-http: one Async::HTTP::Client per plan, #call, inside one reactor.

require "async"
require "async/http/client"
require "async/http/endpoint"
require "async/http/version"
require "protocol/http1/version"
require "protocol/http2/version"
require_relative "../_ruby/adapter_kit"

PROTOCOLS = { "1.1" => Async::HTTP::Protocol::HTTP11, "2" => Async::HTTP::Protocol::HTTP2 }.freeze

def tls(plan)
  return {} unless plan.ca_file

  context = OpenSSL::SSL::SSLContext.new
  context.set_params(ca_file: plan.ca_file)
  context.alpn_protocols = PROTOCOLS.fetch(plan.http).names
  { ssl_context: context }
end

def message(endpoint, request)
  Protocol::HTTP::Request.new(endpoint.scheme, endpoint.authority, request.method,
                              request.uri.request_uri, nil, Protocol::HTTP::Headers[request.headers],
                              Protocol::HTTP::Body::Buffered.wrap(request.body))
end

def exchange(client, endpoint, request, report)
  response = client.call(message(endpoint, request))
  report.response(response.status, nil, response.headers.fields)
  response.each { |piece| report.body(piece) }
  report.body(nil)
ensure
  response&.close
end

def exchange_in_time(task, client, endpoint, request, report)
  limit = request.seconds("total_ms")
  return exchange(client, endpoint, request, report) unless limit

  task.with_timeout(limit) { exchange(client, endpoint, request, report) }
end

AdapterKit.main(
  client: "async-http",
  version: Async::HTTP::VERSION,
  stack: [{ name: "protocol-http1", version: Protocol::HTTP1::VERSION },
          { name: "protocol-http2", version: Protocol::HTTP2::VERSION }, AdapterKit.runtime],
  can: { http: ["1.1", "2"], tls: true, timers: %w[total_ms], second_request: "pooled", concurrent: true,
         phases: true },
  kinds: [
    [Async::TimeoutError, "timeout"],
    [Protocol::HTTP::Error, "protocol"]
  ]
) do |plan|
  Async do |task|
    endpoint = Async::HTTP::Endpoint.parse(plan.requests.first.url, **tls(plan),
                                           protocol: PROTOCOLS.fetch(plan.http))
    client = Async::HTTP::Client.new(endpoint)
    running = []
    plan.requests.each do |request|
      running.each(&:wait).clear unless request.with_previous?
      task.sleep(plan.wait_before(request))
      report = plan.report_of(request)
      running << task.async { |own| report.during { exchange_in_time(own, client, endpoint, request, report) } }
    end
    running.each(&:wait)
  ensure
    client&.close
  end
end
