# SPDX-License-Identifier: MIT

## What the adapters for Nim clients share: plans from stdin, events out, and nothing else. No retry,
## no mapping. Only exceptions that the adapter's `failure` has a kind for end a request as failed; any
## other ends the process.

import std/[base64, json, math, options, os, sequtils, strutils, times]

type
  Request* = object
    name*, httpMethod*, url*: string
    headers*: seq[(string, string)]
    body*: Option[string]
    readMs*: Option[int]
    values: JsonNode

  Plan* = object
    id*: string
    caFile*, proxy*: Option[string]
    bodyLimit: int
    requests*: seq[Request]
    values: JsonNode

  Report* = ref object
    plan, request: string
    content: Option[string]

  Client*[Session] = object
    name*, version*: string
    stack*: seq[(string, string)]
    can*: JsonNode ## what differs from a client that can do nothing
    open*: proc (plan: Plan): Session {.nimcall.} ## one fresh client object
    send*: proc (session: Session, request: Request, report: Report) {.nimcall.}
    close*: proc (session: Session) {.nimcall.}
    failure*: proc (error: ref CatchableError): string {.nimcall.} ## "" where it is not to be caught

const
  planKeys = ["v", "plan", "http", "timers", "ca_file", "proxy", "body_limit", "requests"]
  requestKeys = ["name", "method", "url", "headers", "body_b64", "body_pause_ms",
                 "expect_continue", "start", "not_before_ms", "timers"]

var output: File
var mark = ""

# The standard library has no SHA-256 of its own; -d:ssl brings this one along.
proc SHA256(data: cstring, length: csize_t, digest: ptr array[32, byte]): pointer
  {.cdecl, importc, dynlib: "libcrypto.so(.3|.1.1|)".}

proc sha256(octets: string): string =
  var digest: array[32, byte]
  discard SHA256(octets.cstring, octets.len.csize_t, addr digest)
  for octet in digest:
    result.add octet.toHex(2).toLowerAscii

proc nowMs(): float = epochTime() * 1000

proc put(event: JsonNode) =
  event["v"] = %1
  output.write mark & $event & "\n"
  output.flushFile

proc utf8(octets: string): string =
  ## Octets taken for Latin-1, as JSON wants them.
  for octet in octets:
    if octet < '\x80': result.add octet
    else:
      result.add chr(0xC0 or (octet.ord shr 6))
      result.add chr(0x80 or (octet.ord and 0x3F))

proc response*(report: Report, status: int, reason: string, fields: seq[(string, string)]) =
  ## The client handed over a head as the response.
  put %*{"event": "response", "plan": report.plan, "request": report.request, "at": nowMs(),
         "status": status, "reason": utf8(reason), "fields": fields.mapIt([utf8(it[0]), utf8(it[1])])}

proc body*(report: Report, octets: string) =
  ## Content that the client handed over.
  report.content = some(report.content.get("") & octets)

proc text(values: JsonNode, key: string): Option[string] =
  if values{key} == nil or values{key}.kind == JNull: none(string) else: some(values[key].getStr)

proc timers(values: JsonNode): seq[(string, JsonNode)] =
  if values{"timers"} != nil: toSeq(values["timers"].pairs) else: @[]

proc readRequest(shared, values: JsonNode): Request =
  result = Request(name: values["name"].getStr, httpMethod: values["method"].getStr,
                   url: values["url"].getStr, values: values)
  if values.text("body_b64").isSome:
    result.body = some(decode(values["body_b64"].getStr))
  for pair in values{"headers"}.getElems:
    result.headers.add (pair[0].getStr, pair[1].getStr)
  let merged = newJObject()
  for (key, value) in timers(shared) & timers(values): merged[key] = value
  if merged{"read_ms"} != nil and merged["read_ms"].kind != JNull:
    result.readMs = some(merged["read_ms"].getInt)
  values["timers"] = merged

