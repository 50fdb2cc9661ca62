# SPDX-License-Identifier: MIT

# What all R adapters share: plans in, events out, and how a condition is told.
#
# An adapter gives a function that plays one plan:
#
#     adapter_main(client = "...", version = ..., stack = list(...), can = list(...), play = function(plan) {
#       plan$each(function(request, report) {
#         answer <- client_get(request$url)
#         report$response(answer$status, answer$reason, answer$fields)   # fields: list of c(name, value)
#         report$body(answer$content)                                    # raw
#       })
#     }, kinds = list(list("Timeout", "timeout")))
#
# A request is told ok where the function returns, failed where it stops with an error. `kinds` are
# patterns for the words of the error, before those of libcurl, on which R's clients stand.

suppressPackageStartupMessages(library(jsonlite))

PLAN_KEYS <- c("v", "plan", "http", "timers", "ca_file", "proxy", "body_limit", "requests")
REQUEST_KEYS <- c("name", "method", "url", "headers", "body_b64", "body_pause_ms", "expect_continue",
                  "start", "not_before_ms", "timers")
METHODS <- c("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "MKCOL", "COPY")

# The words of curl_easy_strerror() and of libcurl's error buffer.
LIBCURL_KINDS <- list(
  list("Timeout was reached|timed out", "timeout"),
  list("HTTP/?2", "protocol"),
  list("refused|Failed to connect", "refused"),
  list("Empty reply|Connection reset|transfer closed|Recv failure|Send failure|partial file", "closed"),
  list("SSL|certificate", "tls"),
  list("Too large|too large|Maximum|exceeded", "limit"),
  list("HTTP/0.9|Weird server reply|Nul byte|chunk|encoding|Unsupported|Invalid", "protocol")
)

now_ms <- function() as.numeric(Sys.time()) * 1000

# Octets that are no UTF-8 are told as Latin-1.
as_text <- function(octets) {
  if (validUTF8(octets)) `Encoding<-`(octets, "UTF-8") else iconv(octets, "latin1", "UTF-8")
}

runtime_layer <- function() list(name = "r", version = paste(R.version$major, R.version$minor, sep = "."))

# The lines of the last head, as a list of c(name, value), and the reason of its status line.
last_head <- function(lines) {
  begins <- grep("^HTTP/", lines)
  head <- lines[max(begins, 1):length(lines)]
  fields <- head[grepl(":", head) & !grepl("^HTTP/", head)]
  list(
    reason = sub("^HTTP/\\S+ \\d+ ?", "", head[1]),
    fields = lapply(fields, function(line) c(sub(":.*", "", line), sub("^[^:]*: *", "", line)))
  )
}

kind_of <- function(words, kinds) {
  for (one in c(kinds, LIBCURL_KINDS)) {
    if (grepl(one[[1]], words)) return(one[[2]])
  }
  "other"
}

new_report <- function(put, plan, request, kinds, phases) {
  content <- NULL
  started <- now_ms()
  phase <- if (phases) "head" else NULL
  tell <- function(event, values) {
    put(c(list(event = event, plan = plan$plan, request = request$name, at = now_ms()), values))
  }
  finish <- function(told, error) {
    has_body <- !is.null(content)
    tell("end", list(
      started = started, told = told,
      body_b64 = if (has_body) gsub("\n", "", base64_enc(head(content, plan$body_limit)), fixed = TRUE) else NA,
      body_len = if (has_body) length(content) else NA,
      body_sha256 = if (has_body) paste(openssl::sha256(content), collapse = "") else NA,
      error = error
    ))
  }
  list(
    response = function(status, reason, fields) {
      told <- lapply(fields, function(field) lapply(field, as_text))
      tell("response", list(status = status, reason = if (is.null(reason)) NA else as_text(reason), fields = told))
      phase <<- if (phases) "body" else NULL
    },
    body = function(octets) content <<- c(content, octets),
    ok = function() finish("ok", NA),
    failed = function(error) {
      words <- conditionMessage(error)
      status <- attr(error, "interimspec_status")
      told <- list(kind = if (is.null(status)) kind_of(words, kinds) else "status", type = class(error)[1],
                   message = substr(as_text(words), 1, 2000))
      if (!is.null(phase)) told$phase <- phase
      if (!is.null(status)) told$status <- status
      finish("failed", told)
    }
  )
}

# A condition whose kind is `status`.
as_status <- function(error, status) {
  attr(error, "interimspec_status") <- status
  error
}

new_plan <- function(values, put, kinds, phases) {
  plan <- list(plan = values$plan, http = values$http, ca_file = values$ca_file, proxy = values$proxy,
               body_limit = if (is.null(values$body_limit)) 65536 else values$body_limit)
  plan$requests <- lapply(values$requests, function(request) {
    timers <- modifyList(as.list(values$timers), as.list(request$timers))
    body <- if (is.null(request$body_b64)) NULL else base64_dec(request$body_b64)
    list(
      name = request$name, method = request$method, url = request$url, body = body,
      headers = lapply(request$headers, unlist),
      not_before_ms = if (is.null(request$not_before_ms)) 0 else request$not_before_ms,
      ms = function(timer) timers[[timer]]
    )
  })
  plan$each <- function(send) {
    first_at <- now_ms()
    for (request in plan$requests) {
      wait_ms <- first_at + request$not_before_ms - now_ms()
      if (wait_ms > 0) Sys.sleep(wait_ms / 1000)
      report <- new_report(put, plan, request, kinds, phases)
      failure <- tryCatch({
        send(request, report)
        NULL
      }, error = identity)
      if (is.null(failure)) report$ok() else report$failed(failure)
    }
  }
  plan
}

# The first key and value of a plan that cannot be played; NULL where the whole plan can.
unsupported <- function(values, can, h2c) {
  unknown <- setdiff(names(values), PLAN_KEYS)
  if (length(unknown)) return(list(unknown[1], values[[unknown[1]]]))
  if (!identical(as.integer(values$v), 1L)) return(list("v", values$v))
  if (!values$http %in% can$http) return(list("http", values$http))
  if (values$http == "2" && !h2c && startsWith(values$requests[[1]]$url, "http:")) return(list("http", "2 without TLS"))
  if (!is.null(values$proxy) && !can$proxy) return(list("proxy", values$proxy))
  for (request in values$requests) {
    unknown <- setdiff(names(request), REQUEST_KEYS)
    if (length(unknown)) return(list(unknown[1], request[[unknown[1]]]))
    timers <- c(Filter(Negate(is.null), as.list(values$timers)), Filter(Negate(is.null), as.list(request$timers)))
    lacking <- setdiff(names(timers), can$timers)
    if (length(lacking)) return(list(lacking[1], timers[[lacking[1]]]))
    if (!request$method %in% can$methods) return(list("method", request$method))
    if (startsWith(request$url, "https:") && !can$tls) return(list("tls", TRUE))
    if (isTRUE(request$expect_continue) && !can$expect_continue) return(list("expect_continue", TRUE))
    if (!is.null(request$body_pause_ms)) return(list("body_pause_ms", request$body_pause_ms))
    if (!identical(request$start, "after-previous") && !is.null(request$start)) return(list("start", request$start))
  }
  NULL
}

# Says hello, then plays the plans of standard input one at a time, until its end.
# h2c: whether a client with HTTP/2 has it without TLS too, with prior knowledge.
adapter_main <- function(client, version, stack, can, play, kinds = list(), h2c = TRUE) {
  path <- Sys.getenv("INTERIMSPEC_OUT")
  out <- if (nzchar(path)) file(path, "wb", raw = TRUE) else stdout()
  mark <- if (nzchar(path)) "" else "@interimspec "
  put <- function(event) {
    line <- toJSON(c(list(v = 1), event), auto_unbox = TRUE, digits = 17, na = "null", null = "null")
    writeLines(paste0(mark, enc2utf8(line)), out, useBytes = TRUE)
    flush(out)
  }
  can <- modifyList(list(
    http = "1.1", tls = FALSE, proxy = FALSE, timers = list(), second_request = "none", not_before = TRUE,
    interim = "none", phases = FALSE, expect_continue = FALSE, body_stream = FALSE, methods = METHODS
  ), can)
  told <- can
  for (key in c("http", "timers", "methods")) told[[key]] <- I(can[[key]])
  put(list(event = "hello", client = client, version = as.character(version), stack = stack, can = told))
  input <- file("stdin", "r")
  while (length(line <- readLines(input, n = 1)) > 0) {
    values <- fromJSON(line, simplifyVector = FALSE)
    missing <- unsupported(values, can, h2c)
    if (is.null(missing)) {
      play(new_plan(values, put, kinds, can$phases))
    } else {
      put(list(event = "unsupported", plan = values$plan, what = missing[[1]], value = missing[[2]]))
    }
    put(list(event = "done", plan = values$plan))
  }
}
