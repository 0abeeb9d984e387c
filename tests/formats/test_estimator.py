import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from model_deployment_app.errors import InferenceError, InvalidTensor, NotAnEstimator, UnservableEstimator
from model_deployment_app.formats._estimator import EstimatorPredictor
from model_deployment_app.tensors import ROWS, from_rows, from_values

X, Y = load_iris(return_X_y=True)
HOUSES = pd.DataFrame(
    {
        "city": ["Rome", "Oslo", "Rome", "Bern", "Oslo", "Bern"],
        "rooms": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "zone": [1, 2, 1, 2, 1, 2],
        "is_new": [True, False, True, False, True, False],
    }
)
PRICES = np.array([10.0, 20.0, 35.0, 43.0, 48.0, 66.0])
ENCODED = make_column_transformer((OneHotEncoder(), ["city", "zone", "is_new"]), (StandardScaler(), ["rooms"]))


def houses_predictor() -> EstimatorPredictor:
    return EstimatorPredictor(make_pipeline(ENCODED, Ridge()).fit(HOUSES, PRICES), job="regression")


def answer(predictor, tensors, outputs=None):
    names = outputs or [spec.name for spec in predictor.signature.outputs]
    return predictor.predict(predictor.signature.check(tensors), names)


def as_columns(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    return {name: from_values(frame[name].astype(object).tolist()) for name in frame}


class Fussy(RegressorMixin, BaseEstimator):
    """Raises at 13 what it was built with; fitted by birth."""

    n_features_in_ = 2

    def __init__(self, error: Exception) -> None:
        self.error = error

    def predict(self, table):
        if (np.asarray(table) == 13).any():
            raise self.error
        return np.asarray(table).sum(axis=1)


def test_probabilities_and_labels_are_those_of_the_estimator():
    model = LogisticRegression(max_iter=500).fit(X, np.array(["setosa", "versicolor", "virginica"])[Y])
    predictor = EstimatorPredictor(model, job="classification")

    outputs = answer(predictor, {ROWS: X})

    np.testing.assert_array_equal(outputs["probabilities"], model.predict_proba(X))
    np.testing.assert_array_equal(outputs["labels"], model.predict(X))
    assert predictor.signature.classes == (("setosa", "versicolor", "virginica"),)


def test_only_what_is_asked_for_is_computed():
    predictor = EstimatorPredictor(LogisticRegression(max_iter=500).fit(X, Y), job="classification")

    assert list(answer(predictor, {ROWS: X[:1]}, ["labels"])) == ["labels"]
    assert list(answer(predictor, {ROWS: X[:1]}, ["probabilities"])) == ["probabilities"]


def test_a_mixed_frame_answers_the_numbers_of_predict():
    model = make_pipeline(ENCODED, Ridge()).fit(HOUSES, PRICES)
    predictor = EstimatorPredictor(model, job="regression")

    np.testing.assert_array_equal(answer(predictor, as_columns(HOUSES))["predictions"], model.predict(HOUSES))


def test_the_dtypes_of_a_mixed_frame_are_found_out():
    dtypes = {spec.name: spec.dtype for spec in houses_predictor().signature.inputs}

    assert dtypes == {"city": "str", "rooms": "float64", "zone": "float64", "is_new": "float64"}


def test_a_column_of_text_inside_a_frame_is_found_out():
    frame = pd.DataFrame({"title": ["good one", "bad one"] * 4, "length": range(8)})
    model = make_pipeline(
        make_column_transformer((TfidfVectorizer(), "title"), remainder="passthrough"), LogisticRegression()
    ).fit(frame, [0, 1] * 4)

    predictor = EstimatorPredictor(model, job="classification")

    assert [spec.dtype for spec in predictor.signature.inputs] == ["str", "float64"]


def test_a_custom_transformer_is_asked_whether_it_takes_strings():
    coded = FunctionTransformer(_code_cities)
    model = make_pipeline(coded, Ridge()).fit(HOUSES, PRICES)
    predictor = EstimatorPredictor(model, job="regression")

    np.testing.assert_array_equal(answer(predictor, as_columns(HOUSES))["predictions"], model.predict(HOUSES))


def _code_cities(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        city=frame.city.map({"Rome": 1, "Oslo": 2}).fillna(0).astype(float), is_new=frame.is_new.astype(float)
    )


def test_an_estimator_of_one_column_of_text_takes_strings():
    texts = ["good one", "bad one"] * 4
    search = GridSearchCV(
        make_pipeline(TfidfVectorizer(), LogisticRegression()), {"logisticregression__C": [1, 2]}, cv=2
    ).fit(texts, [0, 1] * 4)
    predictor = EstimatorPredictor(search, job="classification", input_size=1)

    outputs = answer(predictor, {ROWS: from_values(texts)})

    np.testing.assert_array_equal(outputs["probabilities"], search.predict_proba(texts))


def test_categories_of_gradient_boosting_are_strings():
    frame = HOUSES[["city", "rooms"]]
    model = HistGradientBoostingRegressor(categorical_features=["city"], min_samples_leaf=1).fit(frame, PRICES)
    predictor = EstimatorPredictor(model, job="regression")

    np.testing.assert_array_equal(answer(predictor, as_columns(frame))["predictions"], model.predict(frame))


def test_several_outputs_have_probabilities_each():
    labels = np.stack([np.array(["a", "b", "c"])[Y], np.array(["x", "y", "y"])[Y]], axis=1)
    model = RandomForestClassifier(5, random_state=0).fit(X, labels)
    predictor = EstimatorPredictor(model, job="classification")

    outputs = answer(predictor, {ROWS: X})

    for position, expected in enumerate(model.predict_proba(X)):
        np.testing.assert_array_equal(outputs[f"probabilities-{position}"], expected)
    np.testing.assert_array_equal(outputs["labels"], model.predict(X))
    assert predictor.signature.classes == (("a", "b", "c"), ("x", "y"))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_multilabel_classifier_is_one_of_several_outputs():
    labels = np.stack([Y > 0, Y > 1], axis=1).astype(int)
    model = MLPClassifier(max_iter=20, random_state=0).fit(X, labels)
    predictor = EstimatorPredictor(model, job="classification")

    outputs = answer(predictor, {ROWS: X})

    np.testing.assert_array_equal(outputs["probabilities-1"][:, 1], model.predict_proba(X)[:, 1])
    assert predictor.signature.classes == ((0, 1), (0, 1))


def test_a_multi_output_wrapper_is_looked_through():
    model = MultiOutputClassifier(make_pipeline(ENCODED, LogisticRegression()))
    model.fit(HOUSES, np.stack([PRICES > 30, PRICES > 40], axis=1))

    predictor = EstimatorPredictor(model, job="classification")

    assert predictor.signature.inputs[0].dtype == "str"
    assert predictor.signature.classes == ((False, True), (False, True))


def test_labels_alone_need_no_probabilities():
    model = LinearSVC().fit(X, Y)
    predictor = EstimatorPredictor(model, job="classification", output="label")

    assert [spec.name for spec in predictor.signature.outputs] == ["labels"]
    np.testing.assert_array_equal(answer(predictor, {ROWS: X})["labels"], model.predict(X))


def test_an_estimator_whose_domain_excludes_zero_is_warmed_up_with_another_row():
    model = make_pipeline(FunctionTransformer(np.log), StandardScaler(), Ridge()).fit(X, Y)

    predictor = EstimatorPredictor(model, job="regression")
    predictor.predict(predictor.example, ["predictions"])


def test_an_example_serves_where_no_row_can_be_made_up():
    model = make_pipeline(FunctionTransformer(_year_of_dates), Ridge()).fit([["2020-01-02"], ["2021-03-04"]], [1, 2])

    with pytest.raises(UnservableEstimator, match=r"if it does answer real rows, give one as config.example"):
        EstimatorPredictor(model, job="regression")

    predictor = EstimatorPredictor(model, job="regression", example={ROWS: from_rows([["2020-01-02"]])})
    assert predictor.signature.inputs[0].dtype == "str"


def _year_of_dates(table) -> np.ndarray:
    return np.array([[float(str(cell).split("-")[1])] for [cell] in np.asarray(table, dtype=object)])


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (
            LinearRegression().fit(X, Y),
            {"job": "classification"},
            "LinearRegression is a regressor: set job: regression",
        ),
        (LogisticRegression(max_iter=500).fit(X, Y), {"job": "regression"}, "is a classifier: set job: classification"),
        (LinearRegression(), {"job": "regression"}, "LinearRegression is not fitted: call fit before you save it"),
        (StandardScaler().fit(X), {"job": "regression"}, "StandardScaler has no predict: save the pipeline"),
        (
            LinearRegression().fit(X, Y),
            {"job": "regression", "input_size": 3},
            "fitted with 4 features: set inputSize: 4",
        ),
        (
            LinearRegression().fit(HOUSES[["rooms"]], PRICES),
            {"job": "regression", "input_size": 3},
            "fitted with 1 features (rooms): set inputSize: 1",
        ),
        (
            LinearRegression().fit(X, Y),
            {"job": "regression", "example": {ROWS: from_rows([["a", 1, 2, 3]])}},
            "the estimator does not take config.example: ValueError",
        ),
    ],
)
def test_what_contradicts_its_config_is_refused_with_the_way_out(model, options, message):
    with pytest.raises(UnservableEstimator) as raised:
        EstimatorPredictor(model, **options)

    assert message in str(raised.value)


