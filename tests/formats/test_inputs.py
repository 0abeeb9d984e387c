"""What an estimator takes is found out: for each case here, rows as JSON holds them answer the numbers of predict."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import BaggingRegressor
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from model_deployment_app.errors import UnservableEstimator
from model_deployment_app.formats._estimator import EstimatorPredictor
from model_deployment_app.protocols import v1

ROWS = 12
TARGET = np.arange(ROWS, dtype=float) ** 1.5
FRAME = pd.DataFrame(
    {
        "city": ["Rome", "Oslo", "Bern"] * 4,
        "age": np.linspace(20, 60, ROWS),
        "sex": ["f", "m"] * 6,
        "flag": pd.Series([True, False] * 6, dtype=object),
        "plz": pd.Series([10115, 53111, 80331] * 4, dtype=object),
        "id": np.array([2**60, 2**60 + 1, 2**60 + 2] * 4),
        "hole": pd.Series(["x", None, "y"] * 4, dtype=object),
    }
)


class Lower(TransformerMixin, BaseEstimator):
    """A transformer of somebody's own, which takes strings in one column and tells nobody."""

    def fit(self, table, target=None):
        self.feature_names_in_ = np.array(table.columns, dtype=object)
        self.n_features_in_ = table.shape[1]
        return self

    def transform(self, table):
        return np.stack([table["city"].str.lower().str.len().to_numpy(float), table["age"].to_numpy(float)], axis=1)


def ridge(*steps):
    return make_pipeline(*steps, Ridge())


def with_passthrough(transformer, columns):
    return make_column_transformer((transformer, columns), remainder="passthrough")


