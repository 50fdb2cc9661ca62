# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# What bindings to libcurl share: its result codes as kinds, its own list of what is below it.

module CurlCodes
  # The CURLcode values that libcurl documents, with the kind of error that each means.
  KINDS = {
    1 => "protocol", 7 => "refused", 8 => "protocol", 16 => "protocol", 18 => "closed",
    28 => "timeout", 35 => "tls", 47 => "limit", 52 => "closed", 55 => "closed", 56 => "closed",
    60 => "tls", 61 => "protocol", 63 => "limit", 92 => "protocol", 100 => "limit"
  }.freeze

  def self.kind(code) = KINDS.fetch(code, "other")

  # "libcurl/7.88.1 OpenSSL/3.0.16 zlib/1.2.13 ..." as layers; the lower ones as far as they matter.
  def self.layers(version)
    version.scan(%r{(libcurl|OpenSSL|GnuTLS|nghttp2)/([^\s]+)}).map do |name, found|
      { name: name.downcase, version: found }
    end
  end

  # Whether HTTP/2 with prior knowledge can be had. libcurl 7.88.0 and 7.88.1 fail every request but
  # the first on such a connection, whatever the answers are (github.com/curl/curl/issues/10634).
  def self.prior_knowledge?(version) = !version.match?(%r{libcurl/7\.88\.[01]\b})

  def self.milliseconds(request, timer)
    request.seconds(timer) && (request.seconds(timer) * 1000).to_i
  end

  # libcurl's own choice is HTTP/1.1 on http:// and ALPN on https://; a plan asks for one of the two.
  def self.http_version(plan, request)
    return request.url.start_with?("https:") ? :httpv2_tls : :httpv2_prior_knowledge if plan.http == "2"

    :httpv1_1 if request.url.start_with?("https:")
  end
end
