// SPDX-License-Identifier: MIT

// fasthttp's Client, with a pool of its own for each plan.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"

	"github.com/valyala/fasthttp"

	kit "interimspec.test/adapterkit"
)

func main() {
	kit.Main(kit.Client{
		Name:    "go-fasthttp",
		Version: kit.ModuleVersion("github.com/valyala/fasthttp"),
		Stack:   []kit.Layer{kit.Runtime()},
		Can: kit.Can{
			HTTP: []string{"1.1"}, TLS: true, Timers: []string{"read_ms", "total_ms"},
			SecondRequest: "pooled", NotBefore: true, Interim: "none", BodyStream: true,
		},
		Open: open,
	})
}

type session struct {
	client *fasthttp.Client
}

func open(plan *kit.Plan) (kit.Session, error) {
	client := &fasthttp.Client{ReadTimeout: kit.Duration(plan.Timers.ReadMs)}
	if plan.CAFile != nil {
		pem, err := os.ReadFile(*plan.CAFile)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New(*plan.CAFile + " holds no certificate")
		}
		client.TLSConfig = &tls.Config{RootCAs: roots}
	}
	return &session{client}, nil
}

func (s *session) Close() {
	s.client.CloseIdleConnections()
}

func (s *session) Send(request *kit.Request, report *kit.Report) error {
	message, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(message)
	defer fasthttp.ReleaseResponse(response)
	message.SetRequestURI(request.URL)
	message.Header.SetMethod(request.Method)
	for _, field := range request.Headers {
		message.Header.Add(field[0], field[1])
	}
	if len(request.Pauses) > 0 {
		message.SetBodyStream(request.BodyReader(), len(request.Body))
	} else if request.Body != nil {
		message.SetBody(request.Body)
	}
	if err := s.do(request, message, response); err != nil {
		return kinded(err)
	}
	report.Response(response.StatusCode(), statusLine(response), fields(response))
	report.Write(response.Body())
	return nil
}

func (s *session) do(
	request *kit.Request, message *fasthttp.Request, response *fasthttp.Response,
) error {
	if request.Timers.TotalMs != nil {
		return s.client.DoTimeout(message, response, kit.Duration(request.Timers.TotalMs))
	}
	return s.client.Do(message, response)
}

func statusLine(response *fasthttp.Response) string {
	phrase := string(response.Header.StatusMessage())
	if phrase == "" {
		phrase = fasthttp.StatusMessage(response.StatusCode())
	}
	return "- " + phrase
}

func fields(response *fasthttp.Response) [][2]string {
	pairs := [][2]string{}
	response.Header.VisitAll(func(name, value []byte) {
		pairs = append(pairs, [2]string{string(name), string(value)})
	})
	return pairs
}

// kinded names the kinds of fasthttp's own errors.
func kinded(err error) error {
	var small *fasthttp.ErrSmallBuffer
	switch {
	case errors.Is(err, fasthttp.ErrTimeout), errors.Is(err, fasthttp.ErrDialTimeout):
		return &kit.KindError{Kind: "timeout", Err: err}
	case errors.Is(err, fasthttp.ErrConnectionClosed):
		return &kit.KindError{Kind: "closed", Err: err}
	case errors.Is(err, fasthttp.ErrBodyTooLarge), errors.As(err, &small):
		return &kit.KindError{Kind: "limit", Err: err}
	}
	return err
}