CASES = {
    "categories that float64 cannot tell apart": (ridge(with_passthrough(OneHotEncoder(), ["id"])), ["id", "age"]),
    "booleans held as objects": (ridge(OneHotEncoder()), ["flag", "city"]),
    "booleans held as objects beside numbers": (ridge(with_passthrough(OneHotEncoder(), ["flag"])), ["flag", "age"]),
    "integers held as objects": (ridge(OneHotEncoder()), ["plz", "city"]),
    "a column transformer inside another": (
        ridge(
            make_column_transformer(
                (make_pipeline(with_passthrough(OneHotEncoder(), ["sex"]), StandardScaler()), ["age", "sex"]),
                (OneHotEncoder(), ["city"]),
            )
        ),
        ["city", "age", "sex"],
    ),
    "an encoder for the remainder": (
        ridge(make_column_transformer((StandardScaler(), ["age"]), remainder=OneHotEncoder())),
        ["city", "age", "sex"],
    ),
    "columns by negative position": (
        ridge(make_column_transformer((OneHotEncoder(), [-1, 0]), (StandardScaler(), [1]))),
        ["city", "age", "sex"],
    ),
    "columns by slice of names": (
        ridge(make_column_transformer((OrdinalEncoder(), slice("city", "sex")), remainder="passthrough")),
        ["city", "sex", "age"],
    ),
    "columns by mask": (ridge(with_passthrough(OneHotEncoder(), [True, False])), ["city", "age"]),
    "columns by dtype": (
        ridge(with_passthrough(OneHotEncoder(), make_column_selector(dtype_exclude="number"))),
        ["city", "age", "sex"],
    ),
    "a function in front": (ridge(FunctionTransformer(), with_passthrough(OneHotEncoder(), ["city"])), ["city", "age"]),
    "a union of encoders": (ridge(make_union(OneHotEncoder(), OrdinalEncoder())), ["city", "sex"]),
    "an imputer in front": (ridge(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["hole", "city"]),
    "missing strings that are None": (
        ridge(SimpleImputer(missing_values=None, strategy="constant", fill_value="?"), OneHotEncoder()),
        ["hole"],
    ),
    "a transformer that tells nobody": (ridge(Lower()), ["city", "age"]),
    "a bag of pipelines": (BaggingRegressor(ridge(OneHotEncoder(handle_unknown="ignore")), 3), ["city", "sex"]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("by_name", [True, False])
def test_rows_answer_the_numbers_of_predict(case, by_name):
    model, columns = CASES[case]
    frame = FRAME[columns]
    model.fit(frame, TARGET)
    predictor = EstimatorPredictor(model, job="regression")

    records = frame.astype(object).to_dict(orient="records")
    instances = records if by_name else [list(record.values()) for record in records]
    tensors = v1.decode(json.dumps({"instances": instances}).encode())
    outputs = predictor.predict(predictor.signature.check(tensors), ["predictions"])

    np.testing.assert_array_equal(outputs["predictions"], model.predict(frame))


class Impostor(RegressorMixin, BaseEstimator):
    """Has attributes that fitted encoders have, and is none."""

    n_features_in_ = 2

    def __init__(self, **attributes) -> None:
        self.__dict__ |= attributes

    def get_params(self, deep=True):
        return {}

    def predict(self, table):
        return np.asarray(table, dtype=float).sum(axis=1)


@pytest.mark.parametrize(
    "attributes", [{"statistics_": {"mean": 1.0}}, {"categories_": {"ab": 1}}, {"categories_": 3}, {"transformers_": 1}]
)
def test_what_only_looks_like_an_encoder_is_served_all_the_same(attributes):
    predictor = EstimatorPredictor(Impostor(**attributes), job="regression")

    assert predictor.predict(predictor.signature.check(v1.decode(b'{"instances": [[1, 2]]}')), ["predictions"])[
        "predictions"
    ] == [3.0]


def _renamed(frame):
    return frame.rename(columns={"city": "town"})


def test_columns_that_are_renamed_on_the_way_are_asked_for():
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["town"]), remainder="passthrough")
    model = ridge(FunctionTransformer(_renamed), encoder).fit(FRAME[["city", "age"]], TARGET)

    predictor = EstimatorPredictor(
        model, job="regression", example={"city": np.array(["Rome"], object), "age": np.ones(1)}
    )

    tensors = v1.decode(b'{"instances": [{"age": 30, "city": "Oslo"}]}')
    answer = predictor.predict(predictor.signature.check(tensors), ["predictions"])["predictions"]
    np.testing.assert_array_equal(answer, model.predict(pd.DataFrame({"city": ["Oslo"], "age": [30.0]})))


def test_a_row_without_a_finite_answer_is_no_witness():
    ages = FRAME[["age"]].to_numpy()
    model = IsotonicRegression(out_of_bounds="nan").fit(ages, TARGET)

    with pytest.raises(UnservableEstimator, match=r"the answer is not finite.*give one as config.example"):
        EstimatorPredictor(model, job="regression", input_size=1)


def test_the_witness_has_the_form_of_a_request():
    predictor = EstimatorPredictor(ridge(OneHotEncoder()).fit(FRAME[["flag", "plz"]], TARGET), job="regression")

    assert [spec.dtype for spec in predictor.signature.inputs] == ["object", "object"]


def test_an_estimator_that_writes_into_its_input_does_no_harm():
    class Scribbler(RegressorMixin, BaseEstimator):
        n_features_in_ = 1

        def predict(self, table):
            if (table != 0).any() and (table < 0).any():
                raise ValueError("negative")
            answer = table[:, 0] + 1
            table[:] = -1
            return answer

    predictor = EstimatorPredictor(Scribbler(), job="regression")

    for _ in range(2):
        predictor.predict(predictor.example, ["predictions"])
        assert predictor.predict({"input-0": np.array([[2.0]])}, ["predictions"])["predictions"] == [3.0]


class Classifier(ClassifierMixin, BaseEstimator):
    n_features_in_ = 1

    def __init__(self, classes_, labels, probabilities) -> None:
        self.classes_ = classes_
        self.labels = labels
        self.probabilities = probabilities

    def predict(self, table):
        return np.array([self.labels] * len(table))

    def predict_proba(self, table):
        return np.array([self.probabilities] * len(table))


def test_classes_may_be_a_plain_list():
    predictor = EstimatorPredictor(Classifier(["no", "yes"], "yes", [0.25, 0.75]), job="classification")

    assert predictor.signature.classes == (("no", "yes"),)


def test_one_column_of_labels_is_one_label_a_row():
    predictor = EstimatorPredictor(Classifier([0, 1], [1], [0.25, 0.75]), job="classification")

    assert predictor.predict({"input-0": np.zeros((2, 1))}, ["labels"])["labels"].tolist() == [1, 1]
    assert predictor.signature.classes == ((0, 1),)


@pytest.mark.parametrize(
    "model", [Classifier(5, 1, [0.5, 0.5]), Classifier([0, 1], 1, 0.5), Classifier([0, 1], b"1", [0.5, 0.5])]
)
def test_what_answers_in_no_form_is_refused_and_does_not_crash(model):
    with pytest.raises(UnservableEstimator):
        EstimatorPredictor(model, job="classification")


def test_predictions_held_as_objects_are_numbers():
    class Objects(LinearRegression):
        def predict(self, table):
            return super().predict(table).astype(object)

    predictor = EstimatorPredictor(Objects().fit(np.eye(3), [1, 2, 3]), job="regression")

    assert predictor.signature.outputs[0].dtype == "float64"
