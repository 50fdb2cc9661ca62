# SPDX-License-Identifier: MIT

# httr2: request() and req_perform(); libcurl's handles come from the pool of the curl package.

here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
source(file.path(here, "..", "_r", "adapterkit.R"))
library(httr2)

message_of <- function(plan, request) {
  message <- req_method(request(request$url), request$method)
  for (field in request$headers) {
    message <- do.call(req_headers, c(list(message), setNames(list(field[2]), field[1])))
  }
  if (!is.null(request$body)) message <- req_body_raw(message, request$body)
  settings <- list()
  if (!is.null(plan$ca_file)) settings$cainfo <- plan$ca_file
  if (!is.null(plan$proxy)) settings$proxy <- plan$proxy
  if (startsWith(request$url, "https:")) settings$http_version <- 2
  if (!is.null(request$ms("connect_ms"))) settings$connecttimeout_ms <- request$ms("connect_ms")
  if (!is.null(request$ms("total_ms"))) settings$timeout_ms <- request$ms("total_ms")
  do.call(req_options, c(list(message), settings))
}

perform <- function(message) {
  tryCatch(
    req_perform(message),
    httr2_http = function(error) stop(as_status(error, resp_status(error$resp)))
  )
}

adapter_main(
  client = "httr2",
  version = packageVersion("httr2"),
  stack = list(list(name = "curl", version = as.character(packageVersion("curl"))),
               list(name = "libcurl", version = curl::curl_version()$version), runtime_layer()),
  can = list(tls = TRUE, proxy = TRUE, timers = c("connect_ms", "total_ms"), second_request = "pooled"),
  play = function(plan) {
    plan$each(function(request, report) {
      answer <- perform(message_of(plan, request))
      headers <- resp_headers(answer)
      fields <- Map(function(name, value) c(name, value), names(headers), headers)
      report$response(resp_status(answer), NULL, unname(fields))
      report$body(if (length(answer$body)) resp_body_raw(answer) else raw(0))
    })
  }
)
