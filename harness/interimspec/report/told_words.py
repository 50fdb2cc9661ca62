# SPDX-License-Identifier: MIT
"""What a case came to, in words made of its outcome, reasons and facts alone.

The judge's own sentence quotes the client and counts seconds; these words are the same whenever the
same thing is found again, so that pages can put cells together that found the same, and a diff of a
page is news about a client.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .model import Case

_FOREIGN = {
    "other": "content of another response",
    "head-bytes": "octets of a response head",
    "interim-content": "octets that followed an interim response",
    "framing": "lines of the framing",
    "surplus": "octets behind a complete response",
}
_KINDS = {
    "timeout": "reported a timeout",
    "protocol": "reported that the server broke the protocol",
    "closed": "reported that the connection ended",
    "refused": "reported that it could not connect",
    "limit": "reported that a limit was passed",
    "status": "reported a status as the failure",
    "tls": "reported a failure of TLS",
}


def words_of(case: Case) -> str:
    """Without a full stop and with a small first letter; empty where nothing was measured."""
    if case.grade in ("withheld", "error", "inconclusive"):
        return ""
    reasons = {str(reason.get("rule")): reason for reason in case.reasons}
    if "V3" in reasons:
        return f"cannot do what is needed: {reasons['V3'].get('what')}"
    if "V4" in reasons:
        return "says HTTP/1.0, and so gets no interim responses"
    parts = [_outcome(case, reasons), *_floors(case, reasons), _connection(case, reasons)]
    return "; ".join(part for part in parts if part)


def _outcome(case: Case, reasons: Mapping[str, Mapping[str, Any]]) -> str:
    rule = next((name for name in reasons if name.startswith("O")), "")
    data = reasons.get(rule, {})
    foreign = _foreign(case)
    if rule == "O1":
        during = "the next request" if data.get("during") == "probe" else "the request"
        how = f"signal {data['signal']}" if "signal" in data else f"exit {data.get('exit_code')}"
        return f"the process died during {during} ({how})"
    if rule == "O2":
        text = f"handed the {data.get('status')} to the application as the response"
        text += f", with {foreign} as its content" if foreign else ""
        return text + (", and then failed" if case.told == "failed" else "")
    if rule == "O3":
        return "never came to an end, and was stopped"
    if rule == "O3a":
        return "gave up and asked again, several times, until it was stopped"
    if rule == "O4":
        return "came to an end, but much later than its timer"
    if rule == "O5":
        return f"reported the {data.get('status')} as the status of the response, by a failure"
    if rule == "O6":
        return f"reported the final {data.get('status')} by the failure it documents for it"
    if rule == "O8a" and data.get("made_up") is None:
        return "handed over a response without a status"
    if rule == "O8a":
        return f"made up a {data.get('made_up')} that the server never sent"
    if rule in ("O7", "O8"):
        kind = "timeout" if rule == "O7" else str(data.get("kind"))
        text = _KINDS.get(kind, "reported a failure")
        return text + (f", but had delivered {foreign}" if foreign else "")
    if rule == "O9":
        return f"reported success and delivered {foreign or 'octets of something else'}"
    if rule == "O11" and data.get("part") == "fields":
        return f"handed over the final response, but {_fields(data.get('fields') or ())}"
    if rule == "O11":
        return "reported success with a part of the content of the final response"
    if rule == "O12":
        return "reported success, and there was no such response"
    if case.outcome == "final" and case.class_ == "malformed":
        return "took a malformed response for a good one"
    return "handed over the final response" if case.outcome == "final" else case.outcome or ""


def _fields(names: Iterable[object]) -> str:
    listed = [str(name) for name in names]
    lost = [name for name in listed if not name.startswith("+")]
    leaked = [name[1:] for name in listed if name.startswith("+")]
    what = [f"without {_and(lost)} as sent"] if lost else []
    what += [f"with {_and(leaked)} of an interim response"] if leaked else []
    return " and ".join(what)


def _foreign(case: Case) -> str:
    delivered = case.facts.get("delivered") or ()
    return _and(_FOREIGN[name] for name in sorted(map(str, delivered)) if name in _FOREIGN)


def _floors(case: Case, reasons: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = []
    if "G4" in reasons:
        methods = {
            str(one.get("method"))
            for one in case.facts.get("resent") or ()
            if not one.get("asked") and one.get("method") in ("POST", "PATCH")
        }
        found.append(f"sent the {_and(sorted(methods)) or 'request'} again, unasked")
    elif "G9" in reasons:
        found.append("sent the request again after an interim response, unasked")
    if "G8" in reasons:
        found.append("its timer fired much later than it was set to")
    if "G10" in reasons:
        found.append("left the stream open without a word")
    fact = reasons.get("facts")
    if fact is not None:
        name = str(fact.get("fact")).replace("_", " ")
        found.append(f"{name}: {fact.get('got')} instead of {fact.get('expected')}")
    if "no-timer" in reasons:
        found.append("it has no timer that could end this")
    return found


def _connection(case: Case, reasons: Mapping[str, Mapping[str, Any]]) -> str:
    if "G3" in reasons or "K3" in reasons:
        return "octets of one request were sent where the server expected another"
    if case.connection == "poisoned":
        got = str(reasons.get("K2", {}).get("got", ""))
        if got.startswith(("content(", "head(")):
            return "then answered the next request with the response to an earlier one"
        if got == "head":
            return "then answered the next request with a head that was no answer to it"
        if got.startswith("surplus"):
            return "then answered the next request with octets that were sent before it was made"
        return "then answered the next request with octets that are not its answer"
    if case.connection == "broken":
        return "the next request failed because of it"
    return ""


def _and(items: Iterable[str]) -> str:
    words = list(items)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
