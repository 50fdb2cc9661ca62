// SPDX-License-Identifier: MIT

//! What the adapters for Zig clients share: plans from stdin, events out, and nothing else. No retry,
//! no mapping. Input, output and clocks are those of libc, since Zig's own have changed with every
//! release.

const std = @import("std");
const builtin = @import("builtin");

pub const gpa = std.heap.c_allocator;
const Value = std.json.Value;

extern "c" fn getenv(name: [*:0]const u8) ?[*:0]const u8;
extern "c" fn open(path: [*:0]const u8, flags: c_int, ...) c_int;
extern "c" fn read(fd: c_int, into: [*]u8, length: usize) isize;
extern "c" fn write(fd: c_int, from: [*]const u8, length: usize) isize;
extern "c" fn exit(code: c_int) noreturn;
extern "c" fn usleep(us: c_uint) c_int;
extern "c" fn gettimeofday(into: *Timeval, zone: ?*anyopaque) c_int;
const Timeval = extern struct { sec: c_long, usec: c_long };
const wr_only = 1;

pub const Field = struct { name: []const u8, value: []const u8 };

pub const Request = struct {
    values: Value,
    name: []const u8,
    method: []const u8,
    url: []const u8,
    headers: []const std.http.Header,
    body: ?[]u8,
};

/// How a failure is told.
pub const Failure = struct { kind: []const u8, name: []const u8 };

/// What differs from a client that can do nothing, as JSON without the braces.
pub const Client = struct {
    name: []const u8,
    can: []const u8,
    methods: []const []const u8,
};

fn nowMs() f64 {
    var now: Timeval = undefined;
    _ = gettimeofday(&now, null);
    return @as(f64, @floatFromInt(now.sec)) * 1000 + @as(f64, @floatFromInt(now.usec)) / 1000;
}

/// A text that grows; what cannot be had memory for ends the process.
const Text = struct {
    octets: []u8 = &.{},
    length: usize = 0,

    fn add(text: *Text, more: []const u8) void {
        if (text.length + more.len > text.octets.len) {
            text.octets = gpa.realloc(text.octets, 2 * (text.length + more.len) + 64) catch @panic("no memory");
        }
        @memcpy(text.octets[text.length..][0..more.len], more);
        text.length += more.len;
    }

    fn print(text: *Text, comptime format: []const u8, values: anytype) void {
        const more = std.fmt.allocPrint(gpa, format, values) catch @panic("no memory");
        defer gpa.free(more);
        text.add(more);
    }

    /// Octets are taken for Latin-1; only ASCII leaves.
    fn string(text: *Text, octets: []const u8) void {
        text.add("\"");
        for (octets) |octet| switch (octet) {
            '"', '\\' => text.print("\\{c}", .{octet}),
            ' ', '!', '#'...'[', ']'...'~' => text.add(&.{octet}),
            else => text.print("\\u{x:0>4}", .{octet}),
        };
        text.add("\"");
    }

    fn all(text: *const Text) []u8 {
        return text.octets[0..text.length];
    }
};

var out: c_int = 1;
var mark: []const u8 = "@interimspec ";

fn put(event: *Text) void {
    var line: Text = .{};
    line.add(mark);
    line.add(event.all());
    line.add("}\n");
    var left: []const u8 = line.all();
    while (left.len > 0) {
        const n = write(out, left.ptr, left.len);
        if (n <= 0) @panic("the events' pipe cannot be written");
        left = left[@intCast(n)..];
    }
    gpa.free(line.octets);
    gpa.free(event.octets);
}

fn begin(name: []const u8, plan: []const u8) Text {
    var event: Text = .{};
    event.print("{{\"v\":1,\"event\":\"{s}\",\"plan\":\"{s}\"", .{ name, plan });
    return event;
}

