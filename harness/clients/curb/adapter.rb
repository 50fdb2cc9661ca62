# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# curb: one Curl::Easy per plan, #http.

require "curb"
require_relative "../_ruby/adapter_kit"
require_relative "../_ruby/curl_codes"

def prepare(easy, plan, request)
  easy.url = request.url
  easy.headers = request.headers.map { |name, value| "#{name}: #{value}" }
  easy.cacert = plan.ca_file if plan.ca_file
  easy.proxy_url = plan.proxy.to_s if plan.proxy
  easy.connect_timeout_ms = CurlCodes.milliseconds(request, "connect_ms") || 0
  easy.timeout_ms = CurlCodes.milliseconds(request, "total_ms") || 0
  easy.post_body = request.body if request.body
end

# The last block of header lines: libcurl hands over those of interim responses as well.
def head(easy)
  lines = easy.header_str.to_s.split("\r\n\r\n").last.to_s.split("\r\n")
  [lines.shift.to_s.split(" ", 3)[2], lines.map { |line| line.split(/:\s*/, 2) }]
end

AdapterKit.main(
  client: "curb",
  version: Curl::CURB_VERSION,
  stack: [*CurlCodes.layers(Curl::LONG_VERSION), AdapterKit.runtime],
  can: { tls: true, proxy: true, timers: %w[connect_ms total_ms], second_request: "pooled" },
  kinds: [
    [Curl::Err::TimeoutError, "timeout"],
    [Curl::Err::ConnectionFailedError, "refused"],
    [[Curl::Err::PartialFileError, Curl::Err::GotNothingError, Curl::Err::RecvError,
      Curl::Err::SendError], "closed"],
    [[Curl::Err::SSLConnectError, Curl::Err::SSLPeerCertificateError, Curl::Err::SSLCACertificateError],
     "tls"],
    [[Curl::Err::UnsupportedProtocolError, Curl::Err::BadContentEncodingError], "protocol"],
    [Curl::Err::TooManyRedirectsError, "limit"]
  ]
) do |plan|
  easy = Curl::Easy.new
  plan.each do |request, report|
    prepare(easy, plan, request)
    easy.http(request.method.to_sym)
    report.response(easy.response_code, *head(easy))
    report.body(easy.body_str)
  end
  easy.close
end
