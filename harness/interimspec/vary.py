# SPDX-License-Identifier: MIT
"""A case that asks for a value or sweeps a range: many attempts, one answer.

    search    the greatest value of a parameter with which the client still ends well (bisection)
    sweep     every value, or every octet: the list of those with which it does not

The answer is a trait and the attempt at the edge; the case is graded by that attempt.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from interimspec.cases import FINDINGS, Attempt, worse
from interimspec.scenario_expect import VarySpec

SPREAD = 5  # values of a sweep that are tried first
FINE = 128  # a limit is found exactly up to this value, beyond it to one part in so many

PATIENCE = 3  # so many times as long are the timers with which a doubtful timeout is tried again

#: One attempt: values of the parameters, and how many times as long timers are.
Try = Callable[[Mapping[str, int], int], Awaitable[Attempt]]


async def run(what: VarySpec, attempt: Try) -> Attempt:
    """All attempts that the answer needs."""
    return await (_search if what.kind == "search" else _sweep)(what, attempt)


async def _search(search: VarySpec, attempt: Try) -> Attempt:
    """Outcomes are taken to change once. The edge is what is graded; beyond it nothing is known."""
    tried: dict[int, Attempt] = {}

    async def is_good(value: int, patience: int = 1) -> bool:
        tried[value] = await attempt({search.param: value}, patience)
        return tried[value].outcome in search.good

    good_at_most = await is_good(search.high)
    if tried[search.high].outcome == "timeout":  # a busy machine, where the client has no limit
        good_at_most = await is_good(search.high, PATIENCE)
    if good_at_most:
        return _with_trait(tried[search.high], search.param, {"at_least": search.high}, tried)
    if not tried[search.high].decided:
        return tried[search.high]
    if not await is_good(search.low):
        return _with_trait(tried[search.low], search.param, {"below": search.low}, tried)
    good, bad, patience = search.low, search.high, 1
    while True:
        while bad - good > max(1, good // FINE):
            # Limits are mostly round numbers, small against the range: narrow by magnitude first.
            middle = int((good * bad) ** 0.5) if bad > 4 * good else (good + bad) // 2
            middle = min(max(middle, good + 1), bad - 1)
            if await is_good(middle, patience):
                good = middle
            elif not tried[middle].decided:
                return tried[middle]
            else:
                bad = middle
        if tried[bad].outcome != "timeout" or patience == PATIENCE or bad == search.high:
            break
        # The limit of a busy machine, or of a client that gets slower: with more time it shows.
        patience = PATIENCE
        if await is_good(bad, patience):
            good, bad = bad, search.high
        elif not tried[bad].decided:
            return tried[bad]
    return _with_trait(
        tried[bad],
        search.param,
        {"good_to": good, "bad_from": bad, "then": tried[bad].outcome},
        tried,
    )


async def _sweep(sweep: VarySpec, attempt: Try) -> Attempt:
    """A few values far apart first: where all of them fail alike, it is not the value that matters,
    and nobody learns from sixty more (of a timer each, for a client that waits)."""
    tried: dict[int, Attempt] = {}
    values = range(sweep.low, sweep.high + 1)
    spread = sorted({values[len(values) * part // SPREAD] for part in range(SPREAD)})
    for value in [*spread, *(value for value in values if value not in spread)]:
        found = await attempt({sweep.param: value}, 1)
        if not found.decided:  # once more at once: one cut of many was not clean
            found = await attempt({sweep.param: value}, 1)
        tried[value] = found
        if not found.decided:
            return found
        if len(tried) == len(spread) and len(values) > len(spread) and _all_fail_alike(tried):
            break
    chosen = next(iter(tried.values()))
    for found in tried.values():
        chosen = worse(chosen, found)
    failing = sorted(value for value, found in tried.items() if found.grade in FINDINGS)
    answer: dict[str, Any] = {"failing": failing, "of": len(values)}
    if len(tried) < len(values):
        answer = {"failing": "everywhere", "of": len(values), "tried": sorted(tried)}
    return _with_trait(chosen, sweep.param, answer, tried)


def _all_fail_alike(tried: Mapping[int, Attempt]) -> bool:
    outcomes = {found.outcome for found in tried.values()}
    return len(outcomes) == 1 and all(found.grade in FINDINGS for found in tried.values())


def _with_trait(
    chosen: Attempt, param: str, answer: Mapping[str, Any], tried: Mapping[int, Attempt]
) -> Attempt:
    verdict = dict(chosen.verdict)
    verdict["traits"] = {**(verdict.get("traits") or {}), param: dict(answer)}
    return replace(
        chosen, verdict=verdict, duration_ms=sum(found.duration_ms for found in tried.values())
    )
