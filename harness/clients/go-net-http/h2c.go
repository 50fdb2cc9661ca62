// SPDX-License-Identifier: MIT

//go:build go1.24

package main

import (
	"net/http"

	kit "interimspec.test/adapterkit"
)

// priorKnowledge: HTTP/2 without TLS, which a transport can be asked for since Go 1.24.
func priorKnowledge(transport *http.Transport, _ *kit.Plan) error {
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetUnencryptedHTTP2(true)
	return nil
}
