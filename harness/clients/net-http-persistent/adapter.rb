# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# net-http-persistent: one Net::HTTP::Persistent per plan, #request.

require "net/http/persistent"
require_relative "../_ruby/adapter_kit"

def set_timers(http, request)
  http.open_timeout = request.seconds("connect_ms") if request.seconds("connect_ms")
  http.read_timeout = request.seconds("read_ms") if request.seconds("read_ms")
end

def message(request)
  message = Net::HTTPGenericRequest.new(request.method, !request.body.nil?, request.method != "HEAD",
                                        request.uri.request_uri)
  request.headers.each { |name, value| message.add_field(name, value) }
  if request.stream?
    message.body_stream = request.body_io
    message.content_length = request.body.bytesize
  else
    message.body = request.body
  end
  message
end

AdapterKit.main(
  client: "net-http-persistent",
  version: Net::HTTP::Persistent::VERSION,
  stack: [{ name: "net-http", version: Net::HTTP::VERSION }, AdapterKit.runtime],
  can: { tls: true, proxy: true, timers: %w[connect_ms read_ms], second_request: "pooled",
         body_stream: true },
  kinds: [[Net::HTTP::Persistent::Error, "closed?"]]
) do |plan|
  http = Net::HTTP::Persistent.new(proxy: plan.proxy)
  http.ca_file = plan.ca_file if plan.ca_file
  plan.each do |request, report|
    set_timers(http, request)
    response = http.request(request.uri, message(request))
    report.response(response.code, response.message, response.to_hash)
    report.body(response.body)
  end
  http.shutdown
end
