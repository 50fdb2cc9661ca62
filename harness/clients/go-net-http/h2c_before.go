// SPDX-License-Identifier: MIT

//go:build !go1.24

package main

import (
	"net/http"

	kit "interimspec.test/adapterkit"
)

// priorKnowledge: before Go 1.24 net/http spoke HTTP/2 over TLS only.
func priorKnowledge(_ *http.Transport, plan *kit.Plan) error {
	return kit.NoH2C(plan)
}
