// SPDX-License-Identifier: MIT

package adapterkit

import (
	"encoding/json"
	"io"
	"sort"
	"strings"
	"time"
)

// Timers are in ms; nil where a timer is not to be set.
type Timers struct {
	ConnectMs *int64 `json:"connect_ms"`
	ReadMs    *int64 `json:"read_ms"`
	TotalMs   *int64 `json:"total_ms"`
}

// Duration is a timer as the standard library wants it: 0 for none.
func Duration(timer *int64) time.Duration {
	if timer == nil {
		return 0
	}
	return time.Duration(*timer) * time.Millisecond
}

// Plan is what one fresh client object is asked to do.
type Plan struct {
	V         int        `json:"v"`
	ID        string     `json:"plan"`
	HTTP      string     `json:"http"`
	Timers    Timers     `json:"timers"`
	CAFile    *string    `json:"ca_file"`
	Proxy     *string    `json:"proxy"`
	BodyLimit *int       `json:"body_limit"`
	Requests  []*Request `json:"requests"`
}

// Request is one request of a plan.
type Request struct {
	Name           string      `json:"name"`
	Method         string      `json:"method"`
	URL            string      `json:"url"`
	Headers        [][2]string `json:"headers"`
	Body           []byte      `json:"body_b64"` // nil: none
	Pauses         [][2]int    `json:"body_pause_ms"`
	ExpectContinue bool        `json:"expect_continue"`
	Start          string      `json:"start"`
	NotBeforeMs    int64       `json:"not_before_ms"`
	OwnTimers      *Timers     `json:"timers"`

	Timers Timers `json:"-"` // the request's own over the plan's
}

// BodyReader gives the body, and waits where the plan says that it is still under way.
func (r *Request) BodyReader() io.Reader {
	return &pausingReader{body: r.Body, pauses: r.Pauses}
}

type pausingReader struct {
	body   []byte
	at     int
	pauses [][2]int
}

func (p *pausingReader) Read(into []byte) (int, error) {
	for len(p.pauses) > 0 && p.at >= p.pauses[0][0] {
		time.Sleep(time.Duration(p.pauses[0][1]) * time.Millisecond)
		p.pauses = p.pauses[1:]
	}
	if p.at >= len(p.body) {
		return 0, io.EOF
	}
	end := len(p.body)
	if len(p.pauses) > 0 && p.pauses[0][0] < end {
		end = p.pauses[0][0]
	}
	n := copy(into, p.body[p.at:end])
	p.at += n
	return n, nil
}

var planKeys = map[string]bool{
	"v": true, "plan": true, "http": true, "timers": true, "ca_file": true, "proxy": true,
	"body_limit": true, "requests": true,
}

var requestKeys = map[string]bool{
	"name": true, "method": true, "url": true, "headers": true, "body_b64": true,
	"body_pause_ms": true, "expect_continue": true, "start": true, "not_before_ms": true,
	"timers": true,
}

var timerKeys = map[string]bool{"connect_ms": true, "read_ms": true, "total_ms": true}

// readPlan also names the first thing in the plan that the client cannot do, and its value.
func readPlan(line []byte, can Can) (*Plan, string, any) {
	var keys struct {
		Requests []map[string]any `json:"requests"`
	}
	var top map[string]any
	plan := &Plan{}
	for _, into := range []any{&top, &keys, plan} {
		if err := json.Unmarshal(line, into); err != nil {
			fail("a plan that cannot be read: %v", err)
		}
	}
	for _, request := range plan.Requests {
		request.Timers = merged(plan.Timers, request.OwnTimers)
	}
	if key := unknownKey(top, planKeys); key != "" {
		return plan, key, top[key]
	}
	for _, request := range keys.Requests {
		if key := unknownKey(request, requestKeys); key != "" {
			return plan, key, request[key]
		}
	}
	for _, holder := range append([]map[string]any{top}, keys.Requests...) {
		timers, _ := holder["timers"].(map[string]any)
		if key := unknownKey(timers, timerKeys); key != "" {
			return plan, key, timers[key]
		}
	}
	what, value := unsupported(plan, can)
	return plan, what, value
}

func merged(shared Timers, own *Timers) Timers {
	if own != nil {
		if own.ConnectMs != nil {
			shared.ConnectMs = own.ConnectMs
		}
		if own.ReadMs != nil {
			shared.ReadMs = own.ReadMs
		}
		if own.TotalMs != nil {
			shared.TotalMs = own.TotalMs
		}
	}
	return shared
}

func unknownKey(values map[string]any, known map[string]bool) string {
	var unknown []string
	for key := range values {
		if !known[key] {
			unknown = append(unknown, key)
		}
	}
	sort.Strings(unknown)
	return strings.Join(unknown[:min1(len(unknown))], "")
}

func min1(n int) int {
	if n > 1 {
		return 1
	}
	return n
}

func unsupported(plan *Plan, can Can) (string, any) {
	switch {
	case plan.V != 1:
		return "v", plan.V
	case !contains(can.HTTP, plan.HTTP):
		return "http", plan.HTTP
	case plan.Proxy != nil && !can.Proxy:
		return "proxy", *plan.Proxy
	case len(plan.Requests) > 1 && can.SecondRequest == "none":
		return "second_request", len(plan.Requests)
	}
	for _, request := range plan.Requests {
		if what, value := unsupportedRequest(request, can); what != "" {
			return what, value
		}
	}
	return "", nil
}

func unsupportedRequest(request *Request, can Can) (string, any) {
	timers := map[string]*int64{
		"connect_ms": request.Timers.ConnectMs,
		"read_ms":    request.Timers.ReadMs,
		"total_ms":   request.Timers.TotalMs,
	}
	for name, timer := range timers {
		if timer != nil && !contains(can.Timers, name) {
			return name, *timer
		}
	}
	switch {
	case !contains(can.Methods, request.Method):
		return "method", request.Method
	case strings.HasPrefix(request.URL, "https:") && !can.TLS:
		return "tls", true
	case request.ExpectContinue && !can.ExpectContinue:
		return "expect_continue", true
	case len(request.Pauses) > 0 && (!can.BodyStream || request.Body == nil):
		return "body_pause_ms", request.Pauses
	case request.Start != "" && request.Start != "after-previous" && request.Start != "with-previous":
		return "start", request.Start
	}
	return "", nil
}

func contains(words []string, wanted string) bool {
	for _, word := range words {
		if word == wanted {
			return true
		}
	}
	return false
}
