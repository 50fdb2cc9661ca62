-- SPDX-License-Identifier: MIT

-- lua-http: http.request.new_from_uri(...):go(), which gives the head and a stream.

local here = arg[0]:match("^(.*)/[^/]*$")
package.path = here .. "/../_lua/?.lua;" .. package.path
local kit = require "adapterkit"
local cqueues = require "cqueues"
local http_request = require "http.request"
local http_tls = require "http.tls"
local http_version = require "http.version"
local ssl_context = require "openssl.ssl.context"
local x509_store = require "openssl.x509.store"

local VERSIONS = {["1.1"] = 1.1, ["2"] = 2}

local function tls_context(ca_file)
    local context = http_tls.new_client_context()
    context:setVerify(ssl_context.VERIFY_PEER)
    context:setStore(x509_store.new():add(ca_file))
    return context
end

local function message(plan, request)
    local found = http_request.new_from_uri(request.url)
    found.version = VERSIONS[plan.http]
    found.headers:upsert(":method", request.method)
    for _, field in ipairs(request.headers) do
        found.headers:append(field[1]:lower(), field[2])
    end
    if request.body then
        found:set_body(request.body)
    end
    if plan.ca_file then
        found.ctx = tls_context(plan.ca_file)
    end
    return found
end

local function fields_of(headers)
    local fields = {}
    for name, value in headers:each() do
        if name:sub(1, 1) ~= ":" then
            fields[#fields + 1] = {name, value}
        end
    end
    return fields
end

local function send(plan, request, report)
    local limit = request:seconds("total_ms")
    local deadline = limit and cqueues.monotime() + limit
    local headers, stream = message(plan, request):go(limit)
    if not headers then
        kit.fail(stream)
    end
    report:response(tonumber(headers:get(":status")), nil, fields_of(headers))
    local body, words = stream:get_body_as_string(deadline and deadline - cqueues.monotime())
    if not body then
        kit.fail(words)
    end
    report:body(body)
end

kit.main{
    client = "lua-http",
    version = http_version.version,
    stack = {{name = "cqueues", version = tostring(cqueues.VERSION)}, kit.runtime()},
    can = {http = {"1.1", "2"}, tls = true, timers = {"total_ms"}, second_request = "new-connection", phases = true},
    play = function(plan)
        plan:each(function(request, report) send(plan, request, report) end)
    end,
}
