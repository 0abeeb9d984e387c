"""What the fitted encoders inside an estimator have learnt of its columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

#: Attributes under which fitted meta-estimators keep an estimator that sees the columns they were given.
#: ``_preprocessor`` encodes the categories of histogram gradient boosting.
_INNER = (
    "_preprocessor",
    "best_estimator_",
    "estimator_",
    "regressor_",
    "classifier_",
    "estimators_",
    "calibrated_classifiers_",
    "estimator",
)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What fitted encoders say about the columns, by position."""

    values: dict[int, list[Any]] = field(default_factory=dict)
    is_text: bool = False


def learnt(estimator: Any, names: Sequence[str] | None) -> Learnt:
    """Walk to whatever sees the raw columns first: through pipelines, column transformers and meta-estimators."""
    values: dict[int, list[Any]] = {}
    is_text = False
    for leaf, positions in _leaves(estimator, None, list(names) if names is not None else None):
        if hasattr(leaf, "build_analyzer"):
            if positions is None:
                is_text = True
            words = list(getattr(leaf, "vocabulary_", None) or ["text"])
            values |= dict.fromkeys(positions or [0], words[:1])
        elif (known := getattr(leaf, "categories_", None)) is not None:
            columns = positions if positions is not None else range(len(known))
            if len(known) == len(columns):
                values |= {position: list(column) for position, column in zip(columns, known, strict=True)}
        elif (filled := getattr(leaf, "statistics_", None)) is not None and filled.dtype == object:
            columns = positions if positions is not None else range(len(filled))
            for position, value in zip(columns, filled, strict=False):
                values.setdefault(position, [value])
    return Learnt(values, is_text)


def _leaves(
    estimator: Any, positions: list[int] | None, names: list[str] | None
) -> Iterator[tuple[Any, list[int] | None]]:
    """Fitted transformers that see raw columns, with the positions of these; None for all."""
    if isinstance(estimator, Pipeline):
        for _, step in estimator.steps:
            if step in (None, "passthrough"):
                continue
            yield from _leaves(step, positions, names)
            if not hasattr(step, "statistics_"):  # an imputer hands its columns on, in the same order
                return
    elif isinstance(estimator, ColumnTransformer):
        for name, transformer, columns in getattr(estimator, "transformers_", ()):
            if not isinstance(transformer, str) and name != "remainder":
                yield from _leaves(transformer, _positions(columns, names, estimator.n_features_in_), None)
    elif isinstance(estimator, FeatureUnion):
        for _, transformer in estimator.transformer_list:
            if not isinstance(transformer, str):
                yield from _leaves(transformer, positions, names)
    elif hasattr(estimator, "build_analyzer") or hasattr(estimator, "categories_") or hasattr(estimator, "statistics_"):
        yield estimator, positions
    else:
        for attribute in _INNER:
            inner = getattr(estimator, attribute, None)
            if isinstance(inner, list | np.ndarray) and len(inner):
                inner = inner[0]
            if hasattr(inner, "fit") or hasattr(inner, "estimator"):
                yield from _leaves(inner, positions, names)
                return


def _positions(columns: Any, names: list[str] | None, width: int) -> list[int]:
    """Resolve what a ColumnTransformer was given: names, positions, a slice, a mask, or one of them alone."""
    if isinstance(columns, str | int):
        columns = [columns]
    if isinstance(columns, slice):
        if isinstance(columns.start, str) or isinstance(columns.stop, str):
            first, last = (
                (names or []).index(end) if end is not None else None for end in (columns.start, columns.stop)
            )
            return list(range(width))[first : None if last is None else last + 1]
        return list(range(width))[columns]
    columns = list(columns)
    if columns and isinstance(columns[0], bool | np.bool_):
        return [position for position, taken in enumerate(columns) if taken]
    return [(names or []).index(column) if isinstance(column, str) else int(column) for column in columns]
