# SPDX-License-Identifier: MIT

# What the adapters for Crystal clients share: plans from stdin, events out, and nothing else. No retry,
# no mapping. Only exceptions that the adapter's `kind` knows end a request as failed; any other ends
# the process.

require "base64"
require "digest/sha256"
require "json"

module AdapterKit
  alias Fields = Array({String, String})

  PLAN_KEYS    = %w[v plan http timers ca_file proxy body_limit requests]
  REQUEST_KEYS = %w[name method url headers body_b64 body_pause_ms expect_continue start not_before_ms timers]
  LEAST_CAN    = %({"http":["1.1"],"tls":false,"proxy":false,"timers":[],"second_request":"pooled",) +
                 %("not_before":true,"interim":"none","phases":false,"expect_continue":false,"body_stream":false,) +
                 %("methods":["GET","HEAD","POST","PUT","PATCH","DELETE","OPTIONS","PROPFIND","MKCOL","COPY"]})

  class Request
    getter values : Hash(String, JSON::Any)
    getter timers : Hash(String, JSON::Any)

    def initialize(plan : Hash(String, JSON::Any), @values)
      @timers = Request.table(plan["timers"]?).merge(Request.table(@values["timers"]?))
    end

    def self.table(value : JSON::Any?) : Hash(String, JSON::Any)
      value.try(&.as_h?) || {} of String => JSON::Any
    end

    def name : String
      @values["name"].as_s
    end

    def method : String
      @values["method"].as_s
    end

    def url : String
      @values["url"].as_s
    end

    def body : Bytes?
      @values["body_b64"]?.try(&.as_s?).try { |encoded| Base64.decode(encoded) }
    end

    def headers : Fields
      (@values["headers"]?.try(&.as_a?) || [] of JSON::Any).map { |pair| {pair[0].as_s, pair[1].as_s} }
    end

    # The timer in ms, or nil where it is not to be set.
    def timer(name : String) : Int64?
      @timers[name]?.try(&.as_i64?)
    end
  end

  # One request as its program is told of it.
  class Report
    getter phase : String?
    getter content : IO::Memory?

    def initialize(@adapter : Adapter, @plan : String, @request : String, @phase)
    end

    # The client handed over a head as the response.
    def response(status : Int32, reason : String?, fields : Fields)
      put({event: "response", at: AdapterKit.now_ms, status: status, reason: reason.try { |text| AdapterKit.utf8(text) },
           fields: fields.map { |name, value| {AdapterKit.utf8(name), AdapterKit.utf8(value)} }})
      @phase = "body" if @phase
    end

    # Content that the client handed over.
    def body(octets : Bytes)
      (@content ||= IO::Memory.new).write(octets)
    end

    def put(event)
      @adapter.put({plan: @plan, request: @request}.merge(event))
    end
  end

  def self.now_ms : Float64
    Time.utc.to_unix_f * 1000
  end

  # Octets that are no UTF-8 are taken for Latin-1, as JSON wants them.
  def self.utf8(text : String) : String
    text.valid_encoding? ? text : String.build { |made| text.each_byte { |octet| made << octet.chr } }
  end

  # An adapter defines open(plan), send(session, request, report), close(session), kind(error).
  abstract class Adapter
    @out : IO
    @mark : String
    @can : Hash(String, JSON::Any)

    def initialize(@name : String, @version : String, can : String)
      path = ENV["INTERIMSPEC_OUT"]?
      @out = path ? File.open(path, "w") : STDOUT
      @mark = path ? "" : "@interimspec "
      @can = JSON.parse(LEAST_CAN).as_h.merge(JSON.parse(can).as_h)
    end

    abstract def play_requests(plan : Hash(String, JSON::Any), requests : Array(Request))
    abstract def kind(error : Exception) : String?

    def put(event)
      @out << @mark << {v: 1}.merge(event).to_json << '\n'
      @out.flush
    end

    # Says hello, then plays the plans of stdin one at a time, until its end.
    def run
      put({event: "hello", client: @name, version: @version,
           stack: [{name: "crystal", version: Crystal::VERSION}], can: @can})
      STDIN.each_line { |line| play(JSON.parse(line).as_h) unless line.blank? }
    end

    private def play(plan)
      requests = plan["requests"].as_a.map { |values| Request.new(plan, values.as_h) }
      if missing = unsupported(plan, requests)
        put({event: "unsupported", plan: plan["plan"], what: missing[0], value: missing[1]})
      else
        play_requests(plan, requests)
      end
      put({event: "done", plan: plan["plan"]})
    end

    # Plays each request in its turn; the block sends it.
    def each_request(plan, requests, & : Request, Report ->)
      begun = AdapterKit.now_ms
      requests.each do |request|
        wait = begun + (request.values["not_before_ms"]?.try(&.as_i) || 0) - AdapterKit.now_ms
        sleep wait.milliseconds if wait > 0
        report = Report.new(self, plan["plan"].as_s, request.name, @can["phases"].as_bool ? "head" : nil)
        started = AdapterKit.now_ms
        failure = nil
        begin
          yield request, report
        rescue error
          known = kind(error)
          raise error unless known
          failure = {kind: known, phase: report.phase, type: error.class.name,
                     message: AdapterKit.utf8(error.message || "")[0, 2000]}
        end
        finish(plan, report, started, failure)
      end
    end

    private def finish(plan, report, started, failure)
      octets = report.content.try(&.to_slice)
      limit = plan["body_limit"]?.try(&.as_i) || 65536
      report.put({event: "end", started: started, at: AdapterKit.now_ms, told: failure ? "failed" : "ok",
                  body_b64: octets.try { |all| Base64.strict_encode(all[0, Math.min(limit, all.size)]) },
                  body_len: octets.try(&.size),
                  body_sha256: octets.try { |all| Digest::SHA256.hexdigest(all) }, error: failure})
    end

    private def able?(key)
      @can[key].as_bool
    end

    private def has?(key, word : String)
      @can[key].as_a.any? { |one| one.as_s == word }
    end

    # The first thing in the plan that the client cannot do, and its value.
    private def unsupported(plan, requests) : {String, JSON::Any}?
      plan.each { |key, value| return {key, value} unless PLAN_KEYS.includes?(key) }
      return {"v", plan["v"]} if plan["v"].as_i != 1
      return {"http", plan["http"]} unless has?("http", plan["http"].as_s)
      proxy = plan["proxy"]?
      return {"proxy", proxy} if proxy && proxy.raw && !able?("proxy")
      requests.each { |request| unsupported_request(request).try { |missing| return missing } }
    end

    private def unsupported_request(request) : {String, JSON::Any}?
      values = request.values
      yes = JSON::Any.new(true)
      values.each { |key, value| return {key, value} unless REQUEST_KEYS.includes?(key) }
      request.timers.each { |key, ms| return {key, ms} if ms.raw && !has?("timers", key) }
      return {"method", values["method"]} unless has?("methods", request.method)
      return {"tls", yes} if request.url.starts_with?("https:") && !able?("tls")
      return {"expect_continue", yes} if values["expect_continue"]?.try(&.as_bool?) && !able?("expect_continue")
      pauses = values["body_pause_ms"]?
      return {"body_pause_ms", pauses} if pauses && !(pauses.as_a? || [] of JSON::Any).empty?
      start = values["start"]?
      return {"start", start} if start && start.as_s != "after-previous"
    end
  end
end
