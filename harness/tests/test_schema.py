# SPDX-License-Identifier: MIT
"""scenarios/schema.json says the same as the loaders, as far as a schema can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from interimspec import (
    scenario,
    scenario_expect,
    scenario_frames,
    scenario_respond,
    scenario_script,
)
from interimspec.requirements import FILE_NAME
from interimspec.yaml_subset import LIST, MAP, Node, SubsetError, parse_octets

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SHARED_SET = Path(__file__).parent / "format"
CATALOGUE = [path for path in sorted(SCENARIOS.rglob("*.yaml")) if path != SCENARIOS / FILE_NAME]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SCENARIOS / "schema.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> jsonschema.Draft7Validator:
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def as_text(node: Node) -> Any:
    """The plain value of a node: every scalar is text."""
    if node.kind == LIST:
        return [as_text(item) for item in node.items]
    if node.kind == MAP:
        return {key: as_text(value) for key, value in node.values.items()}
    return node.text


def errors_of(validator: jsonschema.Draft7Validator, value: Any) -> list[str]:
    return [f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(value)]


@pytest.mark.parametrize("path", sorted((SHARED_SET / "good").iterdir()), ids=lambda p: p.stem)
def test_accepts_the_good_ones(validator: jsonschema.Draft7Validator, path: Path) -> None:
    assert errors_of(validator, as_text(parse_octets(path.read_bytes()))) == []


def test_accepts_the_catalogue(validator: jsonschema.Draft7Validator) -> None:
    for path in CATALOGUE:
        assert errors_of(validator, as_text(parse_octets(path.read_bytes()))) == [], path


def test_accepts_the_catalogue_as_an_editor_reads_it(
    validator: jsonschema.Draft7Validator,
) -> None:
    """Editors give scalars the types that we do not."""
    for path in CATALOGUE:
        assert errors_of(validator, yaml.safe_load(path.read_bytes())) == [], path


def test_refuses_unknown_keys(validator: jsonschema.Draft7Validator) -> None:
    refused = 0
    for path in sorted(SHARED_SET.glob("bad*/*.yaml")):
        octets = path.read_bytes()
        if b"unknown key" not in octets.splitlines()[0]:
            continue
        try:
            root = parse_octets(octets)
        except SubsetError:
            continue
        assert errors_of(validator, as_text(root)) != [], path
        refused += 1
    assert refused >= 10


def test_names_the_same_keys(schema: dict[str, Any]) -> None:
    definitions = schema["definitions"]
    assert list(schema["properties"]) == list(scenario.KEYS)
    for name, keys in (
        ("step", scenario_script.STEP_KEYS),
        ("respond", scenario_respond.RESPOND_KEYS),
        ("frame", scenario_frames.FRAME_KEYS),
        ("request", scenario_expect.REQUEST_KEYS),
        ("expect", scenario_expect.EXPECT_KEYS),
    ):
        assert list(definitions[name]["properties"]) == list(keys), name
    assert [verb["required"][0] for verb in definitions["step"]["oneOf"]] == list(
        scenario_script.VERBS
    )

    assert [kind["required"][0] for kind in definitions["frame"]["oneOf"]] == list(
        scenario_frames.FRAME_KINDS
    )
    frame = definitions["frame"]["properties"]
    assert list(frame["headers"]["properties"]) == list(scenario_frames.SECTION_KEYS)
    assert frame["rst_stream"]["anyOf"][1]["enum"] == list(scenario_frames.ERROR_CODES)
    assert list(schema["properties"]["h2"]["properties"]) == list(scenario_frames.H2_KEYS)


def test_names_the_same_words(schema: dict[str, Any]) -> None:
    definitions, properties = schema["definitions"], schema["properties"]
    expect, step = definitions["expect"]["properties"], definitions["step"]["properties"]
    assert definitions["outcome"]["enum"] == list(scenario_expect.OUTCOMES)
    assert expect["class"]["enum"] == list(scenario_expect.CLASSES)
    assert expect["grades"]["additionalProperties"]["enum"] == list(scenario_expect.GRADES)
    assert list(expect["facts"]["properties"]) == list(scenario_expect.FACTS)
    word, request = properties["probe"]["oneOf"]
    assert word["enum"] == list(scenario_expect.PROBES)
    assert list(request["properties"]) == list(scenario_expect.PROBE_KEYS)
    assert properties["transports"]["items"]["enum"] == list(scenario.TRANSPORTS)
    assert list(properties["timers"]["properties"]) == list(scenario_expect.TIMER_KEYS)
    assert step["as"]["enum"] == list(scenario_script.CLASSES_OF_OCTETS)
    assert step["wait"]["oneOf"][0]["enum"] == list(scenario_script.WAITS)
    respond = definitions["respond"]["properties"]
    assert respond["framing"]["enum"] == list(scenario_respond.FRAMINGS)
