# SPDX-License-Identifier: MIT

## std/httpclient: a new HttpClient for each plan, request() for each request.

import std/[httpclient, httpcore, json, net, options, strutils]
import adapterkit

proc open(plan: Plan): HttpClient =
  # newHttpClient's timeout is for every call on the socket.
  let timeout = plan.requests[0].readMs.get(-1)
  let proxy = if plan.proxy.isSome: newProxy(plan.proxy.get) else: nil
  if plan.caFile.isSome:
    newHttpClient(timeout = timeout, proxy = proxy,
                  sslContext = newContext(verifyMode = CVerifyPeer, caFile = plan.caFile.get))
  else:
    newHttpClient(timeout = timeout, proxy = proxy)

proc send(client: HttpClient, request: Request, report: Report) =
  if request.readMs.isSome: client.timeout = request.readMs.get
  var headers = newHttpHeaders()
  for (name, value) in request.headers: headers.add(name, value)
  let answer = client.request(request.url, request.httpMethod, request.body.get(""), headers)
  let words = answer.status.split(' ', 1)
  var fields: seq[(string, string)]
  for name, value in answer.headers: fields.add (name, value)
  report.response(answer.code.int, if words.len > 1: words[1] else: "", fields)
  report.body(answer.body)

proc failure(error: ref CatchableError): string =
  if error of TimeoutError: "timeout"
  elif error of SslError: "tls"
  elif error of ProtocolError:
    # One type for all; what says that the connection ended are the words.
    if "onnected" in error.msg or "closed" in error.msg or "terminated" in error.msg: "closed"
    else: "protocol"
  elif error of OSError:
    case (ref OSError)(error).errorCode
    of 111: "refused" # ECONNREFUSED
    of 104, 32: "closed" # ECONNRESET, EPIPE
    else: "other"
  elif error of IOError or error of ValueError: "other"
  else: ""

run Client[HttpClient](
  name: "nim-httpclient", version: NimVersion, stack: @[],
  can: %*{"tls": true, "proxy": true, "timers": ["read_ms"],
          "methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]},
  open: open, send: send, close: proc (client: HttpClient) {.nimcall.} = client.close(),
  failure: failure)
