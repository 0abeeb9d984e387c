"""Writes into a chart's values.yaml which artifact it serves: comments and everything else stay as they are."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from ..errors import ChartError

#: What says where an artifact is, of every method; the rest of ``config.model`` says how it is loaded.
_LOCATION = ("method", "path", "projectName", "bucketName", "blobDir", "generation", "sha256")


def point(chart: Path, location: Mapping[str, Any], *, trusted_types: list[str]) -> list[str]:
    """Have the chart serve the artifact at *location*.

    Parameters
    ----------
    chart : Path
        Its folder.
    location : mapping
        Keys of ``config.model``: where the artifact is, and what pins it. Those of another place are removed.
    trusted_types : list of str
        Names that are added to ``config.model.trustedTypes``.

    Returns
    -------
    list of str
        The keys that have another value now, with it.

    Raises
    ------
    ChartError
        If values.yaml has no ``config.model``, or several models.
    """
    file = chart / "values.yaml"
    values = _values(chart)
    model = values["config"]["model"]
    before = dict(model)
    # ruamel keeps what stands between two keys with the one above: here, the comment on what follows the section.
    below = model.ca.items.pop(list(model)[-1], None)
    _replace(model, location)
    if new := [name for name in trusted_types if name not in model.get("trustedTypes", ())]:
        names = [*model.pop("trustedTypes", ()), *new]
        model.insert(len(model) - 1, "trustedTypes", names)  # not last: the comment would get into the list
    if below is not None:
        model.ca.items[list(model)[-1]] = below
    changed = [f"config.model.{key}: {value}" for key, value in model.items() if before.get(key) != value]
    changed += [f"config.model.{key} is removed" for key in before if key not in model]
    if changed:
        text = StringIO()
        _yaml().dump(values, text)
        file.write_text(text.getvalue(), encoding="utf-8")
    return changed


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _values(chart: Path) -> CommentedMap:
    file = chart / "values.yaml"
    try:
        values = _yaml().load(file.read_text(encoding="utf-8"))
        config = (values or {}).get("config", {})
        model = config.get("model")
    except FileNotFoundError:
        raise ChartError(f"{file}: no such file: give the folder of a chart") from None
    except AttributeError:  # of a list, or of text
        config, model = {}, None
    if "models" in config:
        raise ChartError(
            f"{file}: has config.models, and cannot be pointed at one artifact: push without --chart, and write the "
            "sha256 that it prints into the entry of that model"
        )
    if not isinstance(model, CommentedMap) or not model:
        raise ChartError(f"{file}: expected a section config.model")
    return values


def _model(chart: Path) -> CommentedMap:
    return _values(chart)["config"]["model"]


def _replace(model: CommentedMap, location: Mapping[str, Any]) -> None:
    for key in _LOCATION:
        if key not in location:
            model.pop(key, None)
    for position, (key, value) in enumerate(location.items()):
        if key in model:
            if model[key] != value:
                model[key] = _quoted(value)
        else:
            model.insert(position, key, _quoted(value))


def _quoted(value: Any) -> Any:
    return DoubleQuotedScalarString(value) if isinstance(value, str) else value


def project_of(chart: Path) -> str | None:
    """The Google Cloud project that a chart names."""
    return _model(chart).get("projectName")


def trusted_types_of(chart: Path) -> list[str]:
    """What a chart trusts already."""
    return list(_model(chart).get("trustedTypes", ()))
