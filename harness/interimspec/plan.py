# SPDX-License-Identifier: MIT
"""From a scenario and a run to the plan an adapter gets, and how long it may take over it.

    Demand    what a scenario asks of a client, compared with what the client can: `missing`
    Built     the plan itself (the JSON of the adapter contract) and its time budget

Pure: nothing here reads a clock or a file.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from interimspec.clients import Can
from interimspec.scenario import RequestSpec, Scenario
from interimspec.scenario_expect import DEFAULT_TIMER_MS

BODY_LIMIT = 65536
CONNECT_MS = 2000
AFTER_SCRIPT_MS = 4000  # where a scenario does not ask about timers, they outlast it by so much
PROBE_LEAST_MS = 3000
PROBE_AFTER_SCRIPT_MS = 2000
TOGETHER_MS = 100  # a probe beside the main request: its connection is there by then
LATE_MS = 150  # a late probe: so long after the end of the script
NO_TIMER_SPARE_MS = 4000  # a client without timers, where nobody asks about timers
PERSISTENT = 3  # whoever tries so often is not given L for each attempt any more
PERSISTENT_MS = 7000
SPARE_MS = 2000  # the second that L has, and one more before a process is killed
HTTP_OF_TRANSPORT = {"h1": "1.1", "h1s": "1.1", "h2c": "2", "h2": "2", "h3": "3"}

TLS_TRANSPORTS = ("h1s", "h2", "h3")

PROBES = ("at-once", "late", "together", "none")


@dataclass(frozen=True)
class Built:
    """A plan and its time budget."""

    data: dict[str, Any]
    timer_ms: int | None  # the longest timer of the main request; None: the client has none for it
    script_ms: int  # how long the server's side lasts by itself
    probe_at_ms: int  # when the probe may start, from the start of the main request
    probe_ms: int  # what the probe may take; 0: there is none

    def main_budget_ms(self, attempts: int = 1) -> int:
        """When the main request must have ended: L of the judging rules, and a second more."""
        one = max(3 * (self.timer_ms or 0), self.script_ms) + SPARE_MS
        if self.timer_ms is None:
            one += NO_TIMER_SPARE_MS
        if attempts >= PERSISTENT:
            return self.persistent_ms()
        return max(one, min(one * attempts, self.persistent_ms()))

    def persistent_ms(self) -> int:
        """When a client that has tried again and again has had its time: nobody waits for the
        twentieth attempt, and what its user was told by now is what counts."""
        return max(self.script_ms + NO_TIMER_SPARE_MS, PERSISTENT_MS)

    def probe_budget_ms(self) -> int:
        """How long after the main request has ended (or `probe_at_ms`) all must be over."""
        return self.probe_ms + self.probe_ms // 2 + 1000


def longest_ms(scenario: Scenario, timer_factor: int = 1) -> int:
    """How long a run may last at most, for the server's own limit."""
    script = scenario.script_ms or 0
    timers = (*scenario.timers.all_ms(), unasked_timer_ms(scenario))
    main = max(3 * max(timers) * timer_factor, script + PERSISTENT_MS) + 2 * SPARE_MS
    return main + script + LATE_MS + 2 * max(PROBE_LEAST_MS, script + PROBE_AFTER_SCRIPT_MS) + 1000


def unasked_timer_ms(scenario: Scenario) -> int:
    """The client's timers where the scenario is not about them: long enough for a busy machine (a
    timeout although the answer had long been there is repeated with longer ones), no longer, since
    clients that wait for the wrong thing wait that long, in every cell."""
    return max(DEFAULT_TIMER_MS, (scenario.script_ms or 0) + AFTER_SCRIPT_MS)


def probes_of(scenario: Scenario) -> tuple[str, ...]:
    """`both` means two runs, never two probes in one."""
    return ("at-once", "late") if scenario.probe == "both" else (scenario.probe,)


def missing_transport(transport: str, can: Can) -> str | None:
    """What the transport needs and the client cannot do."""
    http = HTTP_OF_TRANSPORT[transport]
    if http not in can.http:
        return f"HTTP/{http}"
    if transport in TLS_TRANSPORTS and not can.tls:
        return "TLS"
    return None


