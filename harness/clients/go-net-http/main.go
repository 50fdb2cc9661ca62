// SPDX-License-Identifier: MIT

// The client of Go's net/http: a clone of its default transport for each plan. With --untraced
// nobody looks at interim responses.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"os"
	"strings"

	kit "interimspec.test/adapterkit"
)

var untraced = len(os.Args) > 1 && os.Args[1] == "--untraced"

func main() {
	interim := "fields"
	if untraced {
		interim = "none"
	}
	kit.Main(kit.Client{
		Name:    "go-net-http",
		Version: kit.GoVersion(),
		Stack:   []kit.Layer{kit.Runtime()},
		Can: kit.Can{
			HTTP: []string{"1.1", "2"}, TLS: true, Proxy: true, Timers: []string{"total_ms"},
			SecondRequest: "pooled", NotBefore: true, Interim: interim, Phases: true,
			ExpectContinue: true, BodyStream: true, Concurrent: true,
		},
		Open: open,
	})
}

type session struct {
	transport *http.Transport
}

func open(plan *kit.Plan) (kit.Session, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if plan.CAFile != nil {
		pem, err := os.ReadFile(*plan.CAFile)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	if plan.Proxy != nil {
		proxy, err := url.Parse(*plan.Proxy)
		if err != nil {
			return nil, err
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	if err := choose(transport, plan); err != nil {
		return nil, err
	}
	return &session{transport}, nil
}

// choose says which version of HTTP the transport may speak. Over TLS it offers both by default, and
// an empty TLSNextProto is the documented way to leave HTTP/2 out.
func choose(transport *http.Transport, plan *kit.Plan) error {
	if plan.HTTP == "1.1" {
		transport.ForceAttemptHTTP2 = false
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		return nil
	}
	if strings.HasPrefix(plan.Requests[0].URL, "http:") {
		return priorKnowledge(transport, plan)
	}
	return nil
}

func (s *session) Close() {
	s.transport.CloseIdleConnections()
}

func (s *session) Send(request *kit.Request, report *kit.Report) error {
	message, err := newRequest(request)
	if err != nil {
		return err
	}
	trace := &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			report.Interim(code, kit.Fields(header))
			return nil
		},
	}
	if !untraced {
		message = message.WithContext(httptrace.WithClientTrace(message.Context(), trace))
	}
	client := &http.Client{Transport: s.transport, Timeout: kit.Duration(request.Timers.TotalMs)}
	response, err := client.Do(message)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	report.Response(response.StatusCode, response.Status, kit.Fields(response.Header))
	report.Write(nil)
	_, err = io.Copy(report, response.Body)
	return err
}

func newRequest(request *kit.Request) (*http.Request, error) {
	var body io.Reader
	if len(request.Pauses) > 0 {
		body = request.BodyReader()
	} else if request.Body != nil {
		body = bytes.NewReader(request.Body)
	}
	message, err := http.NewRequest(request.Method, request.URL, body)
	if err != nil {
		return nil, err
	}
	if len(request.Pauses) > 0 {
		message.ContentLength = int64(len(request.Body))
	}
	for _, field := range request.Headers {
		message.Header.Add(field[0], field[1])
	}
	if request.ExpectContinue {
		message.Header.Set("Expect", "100-continue")
	}
	return message, nil
}
