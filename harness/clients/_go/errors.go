// SPDX-License-Identifier: MIT

package adapterkit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"strings"
	"syscall"
)

// KindError says of an error what its type alone does not.
type KindError struct {
	Kind string
	Err  error
}

func (e *KindError) Error() string { return e.Err.Error() }
func (e *KindError) Unwrap() error { return e.Err }

// Words of net/http for errors whose types it does not export, most special first.
var kindOfWords = []struct{ words, kind string }{
	{"too many 1xx", "limit"},
	{"server response headers exceeded", "limit"},
	{"stopped after 10 redirects", "limit"},
	{"malformed", "protocol"},
	{"unsupported transfer encoding", "protocol"},
	{"bad Content-Length", "protocol"},
	{"invalid byte in chunk length", "protocol"},
	{"server closed idle connection", "closed"},
	{"transport connection broken", "closed"},
}

func describe(err error, phase any) map[string]any {
	message := err.Error()
	if len(message) > 2000 {
		message = message[:2000]
	}
	return map[string]any{
		"kind": kindOf(err), "phase": phase, "type": typeOf(err),
		"message": strings.ToValidUTF8(message, "\uFFFD"),
	}
}

// typeOf names the outermost error and the innermost that it wraps.
func typeOf(err error) string {
	var kind *KindError
	if errors.As(err, &kind) {
		err = kind.Err
	}
	inner := err
	for next := errors.Unwrap(inner); next != nil; next = errors.Unwrap(next) {
		inner = next
	}
	outer, last := fmt.Sprintf("%T", err), fmt.Sprintf("%T", inner)
	if outer == last {
		return outer
	}
	return outer + " > " + last
}

func kindOf(err error) string {
	var kind *KindError
	if errors.As(err, &kind) {
		return kind.Kind
	}
	var netErr net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		(errors.As(err, &netErr) && netErr.Timeout()) {
		return "timeout"
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "refused"
	}
	if isTLS(err) {
		return "tls"
	}
	for _, entry := range kindOfWords {
		if strings.Contains(err.Error(), entry.words) {
			return entry.kind
		}
	}
	for _, closed := range []error{
		io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed,
	} {
		if errors.Is(err, closed) {
			return "closed"
		}
	}
	var protocol textproto.ProtocolError
	var protocolHTTP *http.ProtocolError
	if errors.As(err, &protocol) || errors.As(err, &protocolHTTP) {
		return "protocol"
	}
	return "other"
}

func isTLS(err error) bool {
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &record) || errors.As(err, &authority) || errors.As(err, &host) ||
		errors.As(err, &invalid)
}
