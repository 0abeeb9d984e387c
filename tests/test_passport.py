import json

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from model_deployment_app import passport
from model_deployment_app.errors import ArtifactRejected, VersionSkew, WrongAnswers
from model_deployment_app.formats._estimator import EstimatorPredictor
from model_deployment_app.passport import Passport, installed

FLOWERS, SPECIES = load_iris(return_X_y=True)
ROW = FLOWERS[0].tolist()


@pytest.fixture(scope="module")
def estimator():
    return LogisticRegression(max_iter=500).fit(FLOWERS, SPECIES)


@pytest.fixture
def predictor(estimator):
    return EstimatorPredictor(estimator, job="classification")


@pytest.fixture
def record(estimator):
    """A passport of the estimator, with some keys changed."""

    def make(**changes) -> Passport:
        golden = {"outputs": {"probabilities": estimator.predict_proba([ROW]).tolist(), "labels": [0]}}
        golden |= {"instances": [ROW], "rtol": 1e-6, "atol": 1e-9} | changes.pop("golden", {})
        document = {
            "sha256": "0" * 64,
            "sizeBytes": 1,
            "format": "joblib",
            "job": "classification",
            "estimator": "sklearn.linear_model.LogisticRegression",
            "createdAt": "2026-11-01T12:00:00Z",
            "python": "3.11.7",
            "libraries": {"numpy": installed("numpy")},
            "imports": [],
            "trustedTypes": [],
            "inputs": [],
            "outputs": [],
            "golden": golden,
        }
        return passport.read(json.dumps(document | changes).encode(), where="here")

    return make


def test_what_is_written_is_what_is_read(record):
    written = record(metadata={"ünï": "🎈\n\u2028"})

    assert passport.read(written.to_json().encode(), where="here") == written


def test_a_key_of_a_later_version_of_the_application_does_no_harm(record):
    assert record(colour="red") == record()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"<html>sign in</html>", b'{"passportVersion": 1', b"[" * 100_000, b"\xff\x00"]
)
def test_what_is_no_passport_is_refused_in_one_line(content):
    with pytest.raises(ArtifactRejected, match=r"^gs://b/m.passport.json: no passport that .* \(mda pack\)$") as raised:
        passport.read(content, where="gs://b/m.passport.json")

    assert len(str(raised.value)) < 600


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"passportVersion": 2}, "passportVersion"),
        ({"sha256": "no digest"}, "sha256"),
        ({"libraries": {"x'; rm -rf /; '": "1"}}, "libraries"),
        ({"libraries": {"": "1"}}, "libraries"),
        ({"libraries": {"a\nb": "1"}}, "libraries"),
        ({"libraries": {"numpy": "$(true)"}}, "libraries.numpy"),
        ({"golden": {"rtol": 1e999}}, "golden.rtol"),
        ({"golden": {"atol": -1}}, "golden.atol"),
        ({"golden": {"instances": []}}, "golden.instances"),
        ({"golden": {"outputs": {}}}, "expected one answer for each instance"),
        ({"golden": {"outputs": {"labels": [1, 2]}}}, "expected one answer for each instance"),
    ],
)
def test_what_a_passport_may_not_say_is_refused_by_its_key(record, changes, key):
    with pytest.raises(ArtifactRejected) as raised:
        record(**changes)

    assert key in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_libraries_that_are_here_are_no_difference(record):
    assert record().check_versions("exact") == []


@pytest.mark.parametrize(
    ("library", "packed", "pin"),
    [
        ("scikit-learn", "1.2.0", "scikit-learn==1.2.*"),
        ("numpy", "1.26.4", "numpy==1.*"),
        ("lightgbm-not-here", "4.0", "lightgbm-not-here==4.0"),
    ],
)
def test_a_library_that_is_too_far_away_is_refused_with_the_pin_that_fits(record, library, packed, pin):
    old = record(libraries={library: packed})

    with pytest.raises(VersionSkew, match=rf"packed with {library} {packed} \((here [\d.]+|not here)\)") as raised:
        old.check_versions("compatible")

    assert f"pip install '{pin}'" in str(raised.value)
    assert [line.startswith(f"{library} {packed}") for line in old.check_versions("warn")] == [True]


def test_a_small_difference_is_told_and_refused_only_if_versions_are_to_be_exact(record):
    near = record(libraries={"numpy": "2.0.0", "scipy": "0.1"})

    told = near.check_versions("compatible")

    assert [line.split()[:2] for line in told] == [["numpy", "2.0.0"], ["scipy", "0.1"]]
    with pytest.raises(VersionSkew, match=r"'numpy==2\.0\.0' 'scipy==0.1'"):
        near.check_versions("exact")


def test_answers_within_the_tolerance_pass(record, estimator, predictor):
    probabilities = (estimator.predict_proba([ROW]) * (1 + 1e-7)).tolist()

    record(golden={"outputs": {"probabilities": probabilities, "labels": [0]}}).check_answers(predictor)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"labels": [2]}, "row 0 of its passport: labels were 2 when it was packed, and are 0 here"),
        ({"probabilities": [[0.5, 0.3, 0.2]]}, r"probabilities were \[0.5, 0.3, 0.2\]"),
        ({"probabilities": [[0.5]]}, "probabilities were"),
        ({"probabilities": ["text"]}, "probabilities were text"),
        ({"probabilities": [{}]}, "probabilities were {}"),
        ({"probabilities": [[[1], 2]]}, "probabilities were"),
        ({"probabilities": [None]}, "probabilities were None"),
        ({"predictions": [1]}, "the model answers labels, probabilities, its passport predictions"),
    ],
)
def test_another_answer_is_refused_with_its_row(record, predictor, outputs, words):
    with pytest.raises(WrongAnswers, match=words):
        record(golden={"outputs": outputs}).check_answers(predictor)


@pytest.mark.parametrize("instances", [[[1]], [{"x": 1}], ["text"], [None], [[None, 1, 2, 3]]])
def test_rows_that_the_model_does_not_take_are_wrong_answers(record, predictor, instances):
    with pytest.raises(WrongAnswers, match="does not answer the rows of its passport: "):
        record(golden={"instances": instances}).check_answers(predictor)


def test_a_wrong_answer_names_the_libraries_that_have_changed(record, predictor):
    changed = record(libraries={"numpy": "2.0.0"}, golden={"outputs": {"labels": [2]}})

    with pytest.raises(WrongAnswers, match=r"it was packed with numpy 2.0.0 \(here "):
        changed.check_answers(predictor)


def test_labels_alone_are_compared_where_labels_alone_are_served(record, estimator):
    record().check_answers(EstimatorPredictor(estimator, job="classification", output="label"))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.array([1, 2], dtype=np.int8), [1, 2]),
        (np.array([True]), [True]),
        (np.array(["a", None, 1], dtype=object), ["a", None, 1]),
        (np.array(["2026-11-01"], dtype="datetime64[D]"), ["2026-11-01"]),
        (np.float32(0.5), 0.5),
        ((1, 2), "(1, 2)"),
    ],
)
def test_what_json_has_no_word_for_becomes_a_string(value, told):
    assert passport.as_json(value) == told


def test_classes_in_another_order_are_wrong_answers(record, predictor):
    with pytest.raises(
        WrongAnswers, match=r"its classes were \[\[2, 1, 0\]\] when it was packed, and are \[\[0, 1, 2\]\]"
    ):
        record(classes=[[2, 1, 0]]).check_answers(predictor)
