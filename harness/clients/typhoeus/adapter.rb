# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# Typhoeus: Typhoeus::Request.new(...).run, which takes a handle of libcurl from its pool.

require "typhoeus"
require_relative "../_ruby/adapter_kit"
require_relative "../_ruby/curl_codes"

def options(plan, request)
  { method: request.method.downcase.to_sym, headers: request.header_hash, body: request.body,
    cainfo: plan.ca_file, proxy: plan.proxy&.to_s, http_version: CurlCodes.http_version(plan, request),
    connecttimeout_ms: CurlCodes.milliseconds(request, "connect_ms"),
    timeout_ms: CurlCodes.milliseconds(request, "total_ms") }.compact
end

# What a failed transfer is told by: Typhoeus raises nothing, its response says so.
class Failed < StandardError
  attr_reader :code

  def initialize(response)
    # A code that Ethon has no name for is left a number.
    named = response.return_code
    @code = named.is_a?(Integer) ? named : Ethon::Curl::EasyCode[named]
    super("#{response.return_code}: #{response.return_message}")
  end
end

AdapterKit.main(
  client: "typhoeus",
  version: Typhoeus::VERSION,
  stack: [{ name: "ethon", version: Ethon::VERSION }, *CurlCodes.layers(Ethon::Curl.version),
          AdapterKit.runtime],
  can: { http: ["1.1", "2"], tls: true, proxy: true, timers: %w[connect_ms total_ms],
         second_request: "pooled" },
  h2c: CurlCodes.prior_knowledge?(Ethon::Curl.version),
  kind_by_value: ->(error) { CurlCodes.kind(error.code) if error.is_a?(Failed) }
) do |plan|
  plan.each do |request, report|
    response = Typhoeus::Request.new(request.url, options(plan, request)).run
    raise Failed, response unless response.return_code == :ok

    report.response(response.code, response.status_message, response.headers.to_h)
    report.body(response.body)
  end
  Typhoeus::Pool.clear
end
