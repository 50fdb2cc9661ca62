# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# rest-client: RestClient::Request.execute.

require "rest-client"
require_relative "../_ruby/adapter_kit"

def options(plan, request)
  { method: request.method.downcase.to_sym, url: request.url, headers: request.header_hash,
    payload: request.body, ssl_ca_file: plan.ca_file, proxy: plan.proxy&.to_s,
    open_timeout: request.seconds("connect_ms"), read_timeout: request.seconds("read_ms") }.compact
end

AdapterKit.main(
  client: "rest-client",
  version: RestClient::VERSION,
  stack: [{ name: "net-http", version: Net::HTTP::VERSION }, AdapterKit.runtime],
  can: { tls: true, proxy: true, timers: %w[connect_ms read_ms], second_request: "new-connection",
         methods: %w[GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND MKCOL COPY] },
  kinds: [
    [RestClient::Exceptions::Timeout, "timeout"],
    [RestClient::ServerBrokeConnection, "closed"],
    [RestClient::SSLCertificateNotVerified, "tls"],
    [RestClient::ExceptionWithResponse, "status"]
  ],
  status_of: ->(error) { error.http_code }
) do |plan|
  plan.each do |request, report|
    response = RestClient::Request.execute(options(plan, request))
    report.response(response.code, response.net_http_res.message, response.net_http_res.to_hash)
    report.body(response.body)
  end
end