def test_a_classifier_without_probabilities_is_refused_with_both_ways_out():
    with pytest.raises(UnservableEstimator, match=r"CalibratedClassifierCV .* or set config.output: label"):
        EstimatorPredictor(LinearSVC().fit(X, Y), job="classification")


@pytest.mark.parametrize(("thing", "name"), [({"a": 1}, "dict"), (None, "NoneType"), (X, "numpy.ndarray")])
def test_what_is_no_estimator_is_refused_by_its_class(thing, name):
    with pytest.raises(NotAnEstimator, match=f"holds a {name}:"):
        EstimatorPredictor(thing, job="regression")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rooms": [1, 2, None]}, "row 2, column 'rooms': the estimator does not take null here"),
        ({"city": ["Rome", None, "Oslo"]}, "row 1, column 'city': the estimator does not take null here"),
        ({"city": ["Rome", "Oslo", "Paris"]}, "row 2, column 'city': the estimator does not take this string"),
        ({"zone": [7, 1, 2]}, "row 0, column 'zone': the estimator does not take this number"),
    ],
)
def test_a_value_that_the_estimator_refuses_is_named_by_row_and_column(change, message):
    columns = {"city": ["Rome", "Oslo", "Bern"], "rooms": [1, 2, 3], "zone": [1, 2, 1], "is_new": [True, False, True]}

    with pytest.raises(InvalidTensor) as raised:
        answer(houses_predictor(), {name: from_values(values) for name, values in (columns | change).items()})

    assert str(raised.value) == message


