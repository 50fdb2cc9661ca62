# SPDX-License-Identifier: MIT
"""The least time for the work: set by CPU, by a row, or by one case."""

from __future__ import annotations

from interimspec.accounts import RowAccount, ideal


def account(processes: int, *cases_ms: float, cpu_ms: float = 0.0) -> RowAccount:
    made = RowAccount(processes, cpu_ms=cpu_ms)
    for case_ms in cases_ms:
        made.add_attempt(case_ms)
        made.add_case(case_ms)
    return made


def test_the_cpu_of_all_over_the_processors() -> None:
    rows = {"a": account(2, 100, 100, cpu_ms=1000), "b": account(2, 100, cpu_ms=3000)}
    found = ideal(rows, other_cpu_ms=2000, cores=2)
    assert found.ms == 3000
    assert "2 processors" in found.bound_by


def test_the_longest_row_in_the_processes_it_may_have() -> None:
    found = ideal({"a": account(4, *[1000] * 8), "b": account(1, *[900] * 4)}, 10, cores=1)
    assert (found.ms, found.bound_by) == (3600, "b in 1 processes")


def test_a_row_has_no_use_for_more_processes_than_cases() -> None:
    assert ideal({"a": account(8, 500, 500)}, 0, cores=1).ms == 500


def test_the_longest_case() -> None:
    found = ideal({"a": account(8, 5000, *[10] * 8)}, 0, cores=1)
    assert (found.ms, found.bound_by) == (5000, "the longest case of a")


def test_a_case_is_as_long_as_its_attempts_one_after_the_other() -> None:
    row = RowAccount(8)
    for _ in range(20):
        row.add_attempt(300)
    row.add_case(6000)
    assert ideal({"a": row}, 0, cores=1).ms == 6000


def test_nothing_was_run() -> None:
    assert ideal({}, 500, cores=2).ms == 250


def test_what_is_written_down_is_whole_milliseconds() -> None:
    assert account(2, 10.4, 10.4, cpu_ms=7.6).to_json() == {
        "processes": 2,
        "cases": 2,
        "chain_ms": 21,
        "longest_case_ms": 10,
        "started": 0,
        "cpu_ms": 8,
    }