def missing(scenario: Scenario, transport: str, can: Can) -> str | None:
    """What the scenario needs and the client cannot do; None when it can do all of it."""
    lacking = missing_transport(transport, can)
    if lacking is not None:
        return lacking
    request = scenario.request
    for method in (request.method, scenario.probe_request.method):
        if method not in can.methods:
            return f"method {method}"
    if scenario.probe == "together" and not can.concurrent:
        return "two requests at once"
    if request.expect_continue and not can.expect_continue:
        return "Expect: 100-continue"
    if request.tunnel and not (can.proxy and can.tls):
        return "a tunnel through a proxy"
    if request.body_pauses and not can.body_stream:
        return "a body that is sent in parts"
    return None


def timers_for(scenario: Scenario, can: Can, factor: int = 1) -> dict[str, int]:
    """Those of the scenario's timers that the client has."""
    timers: dict[str, int] = {}
    if "connect_ms" in can.timers:
        timers["connect_ms"] = CONNECT_MS
    wanted = {"read_ms": scenario.timers.read_ms, "total_ms": scenario.timers.total_ms}
    if not scenario.timers.asked:
        unasked = unasked_timer_ms(scenario)
        wanted = {"read_ms": unasked, "total_ms": unasked}
    for name, value in wanted.items():
        if value is not None and name in can.timers:
            timers[name] = value * factor
    return timers


def build(
    scenario: Scenario,
    can: Can,
    *,
    plan_id: str,
    url: str,
    ca_file: str | None = None,
    transport: str = "h1",
    probe: str = "at-once",
    timer_factor: int = 1,
) -> Built:
    """The plan for one run, whose URL (and certificate to trust) the server has given."""
    assert probe in PROBES
    timers = timers_for(scenario, can, timer_factor)
    used = [value for name, value in timers.items() if name != "connect_ms"]
    pauses = sum(milliseconds for _, milliseconds in scenario.request.body_pauses)
    script_ms = (scenario.script_ms or 0) + pauses
    tunnel = scenario.request.tunnel
    proxy = _origin_of(url) if tunnel else None
    if tunnel:  # to the same port: the server is at both ends
        url = _with_origin(url, f"https://localhost:{urlsplit(url).port}")
    requests = [_main(scenario, url)]
    probe_at = probe_ms = 0
    if probe == "late":
        probe_at = script_ms + LATE_MS
    if wants_probe(probe, can):
        probe_ms = max(PROBE_LEAST_MS, script_ms + PROBE_AFTER_SCRIPT_MS)
        requests.append(_probe(scenario, url, can, probe_at, probe_ms))
        if probe == "together":
            requests[-1] |= {"start": "with-previous", "not_before_ms": TOGETHER_MS}
    data: dict[str, Any] = {
        "v": 1,
        "plan": plan_id,
        "http": HTTP_OF_TRANSPORT[transport],
        "timers": timers,
        "ca_file": ca_file if tunnel or transport in TLS_TRANSPORTS else None,
        "proxy": proxy,
        "body_limit": BODY_LIMIT,
        "requests": requests,
    }
    return Built(data, max(used, default=None), script_ms, probe_at, probe_ms)


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _with_origin(url: str, origin: str) -> str:
    return origin + url.removeprefix(_origin_of(url))


def wants_probe(probe: str, can: Can) -> bool:
    """A probe that the client cannot make on the same object, or not so late, is left out."""
    if probe == "none" or can.second_request == "none":
        return False
    return probe != "late" or can.not_before


def _main(scenario: Scenario, url: str) -> dict[str, Any]:
    request = scenario.request
    resource = f"/{request.resource}" if request.resource else ""
    entry = _request("main", request, url.rstrip("/") + resource)
    if request.body_pauses:
        entry["body_pause_ms"] = [list(pause) for pause in request.body_pauses]
    if request.expect_continue:
        entry["expect_continue"] = True
    return entry


def _request(name: str, request: RequestSpec, url: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "method": request.method, "url": url}
    if request.fields:
        entry["headers"] = [list(field) for field in request.fields]
    if request.body is not None:
        entry["body_b64"] = base64.b64encode(request.body).decode()
    return entry


def _probe(scenario: Scenario, url: str, can: Can, not_before: int, timer: int) -> dict[str, Any]:
    entry = _request("probe", scenario.probe_request, url.rstrip("/") + "/probe")
    if not_before:
        entry["not_before_ms"] = not_before
    timers = {name: timer for name in ("read_ms", "total_ms") if name in can.timers}
    if timers:
        entry["timers"] = timers
    return entry
