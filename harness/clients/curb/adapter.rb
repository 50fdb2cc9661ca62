# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# curb: one Curl::Easy per plan, the method of each verb, and #http where there is none.

require "curb"
require_relative "../_ruby/adapter_kit"
require_relative "../_ruby/curl_codes"

def prepare(easy, plan, request)
  easy.url = request.url
  # #http_put takes a Hash alone.
  easy.headers = request.header_hash
  easy.cacert = plan.ca_file if plan.ca_file
  easy.proxy_url = plan.proxy.to_s if plan.proxy
  easy.connect_timeout_ms = CurlCodes.milliseconds(request, "connect_ms") || 0
  easy.timeout_ms = CurlCodes.milliseconds(request, "total_ms") || 0
end

# HEAD, GET and the content of an earlier request are options of libcurl, which these methods set back.
def perform(easy, request)
  case request.method
  when "HEAD" then easy.http_head
  when "GET" then easy.http_get
  when "DELETE" then easy.http_delete
  when "POST" then easy.http_post(request.body.to_s)
  when "PUT" then easy.http_put(request.body.to_s)
  else
    easy.post_body = request.body
    easy.http(request.method.to_sym)
  end
end

# The last head: libcurl hands over those of interim responses as well, and trailer fields.
def head(easy)
  blocks = easy.header_str.to_s.split("\r\n\r\n").select { |block| block.start_with?("HTTP/") }
  lines = blocks.last.to_s.split("\r\n")
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
    perform(easy, request)
    report.response(easy.response_code, *head(easy))
    report.body(easy.body_str)
  end
  easy.close
end
