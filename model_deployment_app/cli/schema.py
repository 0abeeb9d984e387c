"""``mda schema``: what Helm checks a chart's values against, and what a passport holds."""

import json
from typing import Annotated, Any

import typer
from pydantic.json_schema import GenerateJsonSchema

from ..charts.schema import values_schema


def schema(
    passport: Annotated[
        bool, typer.Option("--passport", help="Print that of a passport: docs/passport.schema.json.")
    ] = False,
) -> None:
    """Print the JSON schema of values.yaml: chart_template's values.schema.json."""
    chosen = passport_schema() if passport else values_schema()
    print(json.dumps(chosen, indent=2, sort_keys=True, ensure_ascii=False))


class _Untitled(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # it would repeat the key


def passport_schema() -> dict[str, Any]:
    """What `passport.read` takes: every passport of this version, those with keys of later ones too."""
    from ..passport import Passport  # NumPy, which the other verbs need not import

    return {
        "$schema": _Untitled.schema_dialect,
        **Passport.model_json_schema(by_alias=True, mode="validation", schema_generator=_Untitled),
    }