proc readPlan(values: JsonNode): Plan =
  result = Plan(id: values["plan"].getStr, caFile: values.text("ca_file"),
                proxy: values.text("proxy"), bodyLimit: values{"body_limit"}.getInt(65536),
                values: values)
  for request in values["requests"]:
    result.requests.add readRequest(values, request)

proc has(can: JsonNode, key, word: string): bool = can[key].getElems.anyIt(it.getStr == word)

proc unsupported(can: JsonNode, plan: Plan): (string, JsonNode) =
  ## The first thing in the plan that the client cannot do, and its value.
  for key, value in plan.values:
    if key notin planKeys: return (key, value)
  if plan.values["v"].getInt != 1: return ("v", plan.values["v"])
  if not can.has("http", plan.values["http"].getStr): return ("http", plan.values["http"])
  if plan.proxy.isSome and not can["proxy"].getBool: return ("proxy", plan.values["proxy"])
  for request in plan.requests:
    let values = request.values
    for key, value in values:
      if key notin requestKeys: return (key, value)
    for key, value in values["timers"]:
      if value.kind != JNull and not can.has("timers", key): return (key, value)
    if not can.has("methods", request.httpMethod): return ("method", values["method"])
    if request.url.startsWith("https:") and not can["tls"].getBool: return ("tls", %true)
    if values{"expect_continue"}.getBool and not can["expect_continue"].getBool:
      return ("expect_continue", %true)
    if values{"body_pause_ms"}.getElems.len > 0: return ("body_pause_ms", values["body_pause_ms"])
    if values{"start"}.getStr("after-previous") != "after-previous": return ("start", values["start"])

proc sendOne[S](client: Client[S], session: S, plan: Plan, request: Request) =
  let report = Report(plan: plan.id, request: request.name)
  let ended = %*{"event": "end", "plan": plan.id, "request": request.name, "started": nowMs(),
                 "told": "ok", "body_b64": nil, "body_len": nil, "body_sha256": nil, "error": nil}
  try:
    client.send(session, request, report)
  except CatchableError as error:
    let kind = client.failure(error)
    if kind == "": raise
    ended["told"] = %"failed"
    ended["error"] = %*{"kind": kind, "phase": nil, "type": $error.name,
                        "message": utf8(error.msg)[0 ..< min(2000, utf8(error.msg).len)]}
  ended["at"] = %nowMs()
  if report.content.isSome:
    let octets = report.content.get
    ended["body_b64"] = %encode(octets[0 ..< min(plan.bodyLimit, octets.len)])
    ended["body_len"] = %octets.len
    ended["body_sha256"] = %sha256(octets)
  put ended

proc play[S](client: Client[S], can: JsonNode, plan: Plan) =
  let (what, value) = unsupported(can, plan)
  if what != "":
    put %*{"event": "unsupported", "plan": plan.id, "what": what, "value": value}
  else:
    let session = client.open(plan)
    let begun = nowMs()
    for request in plan.requests:
      let wait = begun + request.values{"not_before_ms"}.getFloat - nowMs()
      if wait > 0: sleep(ceil(wait).int)
      sendOne(client, session, plan, request)
    client.close(session)
  put %*{"event": "done", "plan": plan.id}

proc run*[S](client: Client[S]) =
  ## Says hello, then plays the plans of stdin one at a time, until its end.
  let path = getEnv("INTERIMSPEC_OUT")
  if path == "":
    output = stdout
    mark = "@interimspec "
  else:
    output = open(path, fmAppend)
  let can = %*{"http": ["1.1"], "tls": false, "proxy": false, "timers": [],
               "second_request": "pooled", "not_before": true, "interim": "none", "phases": false,
               "expect_continue": false, "body_stream": false,
               "methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND",
                           "MKCOL", "COPY"]}
  for key, value in client.can: can[key] = value
  put %*{"event": "hello", "client": client.name, "version": client.version,
         "stack": (client.stack & @[("nim", NimVersion)]).mapIt(%*{"name": it[0], "version": it[1]}),
         "can": can}
  for line in stdin.lines:
    if line.strip != "": play(client, can, readPlan(parseJson(line)))
