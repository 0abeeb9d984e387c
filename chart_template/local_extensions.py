"""What cookiecutter.json and the chart's files call beyond Jinja's own; loaded by its `_extensions`."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def app_version() -> str:
    """The version of this repository: written once, in pyproject.toml."""
    return tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"]


def to_yaml(value: Any) -> str:
    """Write *value* as one line of JSON that YAML reads as the same value.

    Jinja's ``tojson`` is made for HTML: ``'`` becomes ``\\u0027``, and an emoji becomes two surrogates, which
    YAML refuses.
    """
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(r"[\x7f-\uffff]", lambda match: _printable(match[0]), text)


def _printable(character: str) -> str:
    return character if character.isprintable() else f"\\u{ord(character):04x}"


class ChartExtension(Extension):
    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals["app_version"] = app_version
        environment.filters["from_json"] = json.loads
        environment.filters["to_yaml"] = to_yaml
