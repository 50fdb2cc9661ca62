# frozen_string_literal: true

# SPDX-License-Identifier: MIT

# What all Ruby adapters share: plans in, events out, and how an exception is told.
#
# An adapter gives a block that plays one plan with one fresh client object:
#
#     AdapterKit.main(client: "...", version: ..., stack: [...], can: {...}, kinds: KINDS) do |plan|
#       client = Client.new
#       plan.each do |request, report|
#         answer = client.request(request.method, request.url)
#         report.response(answer.status, answer.reason, answer.headers)
#         report.body(answer.body)
#       end
#       client.close
#     end
#
# A request is told ok where the block of `each` ends, failed where it raises a StandardError. What a
# bare `rescue` does not catch passes through and ends the process. Nothing but Ruby's own library.

require "base64"
require "digest"
require "json"
require "net/http"
require "openssl"
require "stringio"
require "timeout"
require "uri"
require "zlib"

module AdapterKit
  PLAN_KEYS = %w[v plan http timers ca_file proxy body_limit requests].freeze
  REQUEST_KEYS = %w[
    name method url headers body_b64 body_pause_ms expect_continue start not_before_ms timers
  ].freeze
  METHODS = %w[GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND MKCOL COPY].freeze

  # Exceptions of Ruby's own library, for what a client's own types leave open.
  STANDARD_KINDS = [
    [Errno::ECONNREFUSED, "refused"],
    [[Errno::ECONNRESET, Errno::ECONNABORTED, Errno::EPIPE, EOFError], "closed"],
    [[Timeout::Error, Errno::ETIMEDOUT], "timeout"],
    [OpenSSL::SSL::SSLError, "tls"],
    [[Net::HTTPBadResponse, Net::HTTPHeaderSyntaxError, Net::ProtocolError, Zlib::Error], "protocol"]
  ].freeze

  # The interpreter, as the lowest layer of `stack`.
  def self.runtime
    { name: RUBY_ENGINE, version: RUBY_VERSION }
  end

  def self.now_ms
    Process.clock_gettime(Process::CLOCK_REALTIME, :float_millisecond)
  end

  # Field values are octets; those that are not UTF-8 are told as Latin-1.
  def self.text(value)
    text = value.to_s.dup.force_encoding(Encoding::UTF_8)
    text.valid_encoding? ? text : text.force_encoding(Encoding::ISO_8859_1).encode(Encoding::UTF_8)
  end

  # A hash whose values may be lists, as most clients have fields, as pairs.
  def self.pairs(fields)
    fields.flat_map { |name, value| Array(value).map { |one| [text(name), text(one)] } }
  end

  # Says hello, then plays the plans of standard input one at a time, until its end.
  #
  # kinds: pairs of the client's exception classes and the kind that each means, most special first;
  #        a kind that ends in `?` stands only where the causes of the error say nothing better.
  # kind_by_value: for a client whose one exception class tells kinds apart by a value.
  # status_of: the status that an exception of kind `status` carries.
  # h2c: whether a client with HTTP/2 has it without TLS too, with prior knowledge.
  def self.main(client:, version:, stack:, can:, kinds: [], kind_by_value: nil, status_of: nil, h2c: true,
                &play)
    trap("TERM") { exit!(0) }
    can = { http: ["1.1"], tls: false, proxy: false, timers: [], second_request: "none",
            not_before: true, interim: "none", phases: false, expect_continue: false,
            body_stream: false, methods: METHODS }.merge(can)
    channel = Channel.new
    errors = Errors.new(kinds, kind_by_value, status_of)
    channel.put(event: "hello", client:, version:, stack:, can:)
    $stdin.each_line do |line|
      values = JSON.parse(line)
      what, value = Support.new(can, h2c).missing(values)
      if what
        channel.put(event: "unsupported", plan: values["plan"], what:, value:)
      else
        play.call(Plan.new(values, channel, errors, can))
      end
      channel.put(event: "done", plan: values["plan"])
    end
  end

  # The events' way out: INTERIMSPEC_OUT where it is set, marked lines on standard output elsewhere.
  class Channel
    def initialize
      path = ENV.fetch("INTERIMSPEC_OUT", nil)
      @out = path ? File.open(path, "w") : $stdout
      @mark = path ? "" : "@interimspec "
    end

    def put(event)
      @out.write("#{@mark}#{JSON.generate({ v: 1 }.merge(event))}\n")
      @out.flush
    end
  end

  # A plan; `each` gives each request with its report, no sooner than the plan says.
  class Plan
    attr_reader :id, :http, :ca_file, :proxy, :body_limit, :requests

    def initialize(values, channel, errors, can)
      @id = values["plan"]
      @http = values["http"]
      @ca_file = values["ca_file"]
      @proxy = values["proxy"] && URI(values["proxy"])
      @body_limit = values["body_limit"] || 65_536
      @requests = values["requests"].map { |request| Request.new(request, values["timers"] || {}) }
      @channel = channel
      @errors = errors
      @phases = can[:phases]
    end

    def each
      @requests.each do |request|
        sleep(wait_before(request))
        report = report_of(request)
        report.during { yield request, report }
      end
    end

    # How many seconds the request must still wait.
    def wait_before(request)
      @first_at ||= AdapterKit.now_ms
      [(@first_at + request.not_before_ms - AdapterKit.now_ms) / 1000.0, 0.0].max
    end

    # For clients with an event loop, which wait and catch by themselves.
    def report_of(request)
      Report.new(@channel, self, request, @errors, @phases)
    end
  end

  # One request of a plan.
  class Request
    attr_reader :name, :method, :url, :headers, :body, :not_before_ms

    def initialize(values, shared_timers)
      @name = values["name"]
      @method = values["method"]
      @url = values["url"]
      @headers = values["headers"] || []
      @body = values["body_b64"] && Base64.decode64(values["body_b64"])
      @pauses = values["body_pause_ms"] || []
      @expect_continue = values["expect_continue"]
      @with_previous = values["start"] == "with-previous"
      @not_before_ms = values["not_before_ms"] || 0
      @timers = shared_timers.merge(values["timers"] || {})
    end

    def uri = URI(@url)

    def expect_continue? = @expect_continue

    # Whether it is sent while the one before may still be under way; only for clients that can.
    def with_previous? = @with_previous

    # For clients that take a hash; a repeated name is one line with a comma.
    def header_hash
      @headers.group_by(&:first).transform_values { |pairs| pairs.map(&:last).join(", ") }
    end

    # A timer in seconds, nil where it is not to be set.
    def seconds(timer)
      @timers[timer] && @timers[timer] / 1000.0
    end

    def stream? = !@pauses.empty?

    # The body as an object to read from, which sleeps where the plan says it is still under way.
    def body_io
      PausingBody.new(@body || "", @pauses)
    end
  end

  # What IO.copy_stream and clients that stream an upload need of an IO.
  class PausingBody
    attr_reader :size

    def initialize(octets, pauses)
      @octets = octets
      @pauses = pauses
      @size = octets.bytesize
      rewind
    end

    def rewind
      @io = StringIO.new(@octets)
      @left = @pauses.dup
      0
    end

    # Some clients take a body for a file only if it has a position.
    def pos = @io.pos

    def pos=(position)
      rewind
      @io.pos = position
      @left.reject! { |octets, _| octets < position }
    end

    def read(length = nil, buffer = nil)
      return read_all(buffer) if length.nil?

      until @left.empty? || @left.first[0] > @io.pos
        sleep(@left.shift[1] / 1000.0)
      end
      piece = @left.empty? ? length : [length, @left.first[0] - @io.pos].min
      found = @io.read(piece)
      buffer ? buffer.replace(found || "") : nil
      found
    end

    # As IO#read without a length: all that is left, when the pauses are over.
    def read_all(buffer)
      found = String.new(encoding: Encoding::BINARY)
      while (piece = read(@size))
        found << piece
      end
      buffer ? buffer.replace(found) : found
    end

    def readpartial(length, buffer = nil)
      read(length, buffer) || raise(EOFError, "end of body")
    end
  end

  # What the user of the client is told about one request, written out as it happens.
  class Report
    def initialize(channel, plan, request, errors, phases)
      @channel = channel
      @plan = plan
      @request = request
      @errors = errors
      @phase = phases ? "head" : nil
      @kept = String.new(encoding: Encoding::BINARY)
      @length = nil
      @hash = Digest::SHA256.new
      @started = AdapterKit.now_ms
    end

    def during
      @started = AdapterKit.now_ms
      yield
    rescue StandardError => e
      failed(e)
    else
      ok
    end

    def start = @started = AdapterKit.now_ms

    def interim(status, fields = nil)
      put({ event: "interim", status: status.to_i, fields: fields && AdapterKit.pairs(fields) }.compact)
    end

    # The client handed over a head as the response.
    def response(status, reason, fields)
      put(event: "response", status: status&.to_i, reason: reason && AdapterKit.text(reason),
          fields: AdapterKit.pairs(fields))
      @phase &&= "body"
    end

    # Content that the client handed over; may be called many times. nil is none.
    def body(octets)
      octets = octets.to_s.b
      @length = (@length || 0) + octets.bytesize
      @hash.update(octets)
      room = @plan.body_limit - @kept.bytesize
      @kept << octets.byteslice(0, room) if room.positive?
    end

    def ok = finish("ok", nil)

    def failed(error) = finish("failed", @errors.describe(error, @phase))

    private

    def finish(told, error)
      put(event: "end", started: @started, told:,
          body_b64: @length && Base64.strict_encode64(@kept), body_len: @length,
          body_sha256: @length && @hash.hexdigest, error:)
    end

    def put(event)
      @channel.put(event.merge(plan: @plan.id, request: @request.name, at: AdapterKit.now_ms))
    end
  end

  # How an exception is told: its kind by its class, its class's name, its words.
  class Errors
    def initialize(kinds, kind_by_value, status_of)
      @kinds = kinds + STANDARD_KINDS
      @kind_by_value = kind_by_value
      @status_of = status_of
    end

    def describe(error, phase)
      kind = kind_of(error)
      status = @status_of.call(error)&.to_i if kind == "status"
      { kind:, phase:, status:, type: error.class.name,
        message: AdapterKit.text(error.message)[0, 2000] }.compact
    end

    private

    # The kind of the nearest cause whose class says one; the client's own classes come first.
    def kind_of(error)
      by_value = @kind_by_value&.call(error)
      return by_value if by_value

      fallback = nil
      while error
        _, kind = @kinds.find { |classes, _| Array(classes).any? { |one| error.is_a?(one) } }
        return kind if kind && !kind.end_with?("?")

        fallback ||= kind&.chomp("?")
        error = error.cause
      end
      fallback || "other"
    end
  end

  # What of a plan a client cannot do, by its own `can`.
  class Support
    def initialize(can, h2c)
      @can = can
      @h2c = h2c
    end

    # The first key and value that cannot be played; nil where the whole plan can.
    def missing(plan)
      unknown = plan.keys.find { |key| !PLAN_KEYS.include?(key) }
      return [unknown, plan[unknown]] if unknown
      return ["v", plan["v"]] if plan["v"] != 1
      return ["http", plan["http"]] unless @can[:http].include?(plan["http"])
      return ["http", "2 without TLS"] if plan["http"] == "2" && !@h2c && plaintext?(plan)
      return ["proxy", plan["proxy"]] if plan["proxy"] && !@can[:proxy]
      if plan["requests"].length > 1 && @can[:second_request] == "none"
        return ["second_request", plan["requests"].length]
      end

      plan["requests"].filter_map { |request| missing_of(request, plan["timers"] || {}) }.first
    end

    private

    def plaintext?(plan) = plan["requests"].first["url"].start_with?("http:")

    def missing_of(request, shared_timers)
      unknown = request.keys.find { |key| !REQUEST_KEYS.include?(key) }
      return [unknown, request[unknown]] if unknown

      timers = shared_timers.merge(request["timers"] || {}).compact
      timer = timers.keys.find { |name| !@can[:timers].include?(name) }
      return [timer, timers[timer]] if timer

      missing_ability(request)
    end

    def starts = @can[:concurrent] ? %w[after-previous with-previous] : %w[after-previous]

    def missing_ability(request)
      start = request["start"] || "after-previous"
      { "method" => !@can[:methods].include?(request["method"]) && request["method"],
        "tls" => request["url"].start_with?("https:") && !@can[:tls],
        "expect_continue" => request["expect_continue"] && !@can[:expect_continue],
        "body_pause_ms" => !@can[:body_stream] && request["body_pause_ms"],
        "not_before_ms" => !@can[:not_before] && request["not_before_ms"],
        "start" => !starts.include?(start) && start }.find { |_, value| value && value != 0 }
    end
  end
end
