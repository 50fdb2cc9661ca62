# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# Mechanize: one Mechanize per plan, #get, #head, #post, #put, #delete.

require "mechanize"
require_relative "../_ruby/adapter_kit"

def set_timers(agent, request)
  agent.open_timeout = request.seconds("connect_ms") if request.seconds("connect_ms")
  agent.read_timeout = request.seconds("read_ms") if request.seconds("read_ms")
end

def fetch(agent, request)
  headers = request.header_hash
  case request.method
  when "GET" then agent.get(request.url, [], nil, headers)
  when "HEAD" then agent.head(request.url, {}, headers)
  when "DELETE" then agent.delete(request.url, {}, headers)
  when "POST" then agent.post(request.url, request.body || "", headers)
  when "PUT" then agent.put(request.url, request.body || "", headers)
  end
end

AdapterKit.main(
  client: "mechanize",
  version: Mechanize::VERSION,
  stack: [{ name: "net-http-persistent", version: Net::HTTP::Persistent::VERSION },
          { name: "net-http", version: Net::HTTP::VERSION }, AdapterKit.runtime],
  can: { tls: true, proxy: true, timers: %w[connect_ms read_ms], second_request: "pooled",
         methods: %w[GET HEAD POST PUT DELETE] },
  kinds: [
    [Mechanize::ResponseCodeError, "status"],
    [Mechanize::RedirectLimitReachedError, "limit"],
    [Mechanize::ResponseReadError, "closed?"]
  ],
  status_of: ->(error) { error.response_code }
) do |plan|
  agent = Mechanize.new
  agent.ca_file = plan.ca_file if plan.ca_file
  agent.set_proxy(plan.proxy.host, plan.proxy.port) if plan.proxy
  plan.each do |request, report|
    set_timers(agent, request)
    page = fetch(agent, request)
    report.response(page.code, nil, page.response.to_hash)
    report.body(page.body)
  end
  agent.shutdown
end