def test_null_is_nan_where_the_estimator_accepts_it():
    holes = X.copy()
    holes[::7, 2] = np.nan
    model = HistGradientBoostingRegressor().fit(holes, Y)
    predictor = EstimatorPredictor(model, job="regression")

    outputs = answer(predictor, {ROWS: from_rows([[5.1, 3.5, None, 0.2]])})

    np.testing.assert_array_equal(outputs["predictions"], model.predict([[5.1, 3.5, np.nan, 0.2]]))


def test_a_missing_string_is_none_where_the_encoder_has_learnt_none():
    table = np.array([["Rome"], [None], ["Oslo"]] * 2, dtype=object)
    model = make_pipeline(OneHotEncoder(), Ridge()).fit(table, PRICES)
    predictor = EstimatorPredictor(model, job="regression")

    outputs = answer(predictor, {ROWS: from_rows([[None]])})

    np.testing.assert_array_equal(outputs["predictions"], model.predict(np.array([[None]], dtype=object)))


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_a_value_without_a_finite_answer_is_the_fault_of_the_request():
    model = make_pipeline(FunctionTransformer(np.exp), Ridge()).fit(X, Y)
    predictor = EstimatorPredictor(model, job="regression")

    with pytest.raises(InvalidTensor, match="row 1, column 2: the estimator does not take this number"):
        answer(predictor, {ROWS: from_rows([[1, 1, 1, 1], [1, 1, 1e6, 1]])})


@pytest.mark.parametrize("error", [ZeroDivisionError("1/0"), AssertionError("negative"), KeyError("Rome")])
def test_a_value_that_a_model_trips_over_is_the_fault_of_the_request(error):
    predictor = EstimatorPredictor(Fussy(error), job="regression")

    with pytest.raises(InvalidTensor, match="row 1, column 0: the estimator does not take this number"):
        answer(predictor, {ROWS: from_rows([[1, 1], [13, 1]])})


def test_what_only_a_model_can_do_wrong_is_not_blamed_on_the_request():
    predictor = EstimatorPredictor(Fussy(RuntimeError("broken")), job="regression")

    with pytest.raises(RuntimeError, match="broken"):
        answer(predictor, {ROWS: from_rows([[13, 1]])})


def test_an_answer_of_the_wrong_length_is_an_inference_error():
    class Short(RegressorMixin, BaseEstimator):
        n_features_in_ = 1

        def fit(self, table, target):
            return self

        def predict(self, table):
            return np.zeros(1)

    predictor = EstimatorPredictor(Short(), job="regression")

    with pytest.raises(InferenceError, match="answered 1 rows to 2"):
        answer(predictor, {ROWS: np.zeros((2, 1))})


@pytest.mark.parametrize("shape", [(1, 2), (1,)])
def test_probabilities_that_do_not_match_the_classes_are_refused_at_load(shape):
    class Odd(ClassifierMixin, BaseEstimator):
        n_features_in_ = 1
        classes_ = np.array([0, 1, 2])

        def predict(self, table):
            return np.zeros(len(table))

        def predict_proba(self, table):
            return np.full(shape, 0.5)

    with pytest.raises(UnservableEstimator, match=r"its classes_ ask for \[\(None, 3\)\]"):
        EstimatorPredictor(Odd(), job="classification")
