#!/bin/sh
# SPDX-License-Identifier: MIT
# Starts the Bun of this environment, whose package is named after the machine's architecture.
exec "$(dirname "$0")"/node_modules/@oven/bun-linux-*/bin/bun "$@"
