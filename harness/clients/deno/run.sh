#!/bin/sh
# SPDX-License-Identifier: MIT
# Starts the Deno of this environment, whose package is named after the machine's architecture.
exec "$(dirname "$0")"/node_modules/@deno/linux-*-glibc/deno "$@"
