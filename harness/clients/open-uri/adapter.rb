# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# open-uri: URI#open, which reads the whole content into a file or a string.

require "open-uri"
require_relative "../_ruby/adapter_kit"

def options(plan, request)
  { open_timeout: request.seconds("connect_ms"), read_timeout: request.seconds("read_ms"),
    ssl_ca_cert: plan.ca_file, proxy: plan.proxy&.to_s }.compact.merge(request.header_hash)
end

AdapterKit.main(
  client: "open-uri",
  version: RUBY_VERSION,
  stack: [{ name: "net-http", version: Net::HTTP::VERSION }, AdapterKit.runtime],
  can: { tls: true, proxy: true, timers: %w[connect_ms read_ms], second_request: "new-connection",
         methods: %w[GET] },
  kinds: [[OpenURI::HTTPError, "status"]],
  status_of: ->(error) { error.io.status.first }
) do |plan|
  plan.each do |request, report|
    request.uri.open("rb", options(plan, request)) do |content|
      report.response(*content.status, content.metas)
      report.body(content.read)
    end
  end
end
