# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# Excon: one Excon.new per plan, #request. The variant `persistent` keeps the connection.

require "excon"
require_relative "../_ruby/adapter_kit"

PERSISTENT = ARGV.include?("--persistent")

def connection(plan)
  uri = plan.requests.first.uri
  options = { ssl_ca_file: plan.ca_file, proxy: plan.proxy&.to_s }.compact
  options[:persistent] = true if PERSISTENT
  Excon.new("#{uri.scheme}://#{uri.host}:#{uri.port}", options)
end

def options(request)
  { method: request.method, path: request.uri.path, query: request.uri.query,
    headers: request.header_hash, body: request.body,
    connect_timeout: request.seconds("connect_ms"), read_timeout: request.seconds("read_ms") }.compact
end

AdapterKit.main(
  client: "excon",
  version: Excon::VERSION,
  stack: [AdapterKit.runtime],
  can: { tls: true, proxy: true, timers: %w[connect_ms read_ms],
         second_request: PERSISTENT ? "pooled" : "new-connection" },
  kinds: [
    [Excon::Error::Timeout, "timeout"],
    [Excon::Error::Certificate, "tls"],
    [Excon::Error::ResponseParse, "protocol"],
    [Excon::Error::TooManyRedirects, "limit"],
    [Excon::Error::Socket, "closed?"]
  ]
) do |plan|
  connection = connection(plan)
  plan.each do |request, report|
    response = connection.request(options(request))
    report.response(response.status, response.reason_phrase, response.headers)
    report.body(response.body)
  end
  connection.reset if PERSISTENT
end
