# SPDX-License-Identifier: MIT
"""Two cases as they are documented for adapter authors, octet by octet."""

from __future__ import annotations

import json
from typing import Any

from interimspec.judge import judge
from interimspec.observation import (
    ClientFacts,
    Observation,
    ProcessEnd,
    event_problem,
    plan_problem,
)
from interimspec.testing import EPOCH, Question, Timers, Wire, head_octets


def observation(plan: str, lines: str) -> Observation:
    data = json.loads(plan)
    assert plan_problem(data) is None
    hello, *events = [json.loads(line) for line in lines.strip().splitlines()]
    for event in (hello, *events):
        assert event_problem(event) is None
    facts = ClientFacts(can=hello["can"])
    return Observation(data, hello, tuple(events), ProcessEnd("done"), 0.0, facts)


REQUESTS_PLAN = """{"v":1,"plan":"requests-final-delayed-r7f3","http":"1.1",
"timers":{"connect_ms":2000,"read_ms":10000},"ca_file":null,"proxy":null,"requests":[
{"name":"main","method":"GET","url":"http://127.0.0.1:41007/final-delayed/r7f3"},
{"name":"probe","method":"GET","url":"http://127.0.0.1:41007/final-delayed/r7f3/probe",
"not_before_ms":0}]}"""

REQUESTS_EVENTS = """
{"v":1,"event":"hello","client":"requests","version":"2.34.2","stack":[{"name":"urllib3","version":"2.7.0"},{"name":"cpython","version":"3.11.7"}],"can":{"http":["1.1"],"tls":true,"proxy":true,"timers":["connect_ms","read_ms"],"second_request":"pooled","not_before":true,"interim":"none","phases":false,"expect_continue":false,"body_stream":true}}
{"v":1,"event":"response","plan":"requests-final-delayed-r7f3","request":"main","at":1795212784012.4,"status":102,"reason":"Processing","fields":[]}
{"v":1,"event":"end","plan":"requests-final-delayed-r7f3","request":"main","started":1795212784008.1,"at":1795212784012.6,"told":"ok","body_b64":"","body_len":0,"body_sha256":null,"error":null}
{"v":1,"event":"response","plan":"requests-final-delayed-r7f3","request":"probe","at":1795212784311.9,"status":200,"reason":"OK","fields":[["Content-Length","33"]]}
{"v":1,"event":"end","plan":"requests-final-delayed-r7f3","request":"probe","started":1795212784012.9,"at":1795212784312.2,"told":"ok","body_b64":"aW50ZXJpbXNwZWMgZmluYWwtZGVsYXllZC9yN2YzICMx","body_len":33,"body_sha256":null,"error":null}
{"v":1,"event":"done","plan":"requests-final-delayed-r7f3"}
"""


def test_requests_takes_a_102_and_its_next_request_gets_the_answer_of_the_first() -> None:
    wire = Wire("final-delayed", "r7f3")
    conn = wire.connect(9)
    first = conn.request(t=10)
    conn.head(first, 102, t=11)
    second = conn.request(resource="probe", t=15)
    conn.answer(first, 200, b"interimspec final-delayed/r7f3 #1", t=311)
    conn.answer(second, 200, b"interimspec final-delayed/r7f3 #2", t=331)
    verdict = judge(
        Question("serve"), wire.transcript(), observation(REQUESTS_PLAN, REQUESTS_EVENTS)
    )
    assert (verdict.outcome, verdict.grade) == ("interim", "danger")
    assert verdict.facts["told"] == "ok"
    assert verdict.facts["delivered"] == ["empty"]
    assert verdict.facts["connection"] == "poisoned"
    assert list(verdict.reasons) == [
        {"rule": "O2", "status": 102},
        {"rule": "K2", "probe": "probe", "got": "content(0)"},
        {"rule": "G2"},
    ]


WGET_PLAN = """{"v":1,"plan":"wget-p9-sinatra-thin-r81c","http":"1.1","timers":{"read_ms":1000},
"requests":[
{"name":"main","method":"GET","url":"http://127.0.0.1:41008/p9-sinatra-thin/r81c"},
{"name":"probe","method":"GET","url":"http://127.0.0.1:41008/p9-sinatra-thin/r81c/probe"}]}"""

WGET_EVENTS = """
{"v":1,"event":"hello","client":"wget","version":"1.21.3","stack":[{"name":"gnutls","version":"3.7.9"}],"can":{"http":["1.1"],"tls":true,"proxy":true,"timers":["connect_ms","read_ms"],"second_request":"pooled","not_before":true,"interim":"status","phases":false,"expect_continue":false,"body_stream":false}}
{"v":1,"event":"response","plan":"wget-p9-sinatra-thin-r81c","request":"main","at":1795212790101.0,"status":null,"reason":null,"fields":[]}
{"v":1,"event":"end","plan":"wget-p9-sinatra-thin-r81c","request":"main","started":1795212790090.0,"at":1795212790101.0,"told":"ok","body_b64":"eyJtZXNzYWdlIjoiUHJvY2Vzc2luZyJ9","body_len":24,"body_sha256":null,"error":null}
{"v":1,"event":"end","plan":"wget-p9-sinatra-thin-r81c","request":"probe","started":1795212790101.0,"at":1795212790103.0,"told":"ok","body_b64":"aW50ZXJpbXNwZWMgcDktc2luYXRyYS10aGluL3I4MWMgIzI=","body_len":35,"body_sha256":null,"error":null}
{"v":1,"event":"done","plan":"wget-p9-sinatra-thin-r81c"}
"""


def test_wget_saves_octets_of_no_response() -> None:
    start = 1795212790090.0 - EPOCH
    wire = Wire("p9-sinatra-thin", "r81c")
    conn = wire.connect(start)
    first = conn.request(t=start + 1)
    naked = b'{"message":"Processing"}'
    parts = [("head", head_octets(102)), ("interim-content", naked)]
    conn.send(first, parts, t=start + 2)
    conn.server_closes(start + 10)
    other = wire.connect(start + 11)
    other.probe(start + 11, content=b"interimspec p9-sinatra-thin/r81c #2")
    question = Question(
        "garbage", timers=Timers(1000, 1000, True), has_final=False, server_ends=True
    )
    verdict = judge(question, wire.transcript(), observation(WGET_PLAN, WGET_EVENTS))
    assert (verdict.outcome, verdict.grade) == ("foreign", "danger")
    assert verdict.facts["told"] == "ok"
    assert verdict.facts["connection"] == "fresh"
    assert verdict.facts["delivered"] == ["interim-content"]
    reasons: list[Any] = list(verdict.reasons)
    assert reasons == [{"rule": "O9", "got": ["interim-content(0)"]}, {"rule": "G1"}]
