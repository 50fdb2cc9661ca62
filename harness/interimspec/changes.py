# SPDX-License-Identifier: MIT
"""What changed between two sets of results, in words, with like changes told together.

pairs(old, new)       which row is compared with which: the same one, or another version of it
compare(old, new)     the cells of two rows, grouped by what changed
render(changes)       the words
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interimspec import results
from interimspec.cases import GRADE_RANK
from interimspec.report.words import OUTCOME_WORDS, plain

Cell = Mapping[str, object]
Rows = Mapping[str, Mapping[str, Cell]]  # row id -> cell name -> cell

BETTER, WORSE, OTHER, UNDECIDED = "better", "worse", "different", "not compared"
MEASURED = "measured otherwise"  # the same verdict, another trait
_ORDER = (WORSE, BETTER, OTHER, MEASURED, UNDECIDED)
_CONNECTION = {
    "poisoned": "the next request is given an answer that is not its own",
    "broken": "the next request fails",
}
_NAMED = 8  # cells of a group that are named unless all are asked for


@dataclass(frozen=True)
class Group:
    """Cells in which the same thing changed."""

    kind: str  # one of BETTER, WORSE, OTHER, MEASURED, UNDECIDED
    before: str
    after: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """Two rows, and all that is different between them."""

    old: str
    new: str
    groups: tuple[Group, ...]
    same: int
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    other_scenario: tuple[str, ...]  # changed cells whose scenario is not the one it was

    def count(self, kind: str) -> int:
        """How many cells are of this kind."""
        return sum(len(group.cells) for group in self.groups if group.kind == kind)

    @property
    def changed(self) -> bool:
        """Whether anything is known to have changed."""
        return any(group.kind != UNDECIDED for group in self.groups)


# ---------------------------------------------------------------- which rows


def pairs(old: Sequence[str], new: Sequence[str]) -> list[tuple[str, str]]:
    """Rows of the same id; else, where either side has one version of a client, that with that."""
    found = [(row, row) for row in sorted(set(old) & set(new))]
    rest_old, rest_new = _by_client(set(old) - set(new)), _by_client(set(new) - set(old))
    for client in sorted(rest_old.keys() & rest_new.keys()):
        if len(rest_old[client]) == 1 and len(rest_new[client]) == 1:
            found.append((rest_old[client][0], rest_new[client][0]))
    return found


def _by_client(rows: set[str]) -> dict[tuple[str, str], list[str]]:
    """Rows by client and variant."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row in sorted(rows):
        name, _, version = row.partition("@")
        found[name, version.partition("+")[2]].append(row)
    return found


# ---------------------------------------------------------------- what changed


def compare(old_row: str, new_row: str, old: Mapping[str, Cell], new: Mapping[str, Cell]) -> Change:
    """The cells of two rows."""
    groups: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    same, other_scenario = 0, []
    for name in sorted(old.keys() & new.keys()):
        before, after = old[name], new[name]
        if results.same(before, after):
            measured = _measured(before, after)
            for words in measured:
                groups[MEASURED, *words].append(name)
            same += not measured
            continue
        groups[_kind(before, after), told(before), told(after)].append(name)
        hashes = before.get("scenario_sha256"), after.get("scenario_sha256")
        if None not in hashes and hashes[0] != hashes[1]:
            other_scenario.append(name)
    made = [Group(*key, cells=tuple(cells)) for key, cells in groups.items()]
    made.sort(key=lambda group: (_ORDER.index(group.kind), -len(group.cells), group.before))
    return Change(
        old_row,
        new_row,
        tuple(made),
        same,
        tuple(sorted(old.keys() - new.keys())),
        tuple(sorted(new.keys() - old.keys())),
        tuple(other_scenario),
    )


def _kind(before: Cell, after: Cell) -> str:
    ranks = [GRADE_RANK.get(str(cell.get("grade"))) for cell in (before, after)]
    # What could not be found out, or is withheld, is neither better nor worse; the same of what a
    # client cannot do at all.
    if None in ranks or 0 in ranks:
        return UNDECIDED
    if ranks[0] == ranks[1]:
        return OTHER
    return BETTER if (ranks[1] or 0) < (ranks[0] or 0) else WORSE


def _measured(before: Cell, after: Cell) -> list[tuple[str, str]]:
    """The traits of a cell that both have and that differ, in words."""
    old, new = before.get("traits"), after.get("traits")
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return []
    return [
        (f"{name}: {plain(old[name])}", f"{name}: {plain(new[name])}")
        for name in sorted(old.keys() & new.keys())
        if not results.same_trait(old[name], new[name])
    ]


def told(cell: Cell) -> str:
    """What a cell says of the client."""
    grade, outcome = str(cell.get("grade")), cell.get("outcome")
    if outcome is None:
        return grade
    words = OUTCOME_WORDS.get(str(outcome), str(outcome))
    connection = _CONNECTION.get(str(cell.get("connection")))
    return f"{words}{f', and {connection}' if connection else ''} ({grade})"


# ---------------------------------------------------------------- words


def render(change: Change, *, every_cell: bool = False) -> list[str]:
    """The lines for one pair of rows; none where nothing is different."""
    if not change.groups and not change.only_old and not change.only_new:
        return []
    counts = [f"{change.count(kind)} {kind}" for kind in _ORDER if change.count(kind)]
    lines = [f"{_title(change)}: {', '.join([*counts, f'{change.same} as before'])}"]
    for group in change.groups:
        count = len(group.cells)
        scenarios = "1 scenario" if count == 1 else f"{count} scenarios"
        lines.append(f"  {group.kind}, {scenarios}: now {group.after}")
        lines.append(f"      before: {group.before}")
        lines += [f"      {line}" for line in _named(group.cells, every_cell)]
    for cells, words in (
        (change.only_old, "only in the old"),
        (change.only_new, "only in the new"),
        (change.other_scenario, "of a scenario that is not the one it was"),
    ):
        if cells:
            lines.append(f"  {words}: {len(cells)}")
            lines += [f"      {line}" for line in _named(cells, every_cell)]
    return lines


def _title(change: Change) -> str:
    name, _, before = change.old.partition("@")
    other, _, after = change.new.partition("@")
    if change.old == change.new:
        return f"{name} {before}"
    return f"{name} {before} → {after}" if name == other else f"{change.old} → {change.new}"


def _named(cells: Sequence[str], every_cell: bool) -> list[str]:
    """Names; `[h1]`, which most are, is left out."""
    names = sorted(cell.removesuffix("[h1]") for cell in cells)
    if every_cell:
        return names
    shown = ", ".join(names[:_NAMED])
    return [shown + (f", and {len(names) - _NAMED} more" if len(names) > _NAMED else "")]
