# SPDX-License-Identifier: MIT
"""The normative statements that scenarios refer to: scenarios/requirements.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .scenario_reader import Reader, ScenarioError, show
from .yaml_subset import LIST, Node, SubsetError, parse_octets

FILE_NAME = "requirements.yaml"
LEVELS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "prose")
BINDS = ("client", "recipient", "proxy", "server")

_KEYS = ("id", "rfc", "section", "level", "binds", "text", "link")
_REASON = "without_scenario"
_EDITOR = "https://www.rfc-editor.org/rfc/"


@dataclass(frozen=True)
class Requirement:
    id: str
    rfc: str  # 9110
    section: str  # 15.2
    level: str  # one of LEVELS; prose: the text has no keyword of BCP 14
    binds: str  # one of BINDS
    text: str  # in our own words
    link: str
    without_scenario: str | None = None  # why no scenario tests it

    @property
    def place(self) -> str:
        """RFC 9110, section 15.2"""
        return f"RFC {self.rfc}, section {self.section}"


def _read_one(reader: Reader, node: Node) -> Requirement:
    reader.map(node, (*_KEYS, _REASON), "a requirement")
    values = {key: reader.text(reader.require(node, key, "a requirement"), key) for key in _KEYS}
    reader.name(node.values["id"], "id")
    reader.choice(node.values["level"], LEVELS, "level")
    reader.choice(node.values["binds"], BINDS, "binds")
    reader.literal(node.values["rfc"], 1, 99999, "rfc")
    lead = f"rfc{values['rfc']}-{values['section'].lower()}-"
    if not values["id"].startswith(lead) or values["id"] == lead:
        raise reader.error(
            node.values["id"], f'id "{show(values["id"])}" must begin with {lead} and say more'
        )
    if not values["link"].startswith(f"{_EDITOR}rfc{values['rfc']}.html"):
        raise reader.error(
            node.values["link"], f"link must begin with {_EDITOR}rfc{values['rfc']}.html"
        )
    reason = node.get(_REASON)
    why = None if reason is None else reader.text(reason, _REASON).strip()
    return Requirement(**values, without_scenario=why)


def parse_requirements(path: Path, octets: bytes) -> Mapping[str, Requirement]:
    """By id, in the order of the file. Raises ScenarioError."""
    try:
        root = parse_octets(octets)
    except SubsetError as error:
        raise ScenarioError(path, error.line, error.column, error.message) from None
    reader = Reader(path)
    reader.expect(root, LIST, "the file")
    requirements: dict[str, Requirement] = {}
    for item in root.items:
        requirement = _read_one(reader, item)
        if requirement.id in requirements:
            raise reader.error(item.values["id"], f"requirement {requirement.id} stands twice")
        requirements[requirement.id] = requirement
    return requirements


def load_requirements(path: Path) -> Mapping[str, Requirement]:
    """The same for a file."""
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise ScenarioError(path, 1, 1, f"cannot read the file: {error.strerror}") from None
    return parse_requirements(path, octets)


def find_requirements(path: Path) -> Path | None:
    """The file that belongs to a catalogue: in its folder, or in one of those above."""
    folder = path if path.is_dir() else path.parent
    for candidate in (folder, *folder.resolve().parents):
        if (candidate / FILE_NAME).is_file():
            return candidate / FILE_NAME
    return None
