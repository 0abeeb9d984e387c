"""What the fitted transformers inside an estimator have learnt of its columns."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
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


@dataclass(slots=True)
class Learnt:
    """What is known of the columns, by position.

    Attributes
    ----------
    values : dict of int to list
        Categories, or the value that an imputer fills in: Python objects if they were learnt from objects, else
        NumPy scalars.
    nones : set of int
        Where a missing value is None and not NaN.
    is_text : bool
        The estimator takes no table, but one column of text.
    """

    values: dict[int, list[Any]] = field(default_factory=dict)
    nones: set[int] = field(default_factory=set)
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class _View:
    """The columns that one transformer inside an estimator gets.

    Attributes
    ----------
    names : tuple of str or None
        None where it gets an array.
    positions : tuple of int or None
        Of the estimator's own columns; None for all of them, however many.
    """

    names: tuple[str, ...] | None
    positions: tuple[int, ...] | None = None

    def of(self, columns: Sequence[int]) -> "_View":
        names = None if self.names is None else tuple(self.names[column] for column in columns)
        return _View(names, tuple(self.outer(column) for column in columns))

    def outer(self, column: int) -> int:
        return column if self.positions is None else self.positions[column]


def learnt(estimator: Any, names: tuple[str, ...] | None) -> Learnt:
    """Walk to whatever sees the raw columns first: through pipelines, column transformers and meta-estimators.

    A transformer of somebody's own may look like one of scikit-learn's and be none: the walk ends there.
    """
    known = Learnt()
    with suppress(Exception):
        for leaf, view in _leaves(estimator, _View(names)):
            _note(known, leaf, view)
    return known


def _note(known: Learnt, leaf: Any, view: _View) -> None:
    if _is_vectorizer(leaf):
        known.is_text |= view.positions is None
        known.values[view.outer(0)] = [next(iter(getattr(leaf, "vocabulary_", None) or ["text"]))]
    elif _is_encoder(leaf):
        for column, values in enumerate(leaf.categories_):
            known.values[view.outer(column)] = list(values)
            if any(value is None for value in values):
                known.nones.add(view.outer(column))
    else:
        for column, filled in enumerate(leaf.statistics_):
            if isinstance(filled, str):
                known.values.setdefault(view.outer(column), [filled])
            if leaf.missing_values is None:
                known.nones.add(view.outer(column))


def _is_vectorizer(estimator: Any) -> bool:
    return hasattr(estimator, "build_analyzer")


def _is_encoder(estimator: Any) -> bool:
    categories = getattr(estimator, "categories_", None)
    return isinstance(categories, list) and all(isinstance(column, np.ndarray) for column in categories)


def _is_imputer(estimator: Any) -> bool:
    return isinstance(getattr(estimator, "statistics_", None), np.ndarray) and hasattr(estimator, "missing_values")


def _leaves(estimator: Any, view: _View) -> Iterator[tuple[Any, _View]]:
    """Fitted encoders, imputers and vectorizers that see raw columns, each with these columns."""
    if isinstance(estimator, Pipeline):
        yield from _leaves_of_steps([step for _, step in estimator.steps if step not in (None, "passthrough")], view)
    elif isinstance(estimator, ColumnTransformer):
        for _, transformer, columns in getattr(estimator, "transformers_", ()):
            if not isinstance(transformer, str):
                yield from _leaves(transformer, view.of(_positions(columns, view.names, estimator.n_features_in_)))
    elif isinstance(estimator, FeatureUnion):
        for _, transformer in estimator.transformer_list:
            if not isinstance(transformer, str):
                yield from _leaves(transformer, view)
    elif _is_vectorizer(estimator) or _is_encoder(estimator) or _is_imputer(estimator):
        yield estimator, view
    else:
        for attribute in _INNER:
            inner = getattr(estimator, attribute, None)
            if isinstance(inner, list | np.ndarray) and len(inner):
                inner = inner[0]
            if hasattr(inner, "fit") or hasattr(inner, "estimator"):
                yield from _leaves(inner, view)
                return


def _leaves_of_steps(steps: list[Any], view: _View) -> Iterator[tuple[Any, _View]]:
    """Go on past a step for as long as the columns stay what they were."""
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        found = list(_leaves(step, view))
        yield from found
        is_encoded = any(not _is_imputer(leaf) for leaf, _ in found)
        if is_encoded or isinstance(step, ColumnTransformer | FeatureUnion):
            return
        widths = {getattr(each, "n_features_in_", None) for each in (step, following)} - {None}
        if len(widths) > 1:
            return


def _positions(columns: Any, names: tuple[str, ...] | None, width: int) -> list[int]:
    """Resolve what a ColumnTransformer was given: names, positions, a slice, a mask, or one of them alone."""
    every = list(range(width))
    if isinstance(columns, str | int | np.integer):
        columns = [columns]
    if isinstance(columns, slice):
        ends = [(names or ()).index(end) if isinstance(end, str) else end for end in (columns.start, columns.stop)]
        # A slice of names includes its end, as in pandas.
        last = ends[1] + 1 if isinstance(columns.stop, str) else ends[1]
        return every[ends[0] : last : columns.step]
    columns = list(columns)
    if columns and isinstance(columns[0], bool | np.bool_):
        return [position for position, is_taken in enumerate(columns) if is_taken]
    return [(names or ()).index(column) if isinstance(column, str) else every[column] for column in columns]
