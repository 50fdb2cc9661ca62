# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# Net::HTTP: one connection object per plan, #start and #request.

require "net/http"
require_relative "../_ruby/adapter_kit"

CONTINUE_TIMEOUT = 1 # seconds; without one Net::HTTP sends the content without waiting

def connection(plan)
  uri = plan.requests.first.uri
  proxy = plan.proxy ? [plan.proxy.host, plan.proxy.port] : []
  http = Net::HTTP.new(uri.host, uri.port, *proxy)
  http.use_ssl = uri.scheme == "https"
  http.ca_file = plan.ca_file if plan.ca_file
  http
end

def set_timers(http, request)
  http.open_timeout = request.seconds("connect_ms") if request.seconds("connect_ms")
  http.read_timeout = request.seconds("read_ms") if request.seconds("read_ms")
  http.continue_timeout = CONTINUE_TIMEOUT if request.expect_continue?
end

def message(request)
  has_content = !request.body.nil?
  message = Net::HTTPGenericRequest.new(request.method, has_content, request.method != "HEAD",
                                        request.uri.request_uri)
  request.headers.each { |name, value| message.add_field(name, value) }
  message["Expect"] = "100-continue" if request.expect_continue?
  if request.stream?
    message.body_stream = request.body_io
    message.content_length = request.body.bytesize
  elsif has_content
    message.body = request.body
  end
  message
end

AdapterKit.main(
  client: "ruby-net-http",
  version: Net::HTTP::VERSION,
  stack: [AdapterKit.runtime, { name: "openssl", version: OpenSSL::OPENSSL_LIBRARY_VERSION[/[\d.]+\w*/] }],
  can: { tls: true, proxy: true, timers: %w[connect_ms read_ms], second_request: "pooled",
         expect_continue: true, body_stream: true }
) do |plan|
  http = connection(plan)
  plan.each do |request, report|
    set_timers(http, request)
    http.start unless http.started?
    response = http.request(message(request))
    report.response(response.code, response.message, response.to_hash)
    report.body(response.body)
  end
ensure
  http.finish if http&.started?
end
