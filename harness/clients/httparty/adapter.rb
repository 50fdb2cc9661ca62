# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# HTTParty: HTTParty.get and its kin, with the defaults of its class.

require "httparty"
require_relative "../_ruby/adapter_kit"

def options(plan, request)
  proxy = plan.proxy ? { http_proxyaddr: plan.proxy.host, http_proxyport: plan.proxy.port } : {}
  { headers: request.header_hash, body: request.body, ssl_ca_file: plan.ca_file,
    open_timeout: request.seconds("connect_ms"), read_timeout: request.seconds("read_ms") }
    .compact.merge(proxy)
end

AdapterKit.main(
  client: "httparty",
  version: HTTParty::VERSION,
  stack: [{ name: "net-http", version: Net::HTTP::VERSION }, AdapterKit.runtime],
  can: { tls: true, proxy: true, timers: %w[connect_ms read_ms], second_request: "new-connection",
         methods: %w[GET HEAD POST PUT PATCH DELETE OPTIONS COPY] },
  kinds: [[HTTParty::RedirectionTooDeep, "limit"]]
) do |plan|
  plan.each do |request, report|
    response = HTTParty.public_send(request.method.downcase, request.url, options(plan, request))
    report.response(response.code, response.message, response.headers.to_hash)
    report.body(response.body)
  end
end
