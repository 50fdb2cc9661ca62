# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# Faraday: one Faraday.new per plan with its default adapter, #run_request.

require "faraday"
require_relative "../_ruby/adapter_kit"

LAYERS = {
  net_http: -> { { name: "net-http", version: Net::HTTP::VERSION } },
  net_http_persistent: lambda {
    require "net/http/persistent"
    { name: "net-http-persistent", version: Net::HTTP::Persistent::VERSION }
  }
}.freeze
BACKEND = (ARGV.first || Faraday.default_adapter).to_sym

def timers(request)
  { open_timeout: request.seconds("connect_ms"), timeout: request.seconds("read_ms") }.compact
end

AdapterKit.main(
  client: "faraday",
  version: Faraday::VERSION,
  stack: [LAYERS.fetch(BACKEND).call, AdapterKit.runtime],
  can: { tls: true, proxy: true, timers: %w[connect_ms read_ms],
         second_request: BACKEND == :net_http ? "new-connection" : "pooled",
         methods: %w[GET HEAD POST PUT PATCH DELETE OPTIONS] },
  kinds: [
    [Faraday::TimeoutError, "timeout"],
    [Faraday::SSLError, "tls"],
    [Faraday::ConnectionFailed, "closed?"]
  ]
) do |plan|
  connection = Faraday.new(ssl: { ca_file: plan.ca_file }.compact, proxy: plan.proxy) do |builder|
    builder.adapter(BACKEND)
  end
  plan.each do |request, report|
    response = connection.run_request(request.method.downcase.to_sym, request.url, request.body,
                                      request.header_hash) do |message|
      message.options.update(timers(request))
    end
    report.response(response.status, response.reason_phrase, response.headers)
    report.body(response.body)
  end
  connection.close
end
