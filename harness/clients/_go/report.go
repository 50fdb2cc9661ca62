// SPDX-License-Identifier: MIT

package adapterkit

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"sort"
	"strings"
	"sync"
	"time"
)

// Report is what the client's user is told about one request, written as it happens.
type Report struct {
	out     *channel
	plan    *Plan
	request *Request
	started float64
	phase   any // nil where the API does not tell head and body apart
	hasBody bool
	kept    []byte
	room    int
	length  int
	hash    hash.Hash

	mutex sync.Mutex // hooks for interim responses run on goroutines of the client
	ended bool
}

func newReport(out *channel, plan *Plan, request *Request, phases bool) *Report {
	report := &Report{
		out: out, plan: plan, request: request, started: nowMs(), room: 65536, hash: sha256.New(),
	}
	if phases {
		report.phase = "head"
	}
	if plan.BodyLimit != nil {
		report.room = *plan.BodyLimit
	}
	return report
}

func nowMs() float64 {
	return float64(time.Now().UnixNano()/1000) / 1000
}

// Fields turns Go's header map into pairs, in the order of names: the map has lost the server's.
func Fields(header map[string][]string) [][2]string {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	sort.Strings(names)
	pairs := [][2]string{}
	for _, name := range names {
		for _, value := range header[name] {
			pairs = append(pairs, [2]string{name, value})
		}
	}
	return pairs
}

// Interim: the API showed an interim response.
func (r *Report) Interim(status int, fields [][2]string) {
	r.put("interim", map[string]any{"status": status, "fields": fields})
}

// Response: the client handed over a head as the response. status is a line such as "200 OK".
func (r *Report) Response(code int, status string, fields [][2]string) {
	var reason any
	if _, phrase, found := strings.Cut(status, " "); found {
		reason = phrase
	}
	r.put("response", map[string]any{"status": code, "reason": reason, "fields": fields})
	if r.phase != nil {
		r.phase = "body"
	}
}

// Write takes content that the client handed over.
func (r *Report) Write(octets []byte) (int, error) {
	r.hasBody = true
	r.length += len(octets)
	r.hash.Write(octets)
	keep := len(octets)
	if keep > r.room {
		keep = r.room
	}
	r.kept = append(r.kept, octets[:keep]...)
	r.room -= keep
	return len(octets), nil
}

func (r *Report) end(err error) {
	event := map[string]any{
		"started": r.started, "told": "ok", "error": nil,
		"body_b64": nil, "body_len": nil, "body_sha256": nil,
	}
	if r.hasBody {
		event["body_b64"] = base64.StdEncoding.EncodeToString(r.kept)
		event["body_len"] = r.length
		event["body_sha256"] = hex.EncodeToString(r.hash.Sum(nil))
	}
	if err != nil {
		event["told"] = "failed"
		event["error"] = describe(err, r.phase)
	}
	r.put("end", event)
}

// put notes when, and writes. What a hook tells after the end is told of a request that is over.
func (r *Report) put(event string, values map[string]any) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.ended {
		return
	}
	r.ended = event == "end"
	values["at"] = nowMs()
	values["event"] = event
	values["plan"] = r.plan.ID
	values["request"] = r.request.Name
	r.out.put(values)
}
