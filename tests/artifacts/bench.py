"""One start of a server's model from a store that misbehaves, and what is left of it."""

import contextlib
import functools
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import joblib
from fake_gcs import FakeGCS, fake_gcs
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from model_deployment_app.errors import LoadError
from model_deployment_app.repository import ModelRepository, ModelSource

URI = "gs://models/iris/iris.joblib"
GENERATION = 1_700_000_000_123_457
READY = "ready"


@functools.cache
def model(padding_bytes: int = 400_000) -> bytes:
    """A pickled classifier of about that size."""
    estimator = LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))
    estimator.padding_ = (b"%d" % padding_bytes) * (padding_bytes // len(str(padding_bytes)))
    file = BytesIO()
    joblib.dump(estimator, file)
    return file.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a start ended: ``ready`` or an error's code, what was said, and the digest of what was loaded."""

    code: str
    said: str
    passed_s: float
    sha256: str | None = None


@dataclass(slots=True)
class Bench:
    """A store, a cache and a server's model.

    Attributes
    ----------
    store : FakeGCS
        Holds one generation of ``iris/iris.joblib``.
    cache_dir : Path
    source : dict
        More of `ModelSource`: ``sha256``, ``generation``, ``uri``.
    """

    store: FakeGCS
    cache_dir: Path
    source: dict[str, Any] = field(default_factory=dict)

    def start(self, budget_s: float) -> Outcome:
        """As a server does it: in the background, with retries, up to the model that is ready."""
        source = ModelSource(
            **{
                "name": "iris",
                "version": None,
                "uri": URI,
                "sha256": None,
                "project": "acme",
                "model_format": "joblib",
                "options": {"job": "classification"},
                **self.source,
            }
        )
        repository = ModelRepository([source], cache_dir=self.cache_dir)
        refusals: list[LoadError] = []
        over = threading.Event()
        started = time.monotonic()
        repository.start(
            budget_s=budget_s, on_refusal=lambda error: (refusals.append(error), over.set()), first_wait_s=0.02
        )
        while not repository.ready() and not over.wait(0.005):
            pass
        passed_s = time.monotonic() - started
        if refusals:
            return Outcome(refusals[0].code, str(refusals[0]), passed_s)
        return Outcome(READY, "", passed_s, repository.get().sha256)

    def process(self, *, before: str = "", timeout_s: float = 20.0) -> subprocess.Popen[str]:
        """A process of its own that fetches, and prints what came of it; *before* is run in it first."""
        argument = json.dumps({"uri": URI, "cache_dir": str(self.cache_dir), "timeout_s": timeout_s, **self.source})
        command = [sys.executable, "-c", before + _FETCH, argument]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def left(self) -> dict[str, list[Path]]:
        """The files of the cache, by folder."""
        files = sorted(path for path in self.cache_dir.rglob("*") if path.is_file()) if self.cache_dir.is_dir() else []
        return {name: [path for path in files if path.parent.name == name] for name in ("sha256", "partial", "index")}


_FETCH = """
import json, sys, time
from pathlib import Path
from model_deployment_app import artifacts
from model_deployment_app.errors import LoadError

options = json.loads(sys.argv[1])
options["cache_dir"] = Path(options["cache_dir"])
started = time.monotonic()
try:
    artifact = artifacts.fetch(**options, project="acme")
    outcome = ["ready", "", artifact.sha256]
except LoadError as error:
    outcome = [error.code, str(error), None]
print(json.dumps(outcome + [time.monotonic() - started]))
"""


def outcome_of(process: subprocess.Popen[str]) -> Outcome:
    printed, _ = process.communicate(timeout=60)
    code, said, digest, passed_s = json.loads(printed)
    return Outcome(code, said, passed_s, digest)


@contextlib.contextmanager
def environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set, or remove where None, until the end of the block."""
    before = {name: os.environ.get(name) for name in variables}
    try:
        _set(variables)
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextlib.contextmanager
def bench(**faults: Any) -> Iterator[Bench]:
    """Everything of its own, and the Google client pointed at it."""
    with (
        fake_gcs(**faults) as store,
        tempfile.TemporaryDirectory() as folder,
        environment({"STORAGE_EMULATOR_HOST": store.address}),
    ):
        store.put("models/iris/iris.joblib", model(), generation=GENERATION)
        yield Bench(store, Path(folder) / "cache")


Act = Callable[[Bench, float], Outcome]
