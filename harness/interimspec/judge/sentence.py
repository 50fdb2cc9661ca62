# SPDX-License-Identifier: MIT
"""What happened, in words that a maintainer of the client can check against the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .connection import Connected, swallowed_request
from .delivered import FOREIGN, Delivery
from .facts import IDEMPOTENT, Resent, unasked
from .grades import left_open
from .inputs import Case
from .outcome import Outcome
from .validity import Invalid

_FOREIGN_WORDS = {
    "other": "content of another response",
    "head-bytes": "octets of a response head",
    "interim-content": "octets that followed an interim response",
    "framing": "lines of the framing",
    "surplus": "octets behind a complete response",
}
_ABOUT = {
    "server": "No verdict, the server is to blame",
    "adapter": "No verdict, the adapter is to blame",
    "environment": "No verdict, the environment is to blame",
    "witness": "No verdict, the adapter and the server contradict each other",
    "timing": "No verdict, the timing was not what the scenario asks for",
}
_MESSAGE_LIMIT = 120


def of_invalid(invalid: Invalid) -> str:
    if invalid.grade == "unsupported":
        if invalid.about == "http10":
            return (
                "Not applicable: the client says HTTP/1.0, and gets neither interim responses nor "
                "chunked content."
            )
        if invalid.about == "asked":
            return f"Not applicable: {invalid.what}."
        return f"Not applicable: the client declares that it cannot do this ({invalid.what})."
    return f"{_ABOUT[invalid.about]}: {invalid.what}."


def of_case(
    case: Case,
    outcome: Outcome,
    delivery: Delivery,
    connected: Connected,
    again: tuple[Resent, ...],
    factor: float | None,
) -> str:
    first = _OUTCOME[outcome.word](case, outcome, delivery, factor)
    parts = [first, *_resent(unasked(again), case)]
    if case.made_up_status is not None:
        parts.insert(0, f"handed over a {case.made_up_status} for a malformed field section")
    if not connected.request_side and swallowed_request(case) is not None:
        parts.insert(0, "sent another request where the server still expected content of the first")
    connection = _connection(case, outcome, connected)
    if connection:
        parts.append(connection)
    text = "; ".join(parts) + "."
    return text[0].upper() + text[1:]


def _final(case: Case, outcome: Outcome, delivery: Delivery, factor: float | None) -> str:
    if outcome.rule == "O6":
        return f"reported the {outcome.data['status']} by the failure it documents for that status"
    handed = f"handed over {_the(outcome.data['status'])}"
    skipped = _interims(case)
    return f"skipped {skipped} and {handed}" if skipped else handed


def _the(status: object) -> str:
    """A status as people say it; what the server did not keep is just the final response."""
    return "the final response" if status is None else f"the {status}"


def _interims(case: Case) -> str:
    """The interim responses of the exchange that was answered, for people."""
    exchange = case.final_exchange or (case.chain[-1] if case.chain else None)
    if exchange is None:
        return ""
    counts = Counter(head.status for head in exchange.interims)
    total = sum(counts.values())
    if total <= 1:
        return "".join(f"the {status}" for status in counts)
    if len(counts) == 1:
        return f"{total} times {next(iter(counts))}"
    return _listed(
        f"{n} times {status}" if n > 1 else f"a {status}" for status, n in counts.items()
    )


def _interim(case: Case, outcome: Outcome, delivery: Delivery, factor: float | None) -> str:
    status = outcome.data["status"]
    if outcome.rule == "O5":
        return f"reported the {status} as the status of the response, by a failure"
    text = f"handed the {status} to the application as the response"
    foreign = delivery.classes & FOREIGN
    if foreign:
        text += f", with {_foreign_octets(case, delivery)} as its content"
    elif "own" in delivery.classes:
        text += ", with content of the final response"
    if case.main.failed:
        return f"{text}, and then failed ({_error(case)})"
    return text if case.main.ok else f"{text}, and did not come to an end"


def _foreign_octets(case: Case, delivery: Delivery) -> str:
    words = dict(_FOREIGN_WORDS)
    if not any(exchange.interims for exchange in case.chain):
        words["interim-content"] = "octets that came before any response head"
    return _listed(words[name] for name in sorted(delivery.classes & FOREIGN))


def _foreign(case: Case, outcome: Outcome, delivery: Delivery, factor: float | None) -> str:
    words = _foreign_octets(case, delivery)
    shown = case.main.status
    status = "" if shown is None else f" with status {shown}"
    return f"reported success{status} and delivered {words} as the content"


def _damaged(case: Case, outcome: Outcome, delivery: Delivery, factor: float | None) -> str:
    final = case.final
    status = _the(None if final is None else final.status)
    if outcome.damaged == "fields":
        names = [str(name) for name in outcome.data["fields"]]
        lost = [name for name in names if not name.startswith("+")]
        leaked = [name[1:] for name in names if name.startswith("+")]
        what = [f"without {_listed(lost)} as sent"] if lost else []
        what += [f"with {_listed(leaked)} of an interim response"] if leaked else []
        return f"handed over {status}, but {' and '.join(what)}"
    sent, got = outcome.data["sent"], outcome.data["delivered"]
    if outcome.damaged == "end":
        return (
            f"reported success with the {got} octets that came of {status}, though TLS ended "
            "without close_notify and more may have been cut off"
        )
    if final is not None and not final.complete:
        return f"reported success with {got} octets of {status}, whose content was cut short"
    return f"reported success with {got} of the {sent} octets of content of {status}"


def _silent(case: Case, outcome: Outcome, delivery: Delivery, factor: float | None) -> str:
    shown = case.main.status
    status = "" if shown is None else f" with status {shown}"
    if case.final is None:
        whole = "complete " if any(not h.complete for e in case.chain for h in e.heads) else ""
        return f"reported success{status}, although no {whole}final response had been sent"
    what = "an empty response" if case.main.content_length == 0 else "a response"
    return f"reported success with {what}{status} that is not {_the(case.final.status)} sent"


def _failed(case: Case, outcome: Outcome, delivery: Delivery, factor: float | None) -> str:
    if outcome.rule == "O3a":
        refused = "client" in outcome.data["ended_by"]
        why = "refused what it received" if refused else "saw that the connection had ended"
        return (
            f"{why} and asked again, {case.attempts} times so far; "
            "it was stopped before it told its user anything"
        )
    if outcome.rule == "O8a" and outcome.data["made_up"] is None:
        return "handed over a response without a status"
    if outcome.rule == "O8a":
        return f"made up a {outcome.data['made_up']}, which the server never sent"
    text = f"reported a failure ({_error(case)})"
    foreign = delivery.classes & FOREIGN
    if foreign:
        words = _foreign_octets(case, delivery)
        text += f", but had delivered {words}"
    if case.scenario.expect.class_ == "malformed" and left_open(case):
        text += ", and left the stream open without a word to the server"
    return text


def _timeout(case: Case, outcome: Outcome, delivery: Delivery, factor: float | None) -> str:
    if outcome.rule == "O3a":
        return (
            f"gave up by its timer and asked again, {case.attempts} times so far; it was stopped "
            "before it told its user anything"
        )
    after = "" if factor is None else f" after {factor:g} times its timer"
    text = f"gave up with a timeout{after}"
    foreign = delivery.classes & FOREIGN
    if foreign:
        words = _foreign_octets(case, delivery)
        text += f", but had delivered {words}"
    return text


def _hang(case: Case, outcome: Outcome, delivery: Delivery, factor: float | None) -> str:
    timer = case.timer_ms
    timed = "without any timer for it" if timer is None else f"with a timer of {timer / 1000:g} s"
    if outcome.rule == "O4":
        took = outcome.data["elapsed_ms"] / 1000
        return f"came to an end only after {took:.1f} s, {timed}"
    return f"never came to an end, {timed}, and was stopped"


def _crash(case: Case, outcome: Outcome, delivery: Delivery, factor: float | None) -> str:
    data = outcome.data
    how = f"signal {data['signal']}" if "signal" in data else f"exit status {data.get('exit_code')}"
    during = "the next request" if data["during"] == "probe" else "the request"
    return f"the process died during {during} ({how})"


_OUTCOME = {
    "final": _final,
    "interim": _interim,
    "foreign": _foreign,
    "damaged": _damaged,
    "silent": _silent,
    "error": _failed,
    "timeout": _timeout,
    "hang": _hang,
    "crash": _crash,
}


def _error(case: Case) -> str:
    error = case.main.error
    message = " ".join(str(error.get("message", "")).split())
    if len(message) > _MESSAGE_LIMIT:
        message = message[: _MESSAGE_LIMIT - 1] + "…"
    name = str(error.get("type", ""))
    words = f"{name}: {message}" if name and message else name or message
    return f"{error.get('kind')}: {words}" if words else str(error.get("kind"))


def _resent(repeated: tuple[Resent, ...], case: Case) -> list[str]:
    """One clause for what was sent again without being asked."""
    if not repeated:
        return []
    first = repeated[0]
    after = {
        "nothing": "before any answer",
        "interim": "after an interim response",
        "final": "after a final response",
    }[first.after]
    if first.octets and first.after == "nothing":
        after = "after octets of an answer"
    times = "" if len(repeated) == 1 else f" {len(repeated)} times"
    note = "" if first.method in IDEMPOTENT else ", which is not idempotent,"
    return [f"sent the {first.method}{note} again{times} {after}, unasked"]


def _connection(case: Case, outcome: Outcome, connected: Connected) -> str:
    value = connected.value
    if value == "poisoned":
        return _poisoned(case, connected)
    if value == "broken":
        if connected.data.get("asked") is False:
            return "the client could not make the next request"
        return "the next request failed because of it"
    if outcome.word == "final" or value in ("untested", "error"):
        return ""
    where = "that connection" if value == "reused" else "a new connection"
    return f"the next request was answered correctly on {where}"


def _poisoned(case: Case, connected: Connected) -> str:
    if connected.request_side:
        if connected.data["read"] == "request(probe)":
            return "the next request was sent where the server still expected content of the first"
        return "content of the request was sent where the server expected the next request"
    got = str(connected.data["got"])
    where = "the next request"
    if any(exchange.conn in case.carried for exchange in case.probes):
        where += " on that connection"
    numbers = {exchange.number for exchange in case.chain}
    kind, _, rest = got.partition("(")
    of_first = rest.rstrip(")").isdigit() and int(rest.rstrip(")")) in numbers
    if kind in ("content", "head") and of_first:
        return f"then answered {where} with the response to the first"
    if kind == "head":
        return f"then answered {where} with octets of a head as content"
    if kind == "surplus":
        return f"then answered {where} with octets that were sent before it was made"
    return f"then answered {where} with octets that are not its answer"


def _listed(items: Iterable[str]) -> str:
    words = list(items)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