pub const Report = struct {
    plan: []const u8,
    request: []const u8,
    phase: []const u8 = "head",
    content: ?Text = null,

    /// The client handed over a head as the response.
    pub fn response(report: *Report, status: u16, reason: []const u8, fields: []const Field) void {
        var event = begin("response", report.plan);
        event.print(",\"request\":\"{s}\",\"at\":{d:.3},\"status\":{d},\"reason\":", .{ report.request, nowMs(), status });
        event.string(reason);
        event.add(",\"fields\":[");
        for (fields, 0..) |field, i| {
            event.add(if (i == 0) "[" else ",[");
            event.string(field.name);
            event.add(",");
            event.string(field.value);
            event.add("]");
        }
        event.add("]");
        put(&event);
        report.phase = "body";
    }

    /// Content that the client handed over.
    pub fn body(report: *Report, octets: []const u8) void {
        if (report.content == null) report.content = .{};
        report.content.?.add(octets);
    }

    fn end(report: *Report, started: f64, limit: usize, failure: ?Failure) void {
        var event = begin("end", report.plan);
        event.print(",\"request\":\"{s}\",\"started\":{d:.3},\"at\":{d:.3},\"told\":\"{s}\"", .{
            report.request, started, nowMs(), if (failure == null) "ok" else "failed",
        });
        if (report.content) |*content| {
            const kept = content.all()[0..@min(limit, content.length)];
            const encoded = gpa.alloc(u8, std.base64.standard.Encoder.calcSize(kept.len)) catch @panic("no memory");
            defer gpa.free(encoded);
            event.print(",\"body_b64\":\"{s}\",\"body_len\":{d}", .{
                std.base64.standard.Encoder.encode(encoded, kept), content.length,
            });
            var digest: [32]u8 = undefined;
            std.crypto.hash.sha2.Sha256.hash(content.all(), &digest, .{});
            event.add(",\"body_sha256\":\"");
            for (digest) |octet| event.print("{x:0>2}", .{octet});
            event.add("\"");
            gpa.free(content.octets);
        } else {
            event.add(",\"body_b64\":null,\"body_len\":null,\"body_sha256\":null");
        }
        if (failure) |told| {
            event.print(",\"error\":{{\"kind\":\"{s}\",\"phase\":\"{s}\",\"type\":\"{s}\",\"message\":\"{s}\"}}", .{
                told.kind, report.phase, told.name, told.name,
            });
        } else event.add(",\"error\":null");
        put(&event);
    }
};

var buffer: [64 * 1024]u8 = undefined;
var buffered: []const u8 = &.{};

/// One line of stdin, or null at its end.
fn readLine(line: *Text) ?[]u8 {
    line.length = 0;
    while (true) {
        if (buffered.len == 0) {
            const n = read(0, &buffer, buffer.len);
            if (n <= 0) return null;
            buffered = buffer[0..@intCast(n)];
        }
        const end = std.mem.indexOfScalar(u8, buffered, '\n');
        line.add(buffered[0 .. end orelse buffered.len]);
        buffered = buffered[if (end) |at| at + 1 else buffered.len..];
        if (end != null) return line.all();
    }
}

/// Says hello, then plays the plans of stdin one at a time, until its end. `Session` has
/// open(?[]const u8), send(*Session, Request, *Report) ?Failure and close(*Session).
pub fn run(comptime client: Client, comptime Session: type) void {
    if (getenv("INTERIMSPEC_OUT")) |path| {
        out = open(path, wr_only);
        if (out < 0) @panic("the events' pipe cannot be opened");
        mark = "";
    }
    var hello: Text = .{};
    hello.print("{{\"v\":1,\"event\":\"hello\",\"client\":\"{s}\",\"version\":\"{s}\",\"stack\":[{{\"name\":\"zig\",\"version\":\"{s}\"}}],\"can\":{{{s},\"methods\":[", .{
        client.name, builtin.zig_version_string, builtin.zig_version_string, client.can,
    });
    inline for (client.methods, 0..) |method, i| hello.print("{s}\"{s}\"", .{ if (i == 0) "" else ",", method });
    hello.add("]}");
    put(&hello);
    var line: Text = .{};
    while (readLine(&line)) |text| {
        var arena = std.heap.ArenaAllocator.init(gpa);
        defer arena.deinit();
        if (text.len > 0) play(client, Session, arena.allocator(), text);
    }
    exit(0);
}

