-- SPDX-License-Identifier: MIT

-- What all Lua adapters share: plans in, events out, and how a failure is told.
--
-- An adapter gives a function that plays one plan:
--
--     kit.main{client = "...", version = ..., stack = {...}, can = {...}, kinds = {{"timeout", "timeout"}},
--         play = function(plan)
--             plan:each(function(request, report)
--                 local answer = client.request(request.url)
--                 report:response(answer.status, answer.reason, pairs_of_fields)
--                 report:body(answer.body)
--             end)
--         end}
--
-- A request is told ok where the function returns, failed where it raises an error. Lua's clients
-- return nil and words: `kit.fail(words, status)` raises them, and `kinds` are patterns for them.

local digest = require "openssl.digest"
local json = require "dkjson"
local mime = require "mime"
local socket = require "socket"

local kit = {}

local PLAN_KEYS = {v = 1, plan = 1, http = 1, timers = 1, ca_file = 1, proxy = 1, body_limit = 1, requests = 1}
local REQUEST_KEYS = {name = 1, method = 1, url = 1, headers = 1, body_b64 = 1, body_pause_ms = 1,
    expect_continue = 1, start = 1, not_before_ms = 1, timers = 1}
local METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "MKCOL", "COPY"}

-- Words of the operating system, for what a client's own leave open.
local STANDARD_KINDS = {
    {"refused", "refused"}, {"timeout", "timeout"}, {"timed out", "timeout"}, {"closed", "closed"},
    {"reset", "closed"}, {"[Bb]roken pipe", "closed"}, {"certificate", "tls"},
}

local function now_ms()
    return socket.gettime() * 1000
end

-- Octets that are no UTF-8 are told as Latin-1.
local function text(octets)
    octets = tostring(octets)
    local rest = octets:gsub("[\194-\223][\128-\191]", ""):gsub("[\224-\239][\128-\191][\128-\191]", "")
        :gsub("[\240-\244][\128-\191][\128-\191][\128-\191]", "")
    if not rest:find("[\128-\255]") then
        return octets
    end
    return (octets:gsub("[\128-\255]", function(octet)
        return string.char(octet:byte() < 192 and 194 or 195, 128 + octet:byte() % 64)
    end))
end

local function has(items, item)
    for _, one in ipairs(items) do
        if one == item then return true end
    end
    return false
end

local function given(value)
    return value ~= nil and value ~= json.null
end

-- A list that is told as one where it is empty as well.
local function list(items)
    return setmetatable(items, {__jsontype = "array"})
end

