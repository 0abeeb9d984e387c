"""Whatever scikit-learn fits is loaded, under the restriction, as it was saved."""

import io
import pickle

import fitted
import joblib
import numpy as np
import pytest
from sklearn.utils import all_estimators

from model_deployment_app.formats import _contents, _restricted
from model_deployment_app.formats._unpickler import unpickle

# Of estimators that will be removed, and about rows that are few.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def every():
    return fitted.every()


def _pickled(estimator, protocol):
    return pickle.dumps(estimator, protocol)


def _joblibbed(estimator, compress):
    stream = io.BytesIO()
    joblib.dump(estimator, stream, compress=compress)
    return stream.getvalue()


SAVED = {
    **{f"protocol-{number}": lambda estimator, n=number: _pickled(estimator, n) for number in range(6)},
    "joblib": lambda estimator: _joblibbed(estimator, 0),
    "joblib-zlib": lambda estimator: _joblibbed(estimator, 3),
    "joblib-xz": lambda estimator: _joblibbed(estimator, ("xz", 3)),
}


def test_every_estimator_of_scikit_learn_is_tried(every):
    tried = {name.rpartition("-")[0] for name in every}

    assert {name for name, _ in all_estimators()} - tried == {"FrozenEstimator"}
    assert isinstance(every["frozen"][0], dict(all_estimators())["FrozenEstimator"])


@pytest.mark.parametrize("way", SAVED)
def test_every_estimator_answers_as_before(every, way):
    differ = []

    for name, (estimator, rows) in every.items():
        content = SAVED[way](estimator)
        loaded = unpickle(io.BytesIO(content), device="cpu", memory_fraction=None)
        if way in ("protocol-2", "joblib-zlib") and not _is_equal(
            fitted.answers(estimator, rows), fitted.answers(loaded, rows)
        ):
            differ.append(name)

    assert differ == []


def _is_equal(before, after) -> bool:
    """To the last digits: an array may lie in memory in another order after it was saved."""
    if isinstance(before, np.ndarray) and before.dtype.kind == "f":
        return before.dtype == after.dtype and np.allclose(before, after, rtol=1e-9, equal_nan=True)
    if isinstance(before, list):
        return len(before) == len(after) and all(map(_is_equal, before, after))
    return np.array_equal(before, after)


@pytest.mark.parametrize("way", SAVED)
def test_what_a_pickle_names_is_known_without_unpickling_it(every, way, monkeypatch):
    seen = set()
    is_allowed = _restricted.is_allowed

    def spy(module, name, trusted):
        seen.add(f"{module}.{name}")
        return is_allowed(module, name, trusted)

    monkeypatch.setattr(_restricted, "is_allowed", spy)
    differ = []

    for name, (estimator, _) in every.items():
        content = SAVED[way](estimator)
        seen.clear()
        unpickle(io.BytesIO(content), device="cpu", memory_fraction=None)
        contents = _contents.read(io.BytesIO(content))
        if set(contents.names) != seen or not contents.is_whole:
            differ.append(name)

    assert differ == []
