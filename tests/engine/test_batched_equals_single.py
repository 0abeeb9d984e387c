"""Whatever comes in whatever order: an answer is the one that its request gets alone."""

import asyncio
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
from formats.fitted import TABLE, TEXTS, X, Y
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from model_deployment_app.engine.batcher import Batcher
from model_deployment_app.engine.limits import Limits
from model_deployment_app.engine.rowwise import agree
from model_deployment_app.formats._estimator import EstimatorPredictor
from model_deployment_app.model import PyTorchEstimator
from model_deployment_app.telemetry.metrics import Metrics
from model_deployment_app.tensors import ROWS

MIXED = {name: TABLE[name].to_numpy(dtype=object if name == "city" else float) for name in TABLE}


def _models():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))
    columns = make_column_transformer((StandardScaler(), ["a", "b"]), (OneHotEncoder(), ["city"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return OrderedDict(
            linear=(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y), {ROWS: X}),
            forest=(RandomForestRegressor(5).fit(X, Y), {ROWS: X}),
            boosted=(HistGradientBoostingClassifier(max_iter=3).fit(X, Y), {ROWS: X}),
            network=(MLPClassifier(max_iter=5).fit(X, Y), {ROWS: X}),
            torch=(PyTorchEstimator(net, n_features_in=4), {ROWS: X}),
            mixed=(make_pipeline(columns, LogisticRegression()).fit(TABLE, Y), MIXED),
            text=(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [0, 1] * 10), {ROWS: TEXTS}),
        )


@pytest.fixture(scope="module")
def models():
    return {
        name: (
            EstimatorPredictor(estimator),
            {key: np.asarray(rows, dtype=getattr(rows, "dtype", object)) for key, rows in source.items()},
        )
        for name, (estimator, source) in _models().items()
    }


@pytest.mark.parametrize("name", ["linear", "forest", "boosted", "network", "torch", "mixed", "text"])
@settings(max_examples=15, deadline=None)
@given(
    requests=st.lists(
        st.tuples(st.lists(st.integers(0, 19), min_size=1, max_size=4), st.booleans(), st.booleans()),
        min_size=1,
        max_size=20,
    ),
    max_rows=st.integers(1, 30),
)
def test_batched_equals_single(models, name, requests, max_rows):
    predictor, source = models[name]
    names = [spec.name for spec in predictor.signature.outputs]
    calls = [
        (predictor.signature.check({key: array[chosen] for key, array in source.items()}), names[: 1 + asks_for_all])
        for chosen, asks_for_all, _ in requests
    ]

    async def run():
        batcher = Batcher(predictor, name=name, limits=Limits(max_rows=max_rows), metrics=Metrics().of(name))
        futures = []
        for call, (_, _, waits) in zip(calls, requests, strict=True):
            futures.append(batcher.submit(*call))
            if waits:
                await asyncio.wait(futures)
        answers = await asyncio.gather(*futures)
        await batcher.close()
        return answers

    for (inputs, outputs), got in zip(calls, asyncio.run(run()), strict=True):
        alone = predictor.predict(inputs, outputs)
        assert list(got) == list(alone)
        assert all(agree(got[name], alone[name]) for name in alone)
        assert all(got[name].dtype.kind == alone[name].dtype.kind for name in alone)
