"""What cannot be served ends the server with one line, on standard error and in the termination log."""

import contextlib
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from ports import free_port
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from .estimators import Trained
from .servers import START_S, launch, running

Config = dict[str, Any]
SKEW = Path(__file__).parents[1] / "fixtures" / "skew"


@dataclass(frozen=True, slots=True)
class Ended:
    """What is left of a server that has refused to serve."""

    status: int
    log: str
    termination_log: str

    @property
    def line(self) -> str:
        """The one line that says why; our logger's lines start with a date instead."""
        [line] = [line for line in self.log.splitlines() if line.startswith("mda: ")]
        return line


def _pickled(folder: Path, artifact: object, **changes: Any) -> Config:
    (folder / "model.pkl").write_bytes(artifact if isinstance(artifact, bytes) else pickle.dumps(artifact))
    model = {"method": "LOCAL", "path": str(folder / "model.pkl")}
    return {"name": "iris", "modelType": "pkl", "job": "classification", "model": model, **changes}


def _of_module(module: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A pickle of an estimator whose class is in *module*, which no server can import, or not with that class."""
    kind = type("Net", (BaseEstimator,), {"__module__": module})
    if module not in sys.modules:
        monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
    monkeypatch.setattr(sys.modules[module], "Net", kind, raising=False)
    return pickle.dumps(kind())


def _unknown_key(folder: Path, iris: Any, _: pytest.MonkeyPatch) -> Config:
    config = _pickled(folder, iris)
    return {**config, "model": {**config["model"], "blobDir": "models"}, "jbo": "classification"}


def _other_digest(folder: Path, iris: Any, _: pytest.MonkeyPatch) -> Config:
    config = _pickled(folder, iris)
    return {**config, "model": {**config["model"], "sha256": "0" * 64}}


def _nothing_there(folder: Path, iris: Any, _: pytest.MonkeyPatch) -> Config:
    config = _pickled(folder, iris)
    (folder / "model.pkl").rename(folder / "modle.pkl")
    return config


#: What is wrong, how to bring it about, the error's code, and words that its line must have.
CASES: dict[str, tuple[Callable[[Path, Any, pytest.MonkeyPatch], Config], str, list[str]]] = {
    "unknown-key": (_unknown_key, "InvalidConfig", ["config.model.blobDir: unknown key", "config.jbo: unknown key"]),
    "no-estimator": (
        lambda folder, _, __: _pickled(folder, {"weights": [1.0]}),
        "NotAnEstimator",
        ["dict", "BaseEstimator"],
    ),
    "unfitted": (
        lambda folder, _, __: _pickled(folder, LogisticRegression()),
        "UnservableEstimator",
        ["LogisticRegression is not fitted", "fit"],
    ),
    "wrong-input-size": (
        lambda folder, iris, _: _pickled(folder, iris, inputSize=5),
        "UnservableEstimator",
        ["config.inputSize is 5", "4 features", "inputSize: 4"],
    ),
    "corrupt": (
        lambda folder, iris, _: _pickled(folder, pickle.dumps(iris)[:200]),
        "ArtifactRejected",
        ["cut short, corrupt or no pickle"],
    ),
    "missing-module": (
        lambda folder, _, monkeypatch: _pickled(folder, _of_module("vanished_models", monkeypatch)),
        "ArtifactRejected",
        ["vanished_models", "install it into the image"],
    ),
    "class-of-main": (
        lambda folder, _, monkeypatch: _pickled(folder, _of_module("__main__", monkeypatch)),
        "ArtifactRejected",
        ["'Net' from __main__", "importable module"],
    ),
    "untrusted-name": (
        lambda folder, _, __: _pickled(folder, b"cposix\nsystem\n(Vtrue\ntR."),
        "UntrustedPickle",
        ["names posix.system", "do not load it"],
    ),
    "older-scikit-learn": (
        lambda folder, _, __: _pickled(folder, (SKEW / "1.2.2" / "neighbours.joblib").read_bytes()),
        "VersionSkew",
        ["scikit-learn 1.2.2", "image that has scikit-learn 1.2", "save it again"],
    ),
    "no-probabilities": (
        lambda folder, iris, _: _pickled(folder, LinearSVC().fit([[0.0], [1.0]], [0, 1])),
        "UnservableEstimator",
        ["predict_proba", "CalibratedClassifierCV", "output: label"],
    ),
    "other-digest": (_other_digest, "ArtifactRejected", ["sha256", "0" * 64]),
    "nothing-there": (_nothing_there, "ArtifactNotFound", ["no such file", "modle.pkl"]),
}


@pytest.fixture(scope="module")
def ended(trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    """Every case, started at once, to its end."""
    iris = trained["iris"].estimator
    folders, processes = {}, {}
    with contextlib.ExitStack() as stack:
        for case, (make_config, _, _) in CASES.items():
            folders[case] = folder = tmp_path_factory.mktemp(case)
            (folder / "termination.log").touch()
            with pytest.MonkeyPatch.context() as monkeypatch:
                config = make_config(folder, iris, monkeypatch)
            environment = {"TERMINATION_LOG": str(folder / "termination.log")}
            processes[case] = launch(config, folder, environment=environment)
            stack.callback(processes[case].kill)
        yield {
            case: Ended(
                process.wait(START_S),
                (folders[case] / "server.log").read_text(),
                (folders[case] / "termination.log").read_text(),
            )
            for case, process in processes.items()
        }


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_is_one_line_that_names_cause_and_next_step(ended: dict[str, Ended], case: str) -> None:
    _, code, words = CASES[case]

    outcome = ended[case]

    assert outcome.line.startswith(f"mda: {code}: ")
    assert [word for word in words if word not in outcome.line] == []


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_ends_with_status_1_and_the_same_line_in_the_termination_log(
    ended: dict[str, Ended], case: str
) -> None:
    outcome = ended[case]

    assert outcome.status == 1
    assert outcome.termination_log == outcome.line + "\n"
    assert "Traceback" not in outcome.log


def test_a_store_that_does_not_answer_is_asked_again_until_the_budget_is_spent(tmp_path: Path) -> None:
    termination_log = tmp_path / "termination.log"
    termination_log.touch()
    store = {"method": "GCS", "projectName": "acme", "bucketName": "models", "blobDir": "iris"}
    config = {"name": "iris", "modelType": "pkl", "job": "classification", "model": store, "startupSeconds": 6}
    environment = {
        "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{free_port()}",
        "TERMINATION_LOG": str(termination_log),
    }

    with running(config, tmp_path, environment=environment) as server:
        server.until(server.answers)
        server.until(lambda: server.client.get("/readyz").json()["code"] != "Loading")
        readiness = server.client.get("/readyz")
        liveness = server.client.get("/livez")
        prediction = server.client.post("/predict", json={"instances": [[1, 2, 3, 4]]})
        status = server.process.wait(START_S)

    assert (readiness.status_code, readiness.json()["code"]) == (503, "ArtifactUnavailable")
    assert liveness.status_code == 200
    assert prediction.status_code == 503
    assert prediction.json()["error"]["code"] == "ModelNotReady"
    assert status == 1
    assert termination_log.read_text().startswith("mda: ArtifactUnavailable: gs://models/iris: ")
    assert termination_log.read_text() in server.log.read_text()
    assert "Traceback" not in server.log.read_text()


def test_a_port_that_is_taken_ends_the_server_with_status_1(trained: dict[str, Trained], tmp_path: Path) -> None:
    config = trained["iris"].publish(tmp_path)

    with running(config, tmp_path) as first:
        first.until(first.answers)
        second_folder = tmp_path / "second"
        second_folder.mkdir()
        second = launch(config, second_folder, port=first.port)
        status = second.wait(START_S)
        still_there = httpx2.get(f"{first.url}/livez", trust_env=False)

    assert status == 1
    assert "address already in use" in (second_folder / "server.log").read_text()
    assert still_there.status_code == 200