local function told_fields(fields)
    local told = list{}
    for _, field in ipairs(fields) do
        told[#told + 1] = {text(field[1]), text(field[2])}
    end
    return told
end

-- What a client tells by nil and words. `status` is for the kind of that name.
function kit.fail(words, status)
    error({words = tostring(words), status = status}, 0)
end

function kit.runtime()
    return {name = "lua", version = _VERSION:match("[%d.]+")}
end

---------------------------------------------------------------- report

local Report = {}
Report.__index = Report

function Report:put(event)
    event.plan, event.request, event.at = self.plan.id, self.request.name, now_ms()
    kit.put(event)
end

-- The client handed over a head as the response. `fields` is a list of pairs.
function Report:response(status, reason, fields)
    self:put{event = "response", status = status or json.null, reason = reason and text(reason) or json.null,
        fields = told_fields(fields)}
    if self.phase then self.phase = "body" end
end

-- Content that the client handed over; may be called many times.
function Report:body(octets)
    self.length = (self.length or 0) + #octets
    self.hash:update(octets)
    if self.room > 0 then
        self.kept[#self.kept + 1] = octets:sub(1, self.room)
        self.room = self.room - math.min(self.room, #octets)
    end
end

function Report:finish(told, failure)
    local hex
    if self.length then
        hex = self.hash:final():gsub(".", function(octet) return ("%02x"):format(octet:byte()) end)
    end
    self:put{event = "end", started = self.started, told = told,
        body_b64 = self.length and (mime.b64(table.concat(self.kept)) or "") or json.null,
        body_len = self.length or json.null, body_sha256 = hex or json.null,
        error = failure or json.null}
end

function Report:describe(raised)
    local words = type(raised) == "table" and raised.words or tostring(raised)
    local told = {phase = self.phase or json.null, type = type(raised) == "table" and "nil" or "error",
        message = text(words):sub(1, 1000), kind = "other"}
    if type(raised) == "table" and raised.status then
        told.kind, told.status = "status", raised.status
        return told
    end
    for _, kinds in ipairs{self.plan.kinds, STANDARD_KINDS} do
        for _, one in ipairs(kinds) do
            if words:find(one[1]) then
                told.kind = one[2]
                return told
            end
        end
    end
    return told
end

---------------------------------------------------------------- plans

local Request = {}
Request.__index = Request

-- A timer in seconds; nil where it is not to be set.
function Request:seconds(timer)
    local ms = self.timers[timer]
    return given(ms) and ms / 1000 or nil
end

-- Names with their values; a repeated name is one line with a comma.
function Request:header_table()
    local found = {}
    for _, field in ipairs(self.headers) do
        found[field[1]] = found[field[1]] and found[field[1]] .. ", " .. field[2] or field[2]
    end
    return found
end

local function request_of(values, shared)
    local timers = {}
    for name, value in pairs(shared) do timers[name] = value end
    for name, value in pairs(given(values.timers) and values.timers or {}) do timers[name] = value end
    return setmetatable({
        name = values.name, method = values.method, url = values.url,
        headers = given(values.headers) and values.headers or {},
        body = given(values.body_b64) and (mime.unb64(values.body_b64) or "") or nil,
        not_before_ms = given(values.not_before_ms) and values.not_before_ms or 0, timers = timers,
    }, Request)
end

local Plan = {}
Plan.__index = Plan

-- Gives each request with its report, no sooner than the plan says.
function Plan:each(send)
    local first_at = now_ms()
    for _, request in ipairs(self.requests) do
        local wait_ms = first_at + request.not_before_ms - now_ms()
        if wait_ms > 0 then socket.sleep(wait_ms / 1000) end
        local report = setmetatable({plan = self, request = request, started = now_ms(), kept = {},
            room = self.body_limit, hash = digest.new("sha256"), phase = self.phases and "head" or nil}, Report)
        local ok, raised = pcall(send, request, report)
        if ok then
            report:finish("ok")
        else
            report:finish("failed", report:describe(raised))
        end
    end
end

local function plan_of(values, can, kinds)
    local shared = given(values.timers) and values.timers or {}
    local requests = {}
    for _, request in ipairs(values.requests) do
        requests[#requests + 1] = request_of(request, shared)
    end
    return setmetatable({
        id = values.plan, http = values.http, requests = requests, kinds = kinds, phases = can.phases,
        ca_file = given(values.ca_file) and values.ca_file or nil,
        proxy = given(values.proxy) and values.proxy or nil,
        body_limit = given(values.body_limit) and values.body_limit or 65536,
    }, Plan)
end

-- The first key and value of a plan that cannot be played; nothing where the whole plan can.
local function unsupported(plan, can)
    for key, value in pairs(plan) do
        if not PLAN_KEYS[key] then return key, value end
    end
    if plan.v ~= 1 then return "v", plan.v end
    if not has(can.http, plan.http) then return "http", plan.http end
    if given(plan.proxy) and not can.proxy then return "proxy", plan.proxy end
    for _, request in ipairs(plan.requests) do
        for key, value in pairs(request) do
            if not REQUEST_KEYS[key] then return key, value end
        end
        for _, timers in ipairs{given(plan.timers) and plan.timers or {}, given(request.timers) and request.timers or {}} do
            for name, value in pairs(timers) do
                if given(value) and not has(can.timers, name) then return name, value end
            end
        end
        if not has(can.methods, request.method) then return "method", request.method end
        if request.url:match("^https:") and not can.tls then return "tls", true end
        if request.expect_continue == true and not can.expect_continue then return "expect_continue", true end
        if given(request.body_pause_ms) and not can.body_stream then return "body_pause_ms", request.body_pause_ms end
        if given(request.start) and request.start ~= "after-previous" then return "start", request.start end
    end
end

-- Says hello, then plays the plans of standard input one at a time, until its end.
function kit.main(spec)
    local path = os.getenv("INTERIMSPEC_OUT")
    local out = path and assert(io.open(path, "w")) or io.stdout
    function kit.put(event)
        event.v = 1
        out:write(path and "" or "@interimspec ", json.encode(event), "\n")
        out:flush()
    end
    local can = {http = {"1.1"}, tls = false, proxy = false, timers = {}, second_request = "none",
        not_before = true, interim = "none", phases = false, expect_continue = false, body_stream = false,
        methods = METHODS}
    for key, value in pairs(spec.can) do can[key] = value end
    list(can.timers)
    kit.put{event = "hello", client = spec.client, version = spec.version, stack = spec.stack, can = can}
    for line in io.lines() do
        local values = json.decode(line, 1, json.null)
        local what, value = unsupported(values, can)
        if what then
            kit.put{event = "unsupported", plan = values.plan, what = what, value = value}
        else
            spec.play(plan_of(values, can, spec.kinds or {}))
        end
        kit.put{event = "done", plan = values.plan}
    end
end

return kit
