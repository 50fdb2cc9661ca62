// SPDX-License-Identifier: MIT

// Package adapterkit is what the adapters for Go clients share: plans from stdin, events out, and
// nothing else. No retry, no mapping, and nothing recovers from a panic.
//
// An adapter calls Main with a function that opens one fresh client object for each plan. What its
// Send returns ends the request: nil as ok, an error as failed.
package adapterkit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Can is what the client can be asked to do, as in its manifest.
type Can struct {
	HTTP           []string `json:"http"`
	TLS            bool     `json:"tls"`
	Concurrent     bool     `json:"concurrent,omitempty"`
	Proxy          bool     `json:"proxy"`
	Timers         []string `json:"timers"`
	SecondRequest  string   `json:"second_request"`
	NotBefore      bool     `json:"not_before"`
	Interim        string   `json:"interim"`
	Phases         bool     `json:"phases"`
	ExpectContinue bool     `json:"expect_continue"`
	BodyStream     bool     `json:"body_stream"`
	Methods        []string `json:"methods"`
}

// Layer is one entry of the stack: the blame is often below.
type Layer struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Client describes the client and opens it.
type Client struct {
	Name    string
	Version string
	Stack   []Layer
	Can     Can
	Open    func(plan *Plan) (Session, error)
}

// Session is one fresh client object.
type Session interface {
	Send(request *Request, report *Report) error
	Close()
}

// Unsupported is what Open returns for a plan that this client cannot play, where its Can does not
// say so already: HTTP/2 without TLS, for one.
type Unsupported struct {
	What  string
	Value any
}

func (u *Unsupported) Error() string { return "unsupported: " + u.What }

// NoH2C is the answer to a plan for HTTP/2 without TLS from a client that speaks it over TLS only.
func NoH2C(plan *Plan) error {
	if plan.HTTP == "2" && strings.HasPrefix(plan.Requests[0].URL, "http:") {
		return &Unsupported{"http", "2 without TLS"}
	}
	return nil
}

// Runtime is the lowest layer of every stack.
func Runtime() Layer {
	return Layer{"go", GoVersion()}
}

// GoVersion is the version of the toolchain and so of the standard library, without "go".
func GoVersion() string {
	return runtime.Version()[len("go"):]
}

// ModuleVersion is the version of a module that this program was built with, without "v".
func ModuleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, module := range info.Deps {
			if module.Path == path {
				return module.Version[1:]
			}
		}
	}
	panic("this program was not built with " + path)
}

// Main says hello, then plays the plans of stdin one at a time, until its end.
func Main(client Client) {
	if client.Can.Methods == nil {
		client.Can.Methods = []string{
			"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND",
		}
	}
	out := openChannel()
	out.put(map[string]any{
		"event": "hello", "client": client.Name, "version": client.Version,
		"stack": client.Stack, "can": client.Can,
	})
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			play(client, out, line)
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			fail("stdin: %v", err)
		}
	}
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}

func play(client Client, out *channel, line []byte) {
	plan, what, value := readPlan(line, client.Can)
	done := map[string]any{"event": "done", "plan": plan.ID}
	if what != "" {
		out.put(map[string]any{
			"event": "unsupported", "plan": plan.ID, "what": what, "value": value,
		})
		out.put(done)
		return
	}
	session, err := client.Open(plan)
	var refused *Unsupported
	if errors.As(err, &refused) {
		out.put(map[string]any{
			"event": "unsupported", "plan": plan.ID, "what": refused.What, "value": refused.Value,
		})
		out.put(done)
		return
	}
	if err != nil {
		fail("the client cannot be made: %v", err)
	}
	begun := time.Now()
	var running sync.WaitGroup
	for _, request := range plan.Requests {
		if request.Start != "with-previous" {
			running.Wait()
		}
		time.Sleep(time.Until(begun.Add(time.Duration(request.NotBeforeMs) * time.Millisecond)))
		running.Add(1)
		go func(request *Request) {
			defer running.Done()
			report := newReport(out, plan, request, client.Can.Phases)
			report.end(session.Send(request, report))
		}(request)
	}
	running.Wait()
	session.Close()
	out.put(done)
}

type channel struct {
	mutex  sync.Mutex
	file   *os.File
	prefix string
}

func openChannel() *channel {
	path := os.Getenv("INTERIMSPEC_OUT")
	if path == "" {
		return &channel{file: os.Stdout, prefix: "@interimspec "}
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		fail("the events' pipe: %v", err)
	}
	return &channel{file: file}
}

func (c *channel) put(event map[string]any) {
	event["v"] = 1
	var text bytes.Buffer
	text.WriteString(c.prefix)
	encoder := json.NewEncoder(&text) // ends the line
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(event); err != nil {
		panic(err)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if _, err := c.file.Write(text.Bytes()); err != nil {
		fail("the events' pipe: %v", err)
	}
}
