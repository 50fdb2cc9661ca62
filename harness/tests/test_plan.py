# SPDX-License-Identifier: MIT
"""From scenario and run to plan: every plan obeys the schema, timers and budgets by the rules."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from driver_kit import MakeScenario

from interimspec import plan
from interimspec.clients import Can
from interimspec.observation import plan_problem
from interimspec.plan import Built

URL = "http://127.0.0.1:41007/made/r1"
ALL = Can(
    timers=("connect_ms", "read_ms", "total_ms"),
    second_request="pooled",
    not_before=True,
    expect_continue=True,
    body_stream=True,
    methods=("GET", "HEAD", "POST", "PUT"),
)
DRIP = "  - respond: {status: 102}\n    times: forever\n    every: 400ms\n"


def build(scenario: object, can: Can = ALL, **more: object) -> Built:
    built = plan.build(scenario, can, plan_id="r1", url=URL, **more)  # type: ignore[arg-type]
    assert plan_problem(built.data) is None
    return built


def test_a_plain_plan(make_scenario: MakeScenario) -> None:
    data = build(make_scenario()).data
    assert data["timers"] == {"connect_ms": 2000, "read_ms": 5000, "total_ms": 5000}
    main, probe = data["requests"]
    assert main == {"name": "main", "method": "GET", "url": URL}
    assert probe["url"] == URL + "/probe"
    assert probe["timers"] == {"read_ms": 3000, "total_ms": 3000}
    assert "not_before_ms" not in probe


def test_request_details_are_carried(make_scenario: MakeScenario) -> None:
    scenario = make_scenario(
        "request:\n  method: PUT\n  resource: upload\n"
        '  fields: ["Content-Type: text/plain", "X-A: b: c"]\n'
        '  body: "0123456789\\xff"\n  body_pauses: [[4, 200ms]]\n  expect_continue: yes\n'
    )
    built = build(scenario)
    main = built.data["requests"][0]
    assert main["url"] == URL + "/upload"
    assert main["headers"] == [["Content-Type", "text/plain"], ["X-A", "b: c"]]
    assert base64.b64decode(main["body_b64"]) == b"0123456789\xff"
    assert main["body_pause_ms"] == [[4, 200]]
    assert main["expect_continue"] is True
    assert built.script_ms >= 200  # the client's own pauses take time too


@pytest.mark.parametrize(
    ("can", "timers"),
    [
        (("connect_ms", "read_ms", "total_ms"), {"connect_ms": 2000, "read_ms": 1000}),
        (("total_ms",), {}),
        (("read_ms",), {"read_ms": 1000}),
        ((), {}),
    ],
)
def test_only_timers_that_are_asked_for_and_there(
    make_scenario: MakeScenario, can: tuple[str, ...], timers: dict[str, int]
) -> None:
    scenario = make_scenario("timers: {read: 1s}\nexpect: {class: unfinished}\n", script=DRIP)
    built = build(scenario, Can(timers=can, second_request="pooled"))
    assert built.data["timers"] == timers


def test_budget_is_three_timers_and_two_seconds(make_scenario: MakeScenario) -> None:
    text = "timers: {read: 1s, total: 1s}\nexpect: {class: unfinished}\n"
    built = build(make_scenario(text, script=DRIP))
    assert built.main_budget_ms() == 5000
    assert built.main_budget_ms(attempts=2) == plan.PERSISTENT_MS
    assert built.main_budget_ms(attempts=20) == plan.PERSISTENT_MS


def test_whoever_keeps_trying_is_not_given_as_much_for_each_attempt(
    make_scenario: MakeScenario,
) -> None:
    built = build(make_scenario())
    assert built.main_budget_ms() == 17_000
    assert built.main_budget_ms(attempts=2) == 17_000
    assert built.main_budget_ms(attempts=3) == plan.PERSISTENT_MS


def test_a_client_without_timers_has_a_short_deadline(make_scenario: MakeScenario) -> None:
    text = "timers: {total: 1s}\nexpect: {class: unfinished}\n"
    built = build(make_scenario(text, script=DRIP), Can())
    assert built.timer_ms is None
    assert built.main_budget_ms() <= 6000


def test_a_long_script_has_time_to_play(make_scenario: MakeScenario) -> None:
    script = "  - respond: {status: 102}\n  - sleep: 40s\n  - respond: {status: 200}\n"
    built = build(make_scenario(script=script), Can(second_request="pooled"))
    assert built.main_budget_ms() > 40_000
    assert built.probe_ms == 42_000


def test_a_late_probe_waits_for_the_end_of_the_script(make_scenario: MakeScenario) -> None:
    script = (
        "  - respond: {status: 200}\n  - release: yes\n"
        "  - sleep: 50ms\n  - respond: {status: 102}\n"
    )
    scenario = make_scenario("probe: late\nexpect: {class: surplus}\n", script=script)
    built = build(scenario, probe="late")
    assert built.data["requests"][1]["not_before_ms"] == 200
    assert built.probe_at_ms == 200
    cannot = Can(second_request="pooled", not_before=False)
    assert len(build(scenario, cannot, probe="late").data["requests"]) == 1


def test_a_probe_may_be_another_request(make_scenario: MakeScenario) -> None:
    scenario = make_scenario('probe: {method: PUT, body: "abc", fields: ["X-A: 1"]}\n')
    assert scenario.probe == "at-once"
    probe = build(scenario).data["requests"][1]
    assert (probe["method"], probe["url"]) == ("PUT", URL + "/probe")
    assert base64.b64decode(probe["body_b64"]) == b"abc"
    assert probe["headers"] == [["X-A", "1"]]
    assert plan.missing(scenario, "h1", Can(methods=("GET",))) == "method PUT"


def test_a_tunnel_goes_through_the_server_to_the_server(make_scenario: MakeScenario) -> None:
    scenario = make_scenario("request: {method: GET, tunnel: yes}\ntransports: [h1]\n")
    can = replace(ALL, proxy=True, tls=True)
    data = build(scenario, can, ca_file="/ca.pem").data
    assert (data["proxy"], data["ca_file"]) == ("http://127.0.0.1:41007", "/ca.pem")
    assert data["requests"][0]["url"] == "https://localhost:41007/made/r1"
    assert data["requests"][1]["url"] == "https://localhost:41007/made/r1/probe"
    assert plan.missing(scenario, "h1", replace(can, tls=False)) == "a tunnel through a proxy"
    assert build(make_scenario(), can, ca_file="/ca.pem").data["ca_file"] is None


def test_a_probe_beside_the_main_request(make_scenario: MakeScenario) -> None:
    scenario = make_scenario("probe: together\n")
    can = replace(ALL, concurrent=True)
    probe = build(scenario, can, probe="together").data["requests"][1]
    assert (probe["start"], probe["not_before_ms"]) == ("with-previous", 100)
    assert plan.missing(scenario, "h1", ALL) == "two requests at once"
    assert plan.missing(scenario, "h1", can) is None


def test_both_probes_are_two_runs(make_scenario: MakeScenario) -> None:
    assert plan.probes_of(make_scenario("probe: both\n")) == ("at-once", "late")
    assert plan.probes_of(make_scenario()) == ("at-once",)


@pytest.mark.parametrize("probe", ["none", "at-once"])
def test_no_probe_without_a_second_request(make_scenario: MakeScenario, probe: str) -> None:
    built = build(make_scenario(), Can(second_request="none"), probe=probe)
    assert [request["name"] for request in built.data["requests"]] == ["main"]


def test_longer_timers_for_a_doubtful_timeout(make_scenario: MakeScenario) -> None:
    built = build(make_scenario(), timer_factor=3)
    assert built.data["timers"]["read_ms"] == 15_000


@pytest.mark.parametrize(
    ("text", "can", "what"),
    [
        ("", Can(), None),
        ("", Can(http=("2",)), "HTTP/1.1"),
        ("request: {method: REPORT}\n", Can(), "method REPORT"),
        (
            'request: {method: POST, body: "a", expect_continue: yes}\n',
            Can(),
            "Expect: 100-continue",
        ),
        (
            'request: {method: POST, body: "ab", body_pauses: [[1, 5ms]]}\n',
            Can(),
            "a body that is sent in parts",
        ),
    ],
)
def test_what_is_missing(
    make_scenario: MakeScenario, text: str, can: Can, what: str | None
) -> None:
    assert plan.missing(make_scenario(text), "h1", can) == what


def test_other_transports_need_their_version(make_scenario: MakeScenario) -> None:
    scenario = make_scenario()
    assert plan.missing(scenario, "h2c", Can(http=("1.1", "2"))) is None
    assert plan.missing(scenario, "h2", Can(http=("1.1", "2"))) == "TLS"
    assert plan.missing(scenario, "h3", Can(tls=True)) == "HTTP/3"
