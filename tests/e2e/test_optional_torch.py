"""An image without PyTorch: it serves what needs none, and says which image serves the rest."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from model_deployment_app.model import PyTorchEstimator

from .estimators import Trained
from .servers import START_S, launch, running

Made = Callable[[BaseEstimator], BaseEstimator]

#: A package that stands in for PyTorch where there is none, and leaves word of whoever has asked for it.
ABSENT = """
from pathlib import Path
Path(__file__).with_name("asked").touch()
raise ModuleNotFoundError("No module named 'torch'", name="torch")
"""


@pytest.fixture
def absent(tmp_path: Path) -> Path:
    """A folder which, in front of all others, hides PyTorch."""
    folder = tmp_path / "absent"
    (folder / "torch").mkdir(parents=True)
    (folder / "torch/__init__.py").write_text(ABSENT)
    return folder


def plain(iris: BaseEstimator) -> BaseEstimator:
    return iris


def wrapped(_: BaseEstimator) -> BaseEstimator:
    return PyTorchEstimator(torch.nn.Linear(4, 3), n_features_in=4)


def with_a_tensor(iris: BaseEstimator) -> BaseEstimator:
    """An estimator of scikit-learn's own that holds a tensor."""
    scale = FunctionTransformer(np.multiply, kw_args={"x2": torch.ones(4)})
    return make_pipeline(scale, iris)


def test_an_estimator_without_tensors_never_asks_for_pytorch(
    absent: Path, trained: dict[str, Trained], tmp_path: Path
) -> None:
    config = trained["iris"].publish(tmp_path)

    with running(config, tmp_path, environment={"PYTHONPATH": str(absent)}) as server:
        server.until(server.is_ready)
        answer = server.client.post("/predict", json=trained["iris"].bodies()["rows"])

    assert answer.status_code == 200
    assert not (absent / "torch/asked").exists()


@pytest.mark.parametrize(
    ("made", "extra", "trusted"),
    [(wrapped, {}, []), (with_a_tensor, {}, ["numpy.multiply"]), (plain, {"device": "cuda"}, [])],
    ids=["wrapper", "tensor", "gpu"],
)
def test_what_needs_pytorch_ends_with_the_images_that_have_it(
    absent: Path, trained: dict[str, Trained], tmp_path: Path, made: Made, extra: dict[str, str], trusted: list[str]
) -> None:
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(made(trained["iris"].estimator)))
    model = {"method": "LOCAL", "path": f"{tmp_path}/net.pkl", "trustedTypes": trusted}
    config = {"modelType": "pkl", "job": "classification", "model": model, **extra}

    status = launch(config, tmp_path, environment={"PYTHONPATH": str(absent)}).wait(START_S)

    [line] = [line for line in (tmp_path / "server.log").read_text().splitlines() if line.startswith("mda: ")]
    assert status == 1
    assert line.startswith("mda: MissingExtra: ")
    assert "set image.variant: cpu or cuda" in line
    assert (absent / "torch/asked").exists()
