# SPDX-License-Identifier: MIT

# HTTP::Client of Crystal's standard library: a client object for each plan, exec with a block for each
# request, which hands over the head before the content.

require "http/client"
require "./_crystal/adapterkit"

class CrystalHttpClient < AdapterKit::Adapter
  def initialize
    super("crystal-http-client", Crystal::VERSION,
      %({"tls":true,"timers":["connect_ms","read_ms"],"phases":true}))
  end

  def play_requests(plan, requests)
    client = HTTP::Client.new(URI.parse(requests[0].url), tls: context(plan))
    each_request(plan, requests) do |request, report|
      request.timer("connect_ms").try { |ms| client.connect_timeout = ms.milliseconds }
      request.timer("read_ms").try { |ms| client.read_timeout = ms.milliseconds }
      headers = HTTP::Headers.new
      request.headers.each { |name, value| headers.add(name, value) }
      client.exec(request.method, URI.parse(request.url).request_target, headers, request.body) do |answer|
        fields = answer.headers.flat_map { |name, values| values.map { |value| {name, value} } }
        report.response(answer.status_code, answer.status_message, fields)
        report.body(Bytes.empty)
        answer.body_io?.try { |content| read_all(content, report) }
      end
    end
    client.close
  end

  private def read_all(content, report)
    buffer = Bytes.new(16384)
    while (n = content.read(buffer)) > 0
      report.body(buffer[0, n])
    end
  end

  private def context(plan)
    return nil unless plan["requests"][0]["url"].as_s.starts_with?("https:")
    context = OpenSSL::SSL::Context::Client.new
    plan["ca_file"]?.try(&.as_s?).try { |file| context.ca_certificates = file }
    context
  end

  def kind(error : Exception) : String?
    case error
    when IO::TimeoutError         then "timeout"
    when Socket::ConnectError     then error.os_error == Errno::ECONNREFUSED ? "refused" : "other"
    when OpenSSL::SSL::Error      then "tls"
    when IO::EOFError             then "closed"
    when IO::Error
      words = error.message || ""
      words.includes?("reset") || words.includes?("Broken pipe") || words.includes?("closed") ? "closed" : "other"
    else
      # What it cannot read it tells with plain exceptions.
      words = error.message || ""
      if words.includes?("Unexpected end of http response")
        "closed"
      elsif error.class == Exception || error.is_a?(ArgumentError)
        "protocol"
      end
    end
  end
end

CrystalHttpClient.new.run
