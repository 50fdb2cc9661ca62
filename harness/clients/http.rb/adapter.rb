# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# http.rb: HTTP.request with its defaults, or (variant `persistent`) one HTTP.persistent per plan.

require "http"
require "http-parser/version"
require_relative "../_ruby/adapter_kit"

PERSISTENT = ARGV.include?("--persistent")

def client(plan)
  uri = plan.requests.first.uri
  client = PERSISTENT ? HTTP.persistent("#{uri.scheme}://#{uri.host}:#{uri.port}") : HTTP
  client = client.via(plan.proxy.host, plan.proxy.port) if plan.proxy
  PERSISTENT ? timed(client, plan.requests.first) : client
end

# Gives another client, with no connection yet: one that is to keep its connection has its timers once.
def timed(client, request)
  limit = request.seconds("read_ms")
  # All of them, as its documentation does: those left out would be 0.25 s.
  limit ? client.timeout(connect: limit, write: limit, read: limit) : client
end

def tls(plan)
  return {} unless plan.ca_file

  context = OpenSSL::SSL::SSLContext.new
  context.set_params(ca_file: plan.ca_file)
  { ssl_context: context }
end

AdapterKit.main(
  client: "http.rb",
  version: HTTP::VERSION,
  stack: [{ name: "http-parser", version: HttpParser::VERSION }, AdapterKit.runtime],
  can: { tls: true, proxy: true, timers: %w[read_ms],
         second_request: PERSISTENT ? "pooled" : "new-connection", phases: true,
         body_stream: true, methods: AdapterKit::METHODS },
  kinds: [
    [HTTP::TimeoutError, "timeout"],
    [HTTP::ConnectionError, "closed?"],
    [HTTP::Redirector::TooManyRedirectsError, "limit"],
    [HTTP::ResponseError, "protocol?"]
  ]
) do |plan|
  client = client(plan)
  plan.each do |request, report|
    sender = PERSISTENT ? client : timed(client, request)
    response = sender.request(request.method.downcase.to_sym, request.url, headers: request.headers,
                              body: request.stream? ? request.body_io : request.body, **tls(plan))
    report.response(response.code, response.reason, response.headers.to_a)
    response.body.each { |piece| report.body(piece) }
    report.body(nil)
  end
ensure
  client.close if PERSISTENT && client
end
