-- SPDX-License-Identifier: MIT

-- LuaSocket: socket.http.request with a table; for https:// its double in LuaSec, ssl.https.

local here = arg[0]:match("^(.*)/[^/]*$")
package.path = here .. "/../_lua/?.lua;" .. package.path
local kit = require "adapterkit"
local http = require "socket.http"
local https = require "ssl.https"
local ltn12 = require "ltn12"
local socket = require "socket"
local ssl = require "ssl"

local function pairs_of(headers)
    local found = {}
    for name, value in pairs(headers) do
        found[#found + 1] = {name, value}
    end
    return found
end

local function send(plan, request, report)
    local sink, content = {}, request.body
    local headers = request:header_table()
    if content then
        headers["content-length"] = #content
    end
    local message = {url = request.url, method = request.method, headers = headers, proxy = plan.proxy,
        source = content and ltn12.source.string(content), sink = ltn12.sink.table(sink)}
    local client = http
    if request.url:match("^https:") then
        client, message.cafile, message.verify, message.protocol = https, plan.ca_file, "peer", "any"
    end
    client.TIMEOUT = request:seconds("read_ms") or 60 -- the documented default
    local ok, code, fields, line = client.request(message)
    if not ok then
        kit.fail(code)
    end
    report:response(code, line:match("^%S+ %d+ ?(.*)"), pairs_of(fields))
    report:body(table.concat(sink))
end

kit.main{
    client = "luasocket",
    version = socket._VERSION:match("[%d.]+.*"),
    stack = {{name = "luasec", version = ssl._VERSION}, kit.runtime()},
    can = {tls = true, timers = {"read_ms"}, second_request = "new-connection"},
    kinds = {{"^wantread$", "timeout"}, {"^wantwrite$", "timeout"}}, -- LuaSec's words for it
    play = function(plan)
        plan:each(function(request, report) send(plan, request, report) end)
    end,
}
