# SPDX-License-Identifier: MIT
"""scenarios/README.md: every key is explained, and every example is read."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from interimspec import (
    scenario,
    scenario_expect,
    scenario_frames,
    scenario_respond,
    scenario_script,
)
from interimspec.requirements import load_requirements

SCENARIOS = Path(__file__).parents[2] / "scenarios"
README = (SCENARIOS / "README.md").read_text()
FENCED = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = FENCED.findall(README)


def whole(example: str) -> tuple[str, str]:
    """Id and text of the scenario that an example is, or that its steps make."""
    if not example.startswith("- "):
        return example.split("\n")[0].removeprefix("id: "), example
    steps = textwrap.indent(example, "  ")
    text = f"id: steps\ntitle: T\nscript:\n{steps}expect: {{class: trait}}\nwhy: W\n"
    return "steps", text


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_good(example: str) -> None:
    requirements = load_requirements(SCENARIOS / "requirements.yaml")
    name, text = whole(example)
    scenario.parse_scenario(f"{name}.yaml", text.encode(), "", requirements)


def test_there_are_examples_of_every_step() -> None:
    shown = "\n".join(EXAMPLES)
    for key in scenario_script.STEP_KEYS:
        assert re.search(rf"\b{key}: ", shown), key


@pytest.mark.parametrize(
    "words",
    [
        scenario.KEYS,
        scenario.TRANSPORTS,
        scenario_script.STEP_KEYS,
        scenario_respond.RESPOND_KEYS,
        scenario_script.WAITS,
        scenario_frames.FRAME_KEYS,
        scenario_frames.SECTION_KEYS,
        scenario_frames.H2_KEYS,
        scenario_respond.FRAMINGS,
        scenario_script.CLASSES_OF_OCTETS,
        scenario_expect.REQUEST_KEYS,
        scenario_expect.EXPECT_KEYS,
        scenario_expect.CLASSES,
        scenario_expect.PROBES,
        tuple(scenario_expect.FACTS),
    ],
)
def test_every_word_is_explained(words: tuple[str, ...]) -> None:
    prose = FENCED.sub("", README)
    in_code = " ".join([*re.findall(r"`([^`]+)`", prose), *EXAMPLES])
    for word in words:
        assert re.search(rf"(?<![\w-]){word}(?![\w-])", in_code), word
