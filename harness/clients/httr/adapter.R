# SPDX-License-Identifier: MIT

# httr: VERB() with a handle() per plan, which keeps the connection.

here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
source(file.path(here, "..", "_r", "adapterkit.R"))
library(httr)

options_of <- function(plan, request) {
  settings <- list()
  if (!is.null(plan$ca_file)) settings$cainfo <- plan$ca_file
  if (!is.null(plan$proxy)) settings$proxy <- plan$proxy
  if (startsWith(request$url, "https:")) settings$http_version <- 2
  if (!is.null(request$ms("connect_ms"))) settings$connecttimeout_ms <- request$ms("connect_ms")
  if (!is.null(request$ms("total_ms"))) settings$timeout_ms <- request$ms("total_ms")
  names <- vapply(request$headers, `[`, "", 1)
  fields <- setNames(vapply(request$headers, `[`, "", 2), names)
  c(do.call(config, settings), if (length(fields)) add_headers(.headers = fields))
}

adapter_main(
  client = "httr",
  version = packageVersion("httr"),
  stack = list(list(name = "curl", version = as.character(packageVersion("curl"))),
               list(name = "libcurl", version = curl::curl_version()$version), runtime_layer()),
  can = list(tls = TRUE, proxy = TRUE, timers = c("connect_ms", "total_ms"), second_request = "pooled"),
  play = function(plan) {
    handle <- handle(plan$requests[[1]]$url)
    plan$each(function(request, report) {
      answer <- VERB(request$method, request$url, options_of(plan, request), body = request$body, handle = handle)
      fields <- Map(function(name, value) c(name, value), names(answer$headers), answer$headers)
      report$response(status_code(answer), NULL, unname(fields))
      report$body(content(answer, "raw"))
    })
  }
)
