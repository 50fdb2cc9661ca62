// SPDX-License-Identifier: MIT

// resty: a client of its own for each plan, whose transport is resty's default.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"

	"github.com/go-resty/resty/v2"

	kit "interimspec.test/adapterkit"
)

func main() {
	kit.Main(kit.Client{
		Name:    "go-resty",
		Version: kit.ModuleVersion("github.com/go-resty/resty/v2"),
		Stack:   []kit.Layer{kit.Runtime()},
		Can: kit.Can{
			HTTP: []string{"1.1", "2"}, TLS: true, Timers: []string{"total_ms"},
			SecondRequest: "pooled", NotBefore: true, Interim: "none",
		},
		Open: open,
	})
}

type session struct {
	client *resty.Client
}

func open(plan *kit.Plan) (kit.Session, error) {
	if err := kit.NoH2C(plan); err != nil {
		return nil, err
	}
	client := resty.New()
	if plan.HTTP == "1.1" {
		// Over TLS its transport offers HTTP/2 as well.
		transport := client.GetClient().Transport.(*http.Transport)
		transport.ForceAttemptHTTP2 = false
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	if plan.CAFile != nil {
		pem, err := os.ReadFile(*plan.CAFile)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New(*plan.CAFile + " holds no certificate")
		}
		client.SetTLSClientConfig(&tls.Config{RootCAs: roots})
	}
	return &session{client}, nil
}

func (s *session) Close() {
	s.client.GetClient().CloseIdleConnections()
}

func (s *session) Send(request *kit.Request, report *kit.Report) error {
	s.client.SetTimeout(kit.Duration(request.Timers.TotalMs))
	message := s.client.R()
	for _, field := range request.Headers {
		message.Header.Add(field[0], field[1])
	}
	if len(request.Pauses) > 0 {
		message.SetBody(request.BodyReader())
	} else if request.Body != nil {
		message.SetBody(bytes.Clone(request.Body))
	}
	response, err := message.Execute(request.Method, request.URL)
	if err != nil {
		return err
	}
	report.Response(response.StatusCode(), response.Status(), kit.Fields(response.Header()))
	report.Write(response.Body())
	return nil
}
