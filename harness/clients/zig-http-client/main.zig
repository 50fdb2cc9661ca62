// SPDX-License-Identifier: MIT

//! std.http.Client: a new one for each plan, request() and receiveHead() for each request, as its
//! fetch() does it.

const std = @import("std");
const kit = @import("adapterkit.zig");

const Client = std.http.Client;
const has_io = @hasField(Client, "io"); // since 0.16

pub fn main() void {
    kit.run(.{
        .name = "zig-http-client",
        .can = "\"http\":[\"1.1\"],\"tls\":false,\"proxy\":false,\"timers\":[],\"second_request\":\"pooled\",\"not_before\":true," ++
            "\"interim\":\"none\",\"phases\":true,\"expect_continue\":false,\"body_stream\":false",
        .methods = &.{ "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" },
    }, Session);
}

const Session = struct {
    threaded: if (has_io) *std.Io.Threaded else void,
    client: *Client,

    pub fn open() Session {
        const client = kit.gpa.create(Client) catch @panic("no memory");
        if (has_io) {
            const threaded = kit.gpa.create(std.Io.Threaded) catch @panic("no memory");
            threaded.* = .init(kit.gpa, .{});
            client.* = .{ .allocator = kit.gpa, .io = threaded.io() };
            return .{ .threaded = threaded, .client = client };
        }
        client.* = .{ .allocator = kit.gpa };
        return .{ .threaded = {}, .client = client };
    }

    pub fn close(session: *Session) void {
        session.client.deinit();
        kit.gpa.destroy(session.client);
        if (has_io) {
            session.threaded.deinit();
            kit.gpa.destroy(session.threaded);
        }
    }

    pub fn send(session: *Session, request: kit.Request, report: *kit.Report) ?kit.Failure {
        exchange(session.client, request, report) catch |err| return .{ .kind = kindOf(err), .name = @errorName(err) };
        return null;
    }
};

fn exchange(client: *Client, request: kit.Request, report: *kit.Report) !void {
    const method = std.meta.stringToEnum(std.http.Method, request.method).?;
    var message = try client.request(method, try std.Uri.parse(request.url), .{ .extra_headers = request.headers });
    defer message.deinit();
    if (request.body) |octets| {
        try message.sendBodyComplete(octets);
    } else try message.sendBodiless();

    var redirect_buffer: [8 * 1024]u8 = undefined;
    var response = message.receiveHead(&redirect_buffer) catch |err| return detail(err, message.connection);
    var fields: [256]kit.Field = undefined;
    var count: usize = 0;
    var headers = response.head.iterateHeaders();
    while (headers.next()) |header| : (count += 1) {
        if (count == fields.len) break;
        fields[count] = .{ .name = header.name, .value = header.value };
    }
    report.response(@intFromEnum(response.head.status), response.head.reason, fields[0..count]);

    report.body("");
    var transfer_buffer: [64]u8 = undefined;
    var decompress: std.http.Decompress = undefined;
    var window: [std.compress.flate.max_window_len]u8 = undefined;
    const reader = response.readerDecompressing(&transfer_buffer, &decompress, &window);
    var chunk: [4096]u8 = undefined;
    while (true) {
        const n = reader.readSliceShort(&chunk) catch |err| {
            return response.bodyErr() orelse detail(err, message.connection);
        };
        report.body(chunk[0..n]);
        if (n < chunk.len) break;
    }
}

/// ReadFailed says that the connection knows more.
fn detail(err: anyerror, connection: ?*Client.Connection) anyerror {
    if (err != error.ReadFailed) return err;
    const known = connection orelse return err;
    return known.getReadError() orelse err;
}

fn kindOf(err: anyerror) []const u8 {
    return switch (err) {
        error.ConnectionRefused => "refused",
        error.ConnectionTimedOut, error.Timeout => "timeout",
        error.ConnectionResetByPeer, error.BrokenPipe, error.EndOfStream, error.ReadFailed => "closed",
        error.WriteFailed, error.HttpConnectionClosing, error.HttpRequestTruncated, error.HttpChunkTruncated => "closed",
        error.HttpHeadersInvalid, error.HttpChunkInvalid, error.HttpContentEncodingUnsupported => "protocol",
        error.HttpHeadersOversize, error.TooManyHttpRedirects => "limit",
        else => "other",
    };
}
