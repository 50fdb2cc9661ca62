# SPDX-License-Identifier: MIT

# curl: one handle per plan, curl_fetch_memory().

here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
source(file.path(here, "..", "_r", "adapterkit.R"))
library(curl)

# libcurl's numbers for CURLOPT_HTTP_VERSION: its own choice on http://, else what the plan asks for.
http_version <- function(plan, url) {
  tls <- startsWith(url, "https:")
  if (plan$http == "2") if (tls) 4 else 5 else if (tls) 2 else 0
}

prepare <- function(handle, plan, request) {
  handle_reset(handle)
  handle_setopt(handle, customrequest = request$method, http_version = http_version(plan, request$url))
  if (request$method == "HEAD") handle_setopt(handle, nobody = TRUE)
  if (!is.null(request$body)) handle_setopt(handle, postfields = request$body, postfieldsize = length(request$body))
  if (!is.null(plan$ca_file)) handle_setopt(handle, cainfo = plan$ca_file)
  if (!is.null(plan$proxy)) handle_setopt(handle, proxy = plan$proxy)
  if (!is.null(request$ms("connect_ms"))) handle_setopt(handle, connecttimeout_ms = request$ms("connect_ms"))
  if (!is.null(request$ms("total_ms"))) handle_setopt(handle, timeout_ms = request$ms("total_ms"))
  fields <- vapply(request$headers, function(field) paste0(field[1], ": ", field[2]), "")
  if (length(fields)) handle_setopt(handle, httpheader = fields)
}

adapter_main(
  client = "r-curl",
  version = packageVersion("curl"),
  stack = list(list(name = "libcurl", version = curl_version()$version), runtime_layer()),
  can = list(http = c("1.1", "2"), tls = TRUE, proxy = TRUE, timers = c("connect_ms", "total_ms"),
             second_request = "pooled"),
  # libcurl 7.88.0 and 7.88.1 fail every request but the first on a connection with prior knowledge,
  # whatever the answers are (github.com/curl/curl/issues/10634).
  h2c = !curl_version()$version %in% c("7.88.0", "7.88.1"),
  play = function(plan) {
    handle <- new_handle()
    plan$each(function(request, report) {
      prepare(handle, plan, request)
      answer <- curl_fetch_memory(request$url, handle)
      head <- last_head(parse_headers(answer$headers, multiple = FALSE))
      report$response(answer$status_code, head$reason, head$fields)
      report$body(answer$content)
    })
  }
)
