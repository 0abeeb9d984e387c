"""Reads YAML the way Helm reads it, so that a laptop sees the values that the pod will see.

PyYAML and Helm disagree on plain scalars: ``1e-5`` is a string to PyYAML, ``y`` is true to Helm, ``4.0``
reaches a template as ``4``. The rules here are those of Helm's YAML library, go-yaml v2.
"""

import re
from typing import Any

import yaml


class _HelmLoader(yaml.SafeLoader):
    pass


_HelmLoader.yaml_implicit_resolvers = {}

for _tag, _pattern, _first in (
    (
        "bool",
        r"y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF",
        "yYnNtTfFoO",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _HelmLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _bool(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> bool:
    return loader.construct_scalar(node).lower() in ("y", "yes", "true", "on")


def _int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if digits[:2] in ("0b", "0o", "0x"):
        return sign * int(digits, 0)
    is_octal = len(digits) > 1 and digits.startswith("0") and not set(digits) & {"8", "9"}
    return sign * int(digits, 8 if is_octal else 10)


def _float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float | int:
    value = float(loader.construct_scalar(node).replace("_", ""))
    # Values pass through JSON inside Helm, where 4.0 is written as 4.
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


_HelmLoader.add_constructor("tag:yaml.org,2002:bool", _bool)
_HelmLoader.add_constructor("tag:yaml.org,2002:int", _int)
_HelmLoader.add_constructor("tag:yaml.org,2002:float", _float)


def load(text: str) -> Any:
    """Parse one YAML (or JSON) document.

    Raises
    ------
    yaml.YAMLError
        If *text* is not one well-formed document.
    """
    return yaml.load(text, _HelmLoader)
