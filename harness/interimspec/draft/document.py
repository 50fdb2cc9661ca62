# SPDX-License-Identifier: MIT
"""The report on one cause, as Markdown that can be sent as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interimspec import timeline
from interimspec.manifest import Manifest
from interimspec.report.embargo import Embargo
from interimspec.report.model import Case, Client, Report, RowId
from interimspec.report.safe import code_markdown, escape_markdown, safe_link, visible_lines
from interimspec.report.summary import fails_without_102
from interimspec.report.told_words import words_of
from interimspec.report.words import count_of

from .causes import Cause, rows_with
from .example import Example
from .replay import DEFAULT_PORT

_ADDRESS = re.compile(r"(https?://[^\s<>()]*[^\s<>().,])")
_SHOWN_LINES = 60
_SHOWN_CASES = 40
_URL = f"http://127.0.0.1:{DEFAULT_PORT}"

_SEVERITY_OF_OUTCOME = {
    "interim": "The application gets an interim response where it waits for the answer. The real "
    "answer is lost to it, though the server sent it. It can tell by the status, if it looks.",
    "foreign": "The application is handed octets as content that are not the content of this "
    "response, and is told that all went well: it cannot notice.",
    "damaged": "The application is handed a part of the response, or an altered one, as if it were "
    "whole.",
    "silent": "The application is told that the request succeeded, although no such response came.",
    "error": "An exchange that is correct fails. The application can tell, but has no answer, and "
    "for a request with an effect it cannot know whether that has happened.",
    "timeout": "The application waits until its timer runs out, and has no answer.",
    "hang": "The application waits for ever, or much longer than it asked for; what it holds "
    "meanwhile (a thread, a connection) is held as well.",
    "crash": "The process ends. Whoever controls the server, or the way to it, can end it.",
}


@dataclass(frozen=True)
class Draft:
    """All that a report is made of."""

    report: Report
    client: Client
    manifest: Manifest | None
    cause: Cause
    evidence: Mapping[str, Any]
    script: str | None
    no_script: str  # why there is none
    example: Example | None
    embargo: Embargo | None
    withheld: str  # of the client's cause, what its notes must not say yet

    @property
    def case(self) -> Case:
        return self.cause.lead


def title_of(draft: Draft) -> str:
    return f"{draft.client.title} {draft.client.row.version}: {words_of(draft.case)}"


def render(draft: Draft) -> str:
    lines: list[str] = [f"# {escape_markdown(title_of(draft))}", ""]
    for part in (
        _embargo,
        _summary,
        _versions,
        _required,
        _sent,
        _told,
        _repeat,
        _elsewhere,
        _known,
    ):
        lines.extend(part(draft))
    return "\n".join(lines).rstrip("\n") + "\n"


def _embargo(draft: Draft) -> Iterator[str]:
    entry = draft.embargo
    if entry is None:
        return
    yield "> **Not public.** Do not post this where everybody can read it."
    yield f"> Send it to: {_linked(entry.contact)}"
    yield ">"
    yield f"> {escape_markdown(' '.join(entry.reason.split()))}"
    if entry.reported is not None:
        yield f"> Reported on {entry.reported}; to be published after {entry.publish_after}."
    yield ""


def _linked(text: str) -> str:
    """With its addresses as links that can be followed and copied."""
    parts = _ADDRESS.split(text)
    return "".join(
        f"<{safe_link(part)}>" if at % 2 and safe_link(part) else escape_markdown(part)
        for at, part in enumerate(parts)
    )


def _summary(draft: Draft) -> Iterator[str]:
    case = draft.case
    scenario = draft.report.scenarios[case.column.scenario]
    yield "## Summary"
    yield ""
    yield f"{escape_markdown(case.sentence or words_of(case))}"
    yield ""
    yield f"The exchange: {escape_markdown(scenario.title)}."
    yield ""
    if fails_without_102(draft.report, case):
        yield (
            "**Not because of the interim response.** The same exchange without one "
            f"({code_markdown(scenario.compare_with)}) fails as well."
        )
        yield ""
    yield f"**What it means.** {severity(case)}"
    yield ""


def severity(case: Case) -> str:
    """In plain words, by what happened and never by whose client it is."""
    rules = {str(reason.get("rule")) for reason in case.reasons}
    words: list[str] = []
    if "G3" in rules:
        words.append(
            "Octets of one request are read as part of another one: whoever chooses the content "
            "can have requests sent in the application's name (request smuggling)."
        )
    elif case.connection == "poisoned":
        words.append(
            "The answer to one request is handed over as the answer to another, and both are told "
            "as successes: the application cannot notice. Every later request on that connection "
            "may be off by one. Where users share a pool of connections, one is shown what was "
            "meant for another; and whoever controls a server can prepare the answer to a request "
            "that goes out later."
        )
    elif case.connection == "broken":
        words.append("The next request, which did nothing wrong, fails because of this one.")
    if "G4" in rules:
        words.append(
            "A request whose effect may not happen twice is sent twice, and nobody asked for it: "
            "an order is placed again, a payment made again."
        )
    outcome = case.outcome or ""
    owed = case.class_ in ("serve", "limit")  # elsewhere a failure is what should be told
    if outcome in ("error", "timeout") and not owed:
        words = words or ["The client does not end such an exchange as it should."]
    elif outcome in _SEVERITY_OF_OUTCOME and not (outcome == "error" and "G4" in rules):
        words.append(_SEVERITY_OF_OUTCOME[outcome])
    return " ".join(words) or "See what was sent and what was told."


def _versions(draft: Draft) -> Iterator[str]:
    client, report = draft.client, draft.report
    yield "## Client"
    yield ""
    home = safe_link(client.homepage)
    yield f"- {escape_markdown(client.title)} {escape_markdown(client.row.version)}" + (
        f", <{home}>" if home else ""
    )
    if client.what:
        yield f"- Configured: {escape_markdown(client.what)}"
    if client.stack:
        names = ", ".join(f"{item.name} {item.version}" for item in client.stack)
        yield f"- With {escape_markdown(names)}"
    if draft.manifest is not None:
        yield f"- Installed by {escape_markdown(_installed(draft.manifest, client))}"
    machine = report.runs[-1].machine
    if machine:
        named = f"{machine.get('os', '')}, kernel {machine.get('kernel', '')}"
        yield f"- On {escape_markdown(named)}"
    rows = rows_with(report, client.row.client, draft.cause.key)
    if len(rows) > 1:
        seen = [
            f"{row.version}{f' ({row.variant})' if row.variant else ''}"
            for row in rows
            if rows[row]
        ]
        clean = [
            f"{row.version}{f' ({row.variant})' if row.variant else ''}"
            for row in rows
            if not rows[row]
        ]
        yield f"- Seen in {escape_markdown(', '.join(seen))}" + (
            f"; not in {escape_markdown(', '.join(clean))}" if clean else ""
        )
    yield ""


def _version(row: RowId) -> str:
    return row.version + (f" ({row.variant})" if row.variant else "")


def _installed(manifest: Manifest, client: Client) -> str:
    version = client.row.version
    packages = [name.replace("{version}", version) for name in manifest.install.packages]
    words = []
    if manifest.install.builds:
        pinned = _pinned(manifest, version)
        words.append(manifest.install.shown + (f" ({', '.join(pinned)})" if pinned else ""))
    if packages:
        words.append(f"apt-get install {' '.join(packages)}")
    elif manifest.needs.how and not manifest.install.builds:
        words.append(manifest.needs.how)
    return "; ".join(words) or "the system"


def _pinned(manifest: Manifest, version: str) -> list[str]:
    """What pip was told to install."""
    found: list[str] = []
    for name in manifest.install.files:
        path = manifest.here / name.replace("{version}", version)
        if "pip" in manifest.install.methods and path.suffix == ".txt" and path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            pins = [line.split()[0] for line in lines if line[:1].isalnum()]
            found += [pin.replace("{version}", version) for pin in pins]
    return found


def _required(draft: Draft) -> Iterator[str]:
    case = draft.case
    scenario = draft.report.scenarios[case.column.scenario]
    yield "## What is required"
    yield ""
    for name in case.requirements:
        known = draft.report.requirements.get(name)
        if known is None:
            continue
        link = safe_link(known.link)
        place = escape_markdown(f"{known.name} ({known.level})")
        yield f"- {f'[{place}]({link})' if link else place}, in our words:"
        yield f"  {escape_markdown(' '.join(known.text.split()))}"
    if not case.requirements:
        yield "No rule of an RFC is broken to the letter; below is why it matters all the same."
    yield ""
    if scenario.why:
        yield f"Why it matters: {escape_markdown(' '.join(scenario.why.split()))}"
        yield ""
    if scenario.dispute:
        yield f"What may be said against it: {escape_markdown(' '.join(scenario.dispute.split()))}"
        yield ""


def _sent(draft: Draft) -> Iterator[str]:
    yield "## What was sent, and what came back"
    yield ""
    yield (
        "Octets as they were on the wire, milliseconds from the first request. Lines of the client "
        "are what it told its user."
    )
    yield ""
    lines = timeline.lines(draft.evidence)
    token = str((draft.evidence.get("transcript") or {}).get("run") or "")
    if token:
        lines = [line.replace(token, "RUN") for line in lines]
    if len(lines) > _SHOWN_LINES:
        half = _SHOWN_LINES // 2
        left_out = f"… {len(lines) - _SHOWN_LINES} lines …"
        lines = [*lines[:half], left_out, *lines[-half:]]
    yield from _fenced(lines)
    yield ""


def _told(draft: Draft) -> Iterator[str]:
    process = draft.evidence.get("process") or {}
    tail = str(process.get("stderr_tail") or process.get("stdout_tail") or "").strip()
    if tail:
        yield "The end of what the client printed:"
        yield ""
        yield from _fenced([line[:300] for line in tail.splitlines()[-15:]])
        yield ""


def _repeat(draft: Draft) -> Iterator[str]:
    case = draft.case
    yield "## To see it"
    yield ""
    if draft.script is not None:
        yield "1. Save this as `server.py`, and start it with `python3 server.py`:"
        yield ""
        yield from _fenced(draft.script.splitlines(), "python")
        yield ""
        yield from _client_part(draft)
    else:
        yield draft.no_script
        yield ""
    row, scenario = str(case.row), case.column.scenario
    over = "" if case.column.transport == "h1" else f" --transport {case.column.transport}"
    yield "With interimspec, in its checkout after `make setup`:"
    yield ""
    yield from _fenced(
        [
            f"build/venv/bin/interimspec run --client '{row}' --scenario {scenario}{over}",
            f"build/venv/bin/interimspec explain '{row}' {scenario}",
        ],
        "sh",
    )
    yield ""


def _client_part(draft: Draft) -> Iterator[str]:
    requests = (draft.evidence.get("plan") or {}).get("requests") or [{}]
    method = str(requests[0].get("method", "GET"))
    example = draft.example
    fields = [name for name, _ in requests[0].get("headers") or () if name != "Content-Type"]
    expect = bool(requests[0].get("expect_continue"))
    same = (
        method in (example.methods if example else ("GET",))
        and not fields
        and expect == (example is not None and example.kind == "expect")
    )
    second = len(requests) > 1
    addresses = f"{_URL}/ {_URL}/next" if second else f"{_URL}/"
    chosen = same and method != "GET" and not (example and example.kind)
    arguments = f"{method} {addresses}" if chosen else addresses
    if example is None:
        told = f"2. Ask for <{_URL}/>" + (f" and then for <{_URL}/next>" if second else "")
        how = f"configured so: {draft.client.what}" if draft.client.what else "as it is by default"
        yield f"{told}, with one client object, {escape_markdown(how)}."
    elif example.language == "sh":
        yield "2. Run the client, as it was run:"
        yield ""
        yield from _fenced(example.text.replace('"$@"', addresses).splitlines(), "sh")
    else:
        yield (
            f"2. Save this as `{example.name}`, and run it with "
            f"{code_markdown(f'{example.command} {arguments}')}:"
        )
        yield ""
        yield from _fenced(example.text.splitlines(), example.language)
    yield ""
    if not same:
        yield (
            f"   In the case above the request was a {escape_markdown(method)}, or had fields of "
            "its own, as the lines above show; change the program to send the same."
        )
        yield ""
    yield f"3. {expected(draft.case)}"
    yield ""


def expected(case: Case) -> str:
    """What a reader should see, and what he sees instead."""
    good = {
        "serve": "the first request ends with the final response of the script",
        "limit": "the first request ends with the final response, or with a clear error",
        "timer": "the first request ends when the timer of the client has run out",
        "unfinished": "the first request ends with an error",
        "garbage": "the first request ends with an error",
        "surplus": "the first request ends with its own content and nothing more",
        "malformed": "the first request ends with an error",
    }.get(case.class_, "the first request ends with one clear answer or one clear error")
    if case.connection not in (None, "untested"):
        what = "the request on stream 3" if case.column.transport == "h2c" else "GET /next"
        good += f", and the second one with `This is the answer to {what}.`"
    return f"What should happen: {good}. What the client did: {escape_markdown(words_of(case))}."


def _elsewhere(draft: Draft) -> Iterator[str]:
    others = draft.cause.cases[1:]
    if not others:
        return
    yield "## The same in other exchanges"
    yield ""
    yield f"In {count_of(len(others), 'more case')}, here by the name of the scenario:"
    yield ""
    for case in others[:_SHOWN_CASES]:
        scenario = draft.report.scenarios[case.column.scenario]
        over = "" if case.column.transport == "h1" else f" over {case.column.transport}"
        name = code_markdown(scenario.id)
        yield f"- {name}{over} ({case.grade}): {escape_markdown(scenario.title)}"
    if len(others) > _SHOWN_CASES:
        yield f"- and {len(others) - _SHOWN_CASES} more"
    yield ""


def _known(draft: Draft) -> Iterator[str]:
    if draft.withheld:
        yield "## The cause, as far as we have read the source"
        yield ""
        yield from _fenced(draft.withheld.splitlines(), "text")
        yield ""
    if not draft.client.notes:
        return
    yield "## What we know of the client"
    yield ""
    yield "From its source and its documentation, as far as we read them:"
    yield ""
    yield from _fenced(draft.client.notes.splitlines(), "text")
    yield ""


def _fenced(lines: Sequence[str], language: str = "") -> Iterator[str]:
    """A fence that nothing inside can end."""
    longest = max((len(line) - len(line.lstrip("`")) for line in lines), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}{language}"
    yield from (visible_lines(line) for line in lines)
    yield fence


_PARTS = (_embargo, _summary, _versions, _required, _sent, _told, _repeat, _elsewhere, _known)
