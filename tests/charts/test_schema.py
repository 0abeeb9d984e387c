import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from model_deployment_app.charts.schema import values_schema
from model_deployment_app.cli.schema import schema

REPOSITORY = Path(__file__).parents[2]
WRITTEN = REPOSITORY / "chart_template" / "{{ cookiecutter.model_name }}" / "values.schema.json"


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in *schema*, at any depth."""
    if isinstance(schema, dict):
        yield schema
    children = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []
    for child in children:
        yield from parts(child)


def test_the_chart_holds_what_mda_schema_prints(capsys: pytest.CaptureFixture[str]) -> None:
    schema()

    printed = capsys.readouterr().out
    assert printed == WRITTEN.read_text(encoding="utf-8"), f"run: mda schema > '{WRITTEN.relative_to(REPOSITORY)}'"
    assert json.loads(printed) == values_schema()


def test_the_schema_is_one_that_helm_can_read() -> None:
    schema = values_schema()

    Draft7Validator.check_schema(schema)
    references = {part["$ref"] for part in parts(schema) if isinstance(part.get("$ref"), str)}
    assert references
    assert all(reference.removeprefix("#/definitions/") in schema["definitions"] for reference in references)
    assert not any("$id" in part or "$defs" in part or "discriminator" in part for part in parts(schema))


def test_every_section_of_ours_refuses_unknown_keys() -> None:
    sections = [part for part in parts(values_schema()) if part.get("type") == "object" and "properties" in part]

    assert len(sections) > 15
    assert all(section["additionalProperties"] is False for section in sections)


def test_no_title_repeats_a_key() -> None:
    assert not any(isinstance(part.get("title"), str) for part in parts(values_schema()))
