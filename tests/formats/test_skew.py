"""Artifacts that older versions of scikit-learn and NumPy have saved (tests/fixtures/skew/build.py)."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.datasets import load_iris

from model_deployment_app import plugins
from model_deployment_app.errors import ArtifactRejected, VersionSkew
from model_deployment_app.formats import _contents
from model_deployment_app.tensors import ROWS

FOLDER = Path(__file__).parents[1] / "fixtures" / "skew"
ANSWERS = json.loads((FOLDER / "answers.json").read_text())
FLOWERS = load_iris().data[::3]
TABLE = pd.DataFrame({"a": FLOWERS[:, 0], "b": FLOWERS[:, 1], "c": np.where(FLOWERS[:, 2] > 3, "u", "v")})

#: What each artifact comes to here: it answers as it did (None), or words of the refusal.
NODES, FILL = "cannot unpickle it (ValueError: node array", "'SimpleImputer' object has no attribute '_fill_dtype'"
MISSING = "needs the Python module 'their_package'"
OUTCOMES = {
    "1.2.2": {
        "boosting": "knows no sklearn.ensemble._gb_losses.MultinomialDeviance",
        "columns": None,
        "forest": NODES,
        "function": None,
        "gradient": "knows no sklearn.linear_model._sgd_fast.Log",
        "histogram": "object has no attribute '_preprocessor'",
        "imputed": FILL,
        "logistic": None,
        "neighbours": "knows no sklearn.metrics._dist_metrics.EuclideanDistance",
        "scaled": None,
        "search": "knows no sklearn.metrics._scorer._passthrough_scorer",
        "theirs": MISSING,
    },
    "1.5.2": {
        "boosting": "knows no _loss.__pyx_unpickle_CyHalfMultinomialLoss",
        "columns": "knows no sklearn.compose._column_transformer._RemainderColsList",
        "forest": None,
        "function": None,
        "gradient": "knows no sklearn.linear_model._sgd_fast.Log",
        "histogram": "knows no _loss.__pyx_unpickle_CyHalfMultinomialLoss",
        "imputed": FILL,
        "logistic": None,
        "neighbours": None,
        "scaled": None,
        "search": None,
        "theirs": MISSING,
    },
    "1.7.2": {
        "boosting": "knows no _loss.__pyx_unpickle_CyHalfMultinomialLoss",
        "columns": None,
        "forest": None,
        "function": None,
        "gradient": "knows no _loss.CyHalfBinomialLoss",
        "histogram": "knows no _loss.__pyx_unpickle_CyHalfMultinomialLoss",
        "imputed": FILL,
        "logistic": None,
        "neighbours": None,
        "scaled": None,
        "search": None,
        "theirs": MISSING,
    },
}
CASES = [(version, name, words) for version, cases in OUTCOMES.items() for name, words in cases.items()]
ANSWERING = [(version, name) for version, name, words in CASES if words is None]
SKEWED = [(version, name, words) for version, name, words in CASES if words not in (None, MISSING)]


def load(version, name, **options):
    with (FOLDER / version / f"{name}.joblib").open("rb") as file:
        return plugins.find("formats", "joblib").load(file, job="classification", **options)


def test_the_artifacts_are_those_that_were_built():
    listed = dict(reversed(line.split()) for line in (FOLDER / "SHA256SUMS").read_text().splitlines())

    found = {
        str(path.relative_to(FOLDER)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.rglob("*")
        if path.suffix in (".joblib", ".json")
    }

    assert found == listed
    assert sorted(found) == sorted([*(f"{version}/{name}.joblib" for version, name, _ in CASES), "answers.json"])


@pytest.mark.parametrize(("version", "name"), ANSWERING)
def test_what_loads_answers_as_it_did(version, name, caplog):
    predictor = load(version, name)

    rows = {label: TABLE[label].to_numpy()[::5] for label in TABLE} if name == "columns" else {ROWS: FLOWERS[::5]}
    outputs = predictor.predict(predictor.signature.check(rows), ["probabilities"])

    np.testing.assert_allclose(outputs["probabilities"], ANSWERS[version][name], rtol=1e-7)
    assert f"saved with scikit-learn {version}" in caplog.text


@pytest.mark.parametrize(("version", "name", "words"), SKEWED)
def test_what_does_not_is_told_with_both_versions_and_both_ways_out(version, name, words):
    minor = version.rpartition(".")[0]

    with pytest.raises(VersionSkew) as raised:
        load(version, name)

    line = str(raised.value)
    assert line.startswith(
        f"the artifact was saved with scikit-learn {version}; scikit-learn {sklearn.__version__} of this"
    )
    assert words in line
    assert line.endswith(f"image that has scikit-learn {minor}, or train it with 1.9 and save it again")
    assert "\n" not in line


@pytest.mark.parametrize(("version", "name", "words"), SKEWED)
def test_trust_does_not_change_the_code(version, name, words):
    with pytest.raises(VersionSkew, match=f"saved with scikit-learn {version}"):
        load(version, name, pickle="trusted")


@pytest.mark.parametrize("version", OUTCOMES)
def test_a_package_that_is_missing_is_not_taken_for_skew(version):
    with pytest.raises(ArtifactRejected, match=MISSING) as raised:
        load(version, "theirs")

    assert str(raised.value).endswith("set config.model.trustedTypes: [their_package.Scaler]")


@pytest.mark.parametrize(("version", "name", "_"), CASES)
def test_the_version_is_known_without_unpickling(version, name, _):
    with (FOLDER / version / f"{name}.joblib").open("rb") as file:
        contents = _contents.read(file)

    assert (contents.sklearn_version, contents.is_whole) == (version, True)