fn play(comptime client: Client, comptime Session: type, arena: std.mem.Allocator, text: []const u8) void {
    const plan = std.json.parseFromSliceLeaky(Value, arena, text, .{}) catch @panic("a plan that cannot be read");
    const id = plan.object.get("plan").?.string;
    const shared = plan.object.get("timers") orelse Value{ .null = {} };
    if (unsupported(client, plan, shared)) |missing| {
        var event = begin("unsupported", id);
        event.print(",\"what\":\"{s}\",\"value\":true", .{missing});
        put(&event);
    } else {
        const requests = plan.object.get("requests").?.array.items;
        const limit: usize = if (plan.object.get("body_limit")) |given| @intCast(given.integer) else 65536;
        var session = Session.open();
        const begun = nowMs();
        for (requests) |values| {
            const not_before: i64 = if (values.object.get("not_before_ms")) |ms| ms.integer else 0;
            const wait = begun + @as(f64, @floatFromInt(not_before)) - nowMs();
            if (wait > 0) _ = usleep(@intFromFloat(wait * 1000));
            const request = readRequest(arena, values);
            var report: Report = .{ .plan = id, .request = request.name };
            const started = nowMs();
            const failure = session.send(request, &report);
            report.end(started, limit, failure);
        }
        session.close();
    }
    var done = begin("done", id);
    put(&done);
}

fn readRequest(arena: std.mem.Allocator, values: Value) Request {
    const given: []const Value = if (values.object.get("headers")) |pairs| pairs.array.items else &.{};
    const headers = arena.alloc(std.http.Header, given.len) catch @panic("no memory");
    for (headers, given) |*header, pair| {
        header.* = .{ .name = pair.array.items[0].string, .value = pair.array.items[1].string };
    }
    var body: ?[]u8 = null;
    if (values.object.get("body_b64")) |encoded| if (encoded == .string) {
        const size = std.base64.standard.Decoder.calcSizeForSlice(encoded.string) catch @panic("a body that is no Base64");
        body = arena.alloc(u8, size) catch @panic("no memory");
        std.base64.standard.Decoder.decode(body.?, encoded.string) catch @panic("a body that is no Base64");
    };
    return .{
        .values = values,
        .name = values.object.get("name").?.string,
        .method = values.object.get("method").?.string,
        .url = values.object.get("url").?.string,
        .headers = headers,
        .body = body,
    };
}

fn among(word: []const u8, comptime known: []const []const u8) bool {
    inline for (known) |one| if (std.mem.eql(u8, word, one)) return true;
    return false;
}

/// The first thing in the plan that no client of std.http can do.
fn unsupported(comptime client: Client, plan: Value, shared: Value) ?[]const u8 {
    for (plan.object.keys()) |key| if (!among(key, &.{
        "v", "plan", "http", "timers", "ca_file", "proxy", "body_limit", "requests",
    })) return key;
    if (plan.object.get("v").?.integer != 1) return "v";
    if (!std.mem.eql(u8, plan.object.get("http").?.string, "1.1")) return "http";
    if (plan.object.get("proxy")) |proxy| if (proxy != .null) return "proxy";
    for (plan.object.get("requests").?.array.items) |request| {
        for (request.object.keys()) |key| if (!among(key, &.{
            "name",            "method", "url",           "headers", "body_b64", "body_pause_ms",
            "expect_continue", "start",  "not_before_ms", "timers",
        })) return key;
        for ([_]Value{ shared, request.object.get("timers") orelse Value{ .null = {} } }) |timers| {
            if (timers == .object) for (timers.object.keys(), timers.object.values()) |key, ms| {
                if (ms != .null) return key;
            };
        }
        if (!among(request.object.get("method").?.string, client.methods)) return "method";
        if (std.mem.startsWith(u8, request.object.get("url").?.string, "https:")) return "tls";
        if (request.object.get("expect_continue")) |wanted| if (wanted == .bool and wanted.bool) return "expect_continue";
        if (request.object.get("body_pause_ms")) |pauses| if (pauses == .array and pauses.array.items.len > 0) return "body_pause_ms";
        if (request.object.get("start")) |start| if (!std.mem.eql(u8, start.string, "after-previous")) return "start";
    }
    return null;
}
