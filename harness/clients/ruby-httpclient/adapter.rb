# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# httpclient: one HTTPClient per plan, #request.

require "httpclient"
require_relative "../_ruby/adapter_kit"

def set_timers(client, request)
  client.connect_timeout = request.seconds("connect_ms") if request.seconds("connect_ms")
  client.receive_timeout = request.seconds("read_ms") if request.seconds("read_ms")
end

AdapterKit.main(
  client: "ruby-httpclient",
  version: HTTPClient::VERSION,
  stack: [AdapterKit.runtime],
  can: { tls: true, timers: %w[connect_ms read_ms], second_request: "pooled",
         body_stream: true },
  kinds: [
    [HTTPClient::TimeoutError, "timeout"],
    [HTTPClient::KeepAliveDisconnected, "closed?"],
    [HTTPClient::BadResponseError, "protocol?"]
  ]
) do |plan|
  client = HTTPClient.new
  client.ssl_config.set_trust_ca(plan.ca_file) if plan.ca_file
  plan.each do |request, report|
    set_timers(client, request)
    response = client.request(request.method, request.url, nil,
                              request.stream? ? request.body_io : request.body, request.headers)
    report.response(response.status, response.reason, response.header.all)
    report.body(response.content)
  end
  client.reset_all
end
