# SPDX-License-Identifier: MIT
"""The questions that a reader comes with. Each case belongs to the first one that wants it, so that
the columns of a table add up to everything that was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .model import Case, Report


@dataclass(frozen=True)
class Question:
    key: str
    title: str  # a column's head
    asks: str  # a sentence
    wants: Callable[[Report, Case], bool]


def _family(name: str) -> Callable[[Report, Case], bool]:
    return lambda report, case: (
        case.class_ != "trait" and case.family.split("/", 1)[0].startswith(name)
    )


def _class(*names: str) -> Callable[[Report, Case], bool]:
    return lambda report, case: case.class_ in names


QUESTIONS: tuple[Question, ...] = (
    Question(
        "102",
        "102",
        "Does it skip 102 responses, however many and wherever, and deliver the final response?",
        lambda report, case: report.about_102(case),
    ),
    Question("connect", "CONNECT", "And those before the answer to a CONNECT?", _family("tunnel")),
    Question("plain", "no 1xx", "Is all well without any interim response?", _family("control")),
    Question("other", "other 1xx", "Does it skip other interim statuses as well?", _class("serve")),
    Question(
        "limit",
        "many, large",
        "Many or large interim responses: does it deliver the final one, or refuse cleanly?",
        _class("limit"),
    ),
    Question(
        "end",
        "no final",
        "No final response comes, or too late: does the application hear of it?",
        _class("unfinished", "timer"),
    ),
    Question(
        "garbage",
        "garbage",
        "What follows an interim response is no response, or a malformed one: is that an error?",
        _class("garbage", "malformed"),
    ),
    Question(
        "surplus",
        "surplus",
        "Octets that nobody asked for: do they stay out of the next answer?",
        _class("surplus"),
    ),
    Question(
        "odd",
        "odd",
        "Something is wrong that a lenient reader may forgive: is it read in one safe way?",
        _class("odd"),
    ),
    Question(
        "measured",
        "measured",
        "Nothing is required: what it does is written down, and graded only where it harms.",
        lambda report, case: True,
    ),
)


def question_of(report: Report, case: Case) -> Question:
    return next(question for question in QUESTIONS if question.wants(report, case))


def by_question(report: Report, cases: Iterable[Case]) -> dict[str, list[Case]]:
    """The cases of each question, by its key; a question that nobody was asked is not in it."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(question_of(report, case).key, []).append(case)
    return found
