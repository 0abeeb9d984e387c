"""Rows from a file: what a sample and training data come in."""

import json
from pathlib import Path
from typing import Any

from pandas import DataFrame, read_csv

from ..errors import InvalidRequest


def instances(file: Path) -> list[Any]:
    """Rows as the V1 protocol takes them.

    Parameters
    ----------
    file : Path
        JSON, a list of rows or ``{"instances": rows}``; or CSV, whose first line holds the names of the columns.

    Raises
    ------
    InvalidRequest
    """
    if file.suffix == ".csv":
        rows = frame(file)
        return json.loads(rows.to_json(orient="records", double_precision=15)) if len(rows) else []
    try:
        document = json.loads(_text(file), parse_constant=_null)
    except ValueError as error:
        raise InvalidRequest(f"{file}: neither JSON nor a .csv: {error}") from error
    found = document.get("instances") if isinstance(document, dict) else document
    if not isinstance(found, list) or not found:
        raise InvalidRequest(f'{file}: expected a list of rows, or {{"instances": rows}}')
    return found


def _null(constant: str) -> None:
    """What Python writes for a missing number; no server takes the infinite ones."""
    if constant != "NaN":
        raise ValueError(f"{constant} is no number that a model can be asked")


def frame(file: Path) -> DataFrame:
    """A table with named columns, from CSV or from JSON as `instances` takes it.

    Raises
    ------
    InvalidRequest
    """
    if file.suffix != ".csv":
        return DataFrame(instances(file))
    _text(file)
    try:
        return read_csv(file)
    except ValueError as error:  # pandas' own are all of this class
        raise InvalidRequest(f"{file}: no table: {' '.join(str(error).split())}") from error


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{file}: cannot be read: {error}") from error
