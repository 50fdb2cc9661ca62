# SPDX-License-Identifier: MIT
"""The words in which every report says the same thing.

Symbols and colours are chosen here and nowhere else. Each grade has a letter or sign of its own, so
that no report depends on colour, and an ASCII one for terminals that have nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GradeWords:
    sign: str
    ascii: str
    meaning: str


GRADE_WORDS: dict[str, GradeWords] = {
    "danger": GradeWords(
        "D",
        "D",
        "An application that checks everything the client's documentation tells it to check still "
        "takes wrong data for right, or an effect happens twice.",
    ),
    "fail": GradeWords(
        "F", "F", "The client does not do what the scenario requires, and the application can tell."
    ),
    "error": GradeWords(
        "E",
        "E",
        "The harness, the server or the adapter went wrong. It says nothing of the client.",
    ),
    "inconclusive": GradeWords(
        "?", "?", "The bytes or the times were not what the scenario asks for. Run it again."
    ),
    "warn": GradeWords(
        "w", "w", "It works but breaks a SHOULD, or fails in a way that leaves something behind."
    ),
    "info": GradeWords("i", "i", "Nothing is required here; this is what the client does."),
    "unsupported": GradeWords(
        "–", "-", "The client cannot do what the scenario needs, and says so."
    ),
    "withheld": GradeWords("⊘", "x", "Withheld until the client's maintainers have had time."),
    "pass": GradeWords("✓", ".", "The client does what the scenario requires."),
}

OUTCOME_WORDS: dict[str, str] = {
    "final": "delivered the final response",
    "interim": "handed an interim response over as the answer",
    "foreign": "delivered bytes that do not belong to this response",
    "damaged": "delivered a part of the response, or one that was altered",
    "silent": "reported success without any response",
    "error": "reported an error",
    "timeout": "reported a timeout",
    "hang": "said nothing by the deadline and was stopped",
    "crash": "died",
}

CONNECTION_WORDS: dict[str, str] = {
    "reused": "The next request went over the same connection and got its own answer.",
    "fresh": "The next request went over a new connection and got its own answer.",
    "poisoned": "The next request got an answer that was not its own.",
    "broken": "The next, innocent request failed because of this exchange.",
    "untested": "No second request is possible with this client.",
    "error": "The next request failed on a new connection; the environment is to blame.",
}

CLASS_WORDS: dict[str, str] = {
    "serve": "Conforming bytes, and the final response follows: the client must deliver it.",
    "limit": "Conforming, but many or large: the client may refuse, cleanly.",
    "timer": "The final response comes later than the client's timer.",
    "unfinished": "No final response comes: the client must say so.",
    "malformed": "The response is malformed, and must not be accepted (RFC 9113, section 8.1.1).",
    "garbage": "Octets that are no status line follow an interim response.",
    "surplus": "Octets come after a complete final response, which nobody asked for.",
    "odd": "The server breaks a rule that a lenient reader may forgive.",
    "trait": "Nothing is required: what the client does is recorded.",
    "control": "No interim response at all: what the client does when all is well.",
}

BYTE_CLASS_WORDS: dict[str, str] = {
    "head": "head",
    "interim-content": "content of an interim response",
    "framing": "framing",
    "content": "content",
    "surplus": "surplus",
}

DELIVERED_WORDS: dict[str, str] = {
    "own": "the content of its own response",
    "other": "content of another exchange",
    "head-bytes": "bytes of a response head",
    "interim-content": "bytes sent after an interim head",
    "framing": "bytes of the framing",
    "surplus": "bytes sent after the final response",
    "partial": "a part of its own content",
    "empty": "nothing",
    "unattributed": "bytes that the server never sent",
}

RULE_WORDS: dict[str, str] = {
    "V1": "The server did not play the script to its end, or the transcript is incomplete.",
    "V2": "The adapter's events are missing, malformed or out of order.",
    "V3": "The client or its adapter does not support what the plan asks for.",
    "V4": "The request said HTTP/1.0, to which no interim response may be sent.",
    "V5": "No request for the main resource reached the server.",
    "V6": "Something was sent or read too late, or pieces were not read on their own.",
    "V7": "The server's transcript and the client's events contradict each other.",
    "V7a": "The client delivered bytes that no connection carried.",
    "V7b": "A response was reported before its head had left the server.",
    "V7c": "Interim responses were reported that the server never sent.",
    "V7d": "A timeout was reported long before the timer could fire.",
    "V7e": "A final response was reported though none was sent.",
    "V7f": "The client's account of its requests is not what the server saw.",
    "O1": "The process died after its request had been seen.",
    "O2": "A response with a 1xx status was handed to the application.",
    "O3": "Nothing had ended by the deadline; the process was stopped.",
    "O3a": "It gave up each attempt in time and began another, until it was stopped.",
    "O4": "It ended, but later than three times its timer.",
    "O5": "The client raised its own status error for a 1xx status.",
    "O6": "The client raised its documented status error for the final response.",
    "O7": "The client reported a timeout, or gave up when its timer had run.",
    "O8": "The client reported a failure.",
    "O8a": "The client told of its failure as if by an answer, with a status of its own, or none.",
    "O9": "The client reported success with bytes that are not this response's content.",
    "O10": "The client reported success with the final response, whole.",
    "O11": "The client reported success with a part of the final response, or one altered.",
    "O12": "The client reported success, and there was no response to show for it.",
    "G1": "Success was reported over wrong data: at least danger.",
    "G2": "A later request got the answer of an earlier one: at least danger.",
    "G3": "Octets of one request were read as part of another: at least danger.",
    "G4": "A request that may not be repeated was sent again: at least danger.",
    "G5": "It failed, but wrong bytes had already reached the output: at least warn.",
    "G6": (
        "An innocent request failed because of the earlier exchange: at least fail, or warn where "
        "the server had broken the rules of the connection."
    ),
    "G7": "The fields of the response were altered: at least fail.",
    "G8": "The timer fired much later than it was set to: at least warn.",
    "G9": "A request was sent again after an interim response, unasked: noted.",
    "G10": "A malformed response was refused, and its stream left open without a word: warn.",
    "G11": "All that came was taken for the whole, though TLS ended without close_notify: warn.",
    "G12": "A failure looks like an answer that the server never gave: at least warn.",
    "G13": "A response was handed over for a malformed field section: at least fail.",
    "K1": "No second request is possible.",
    "K2": "The probe's answer came from the stream before its own exchange.",
    "K3": "Octets of the probe were taken as part of another request.",
    "K4": "The probe got its own answer.",
    "K5": "The probe failed on the connection of the main request.",
    "K6": "The probe failed on a new connection.",
    "facts": "The scenario demands a fact that was not so: fail.",
    "no-timer": "Only a timer could end this, and the client has none that could: for information.",
}


def rule_words(rule: str) -> str:
    """What a rule says; V7a falls back on V7 when the judge names a finer one than we know."""
    finer = re.fullmatch(r"([A-Z][0-9]+)[a-z]", rule)
    return RULE_WORDS.get(rule) or RULE_WORDS.get(finer.group(1) if finer else "", "")


def plain(value: Any) -> str:
    """A fact as a person reads it, on one line."""
    if value is None:
        return "none"
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, Mapping):
        parts = ", ".join(f"{key} {plain(item)}" for key, item in value.items())
        return limit_in_words(value) or parts or "none"
    if isinstance(value, list | tuple):
        return "; ".join(plain(item) for item in value) or "none"
    return str(value)


def limit_in_words(value: Any) -> str | None:
    """What the search for a limit found, as vary.py writes it down; None for any other trait."""
    if not isinstance(value, Mapping):
        return None
    match value:
        case {"at_least": int(most)}:
            return f"{most:,} and more"
        case {"below": int(least)}:
            return f"not even {least:,}"
        case {"good_to": int(good), "bad_from": int(bad), "then": then}:
            return f"{good:,}; from {bad:,} on: {then}"
    return None


def count_of(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
