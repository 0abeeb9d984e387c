"""The table of refusals in docs/TROUBLESHOOTING.md: each row is made, loaded, and refused in the row's own words."""

import io
import os
import pickle
import re
import subprocess
import sys
import types
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
import torch
import yaml
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from model_deployment_app import packing, settings
from model_deployment_app.app import sources
from model_deployment_app.errors import LoadError
from model_deployment_app.loading import load
from model_deployment_app.model import PyTorchEstimator
from model_deployment_app.passport import SUFFIX, Passport

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/TROUBLESHOOTING.md").read_text(encoding="utf-8")
OLD = ROOT / "tests/fixtures/skew/1.2.2/neighbours.joblib"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    wrong : str
    code : str
    says : str
        What the refusal holds; … stands for anything.
    """

    wrong: str
    code: str
    says: str

    def matches(self, text: str) -> bool:
        return re.search(".*".join(re.escape(part) for part in self.says.split("…")), text) is not None


def rows() -> list[Row]:
    [table] = re.findall(r"^\| what is wrong \|.*\n\| --- .*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    return [Row(wrong, re.findall(r"\w+", code)[0], says.strip("` ")) for wrong, code, says, _ in cells]


X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [3.0, 1.0]])
GOOD = LogisticRegression().fit(X, [0, 1, 0, 1])


@dataclass(frozen=True, slots=True)
class Made:
    """An artifact, and how it is loaded.

    Attributes
    ----------
    content : bytes
    config : dict
        What its ``config:`` says beside the founding keys.
    model : dict
        What its ``config.model`` says beside the address.
    passport : str or None
        What lies beside it.
    """

    content: bytes
    config: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    passport: str | None = None


def pickled(thing: object, **config: Any) -> Made:
    return Made(pickle.dumps(thing), config)


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("data.pkl", "")
    return stream.getvalue()


def of_module(module: str) -> Made:
    """An estimator whose class is in *module*, which no server has."""
    kind = type("Net", (BaseEstimator,), {"__module__": module})
    with pytest.MonkeyPatch.context() as patch:
        if module not in sys.modules:
            patch.setitem(sys.modules, module, types.ModuleType(module))
        patch.setattr(sys.modules[module], "Net", kind, raising=False)
        return pickled(kind())


class Canary:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch canary",)


def by_value() -> Made:
    kind = type("Net", (BaseEstimator,), {"__module__": "__main__", "predict": lambda self, rows: rows[:, 0]})
    return Made(cloudpickle.dumps(kind()))


def packed(folder: Path) -> Passport:
    """Of the good artifact."""
    (folder / "good.pkl").write_bytes(pickle.dumps(GOOD))
    return packing.pack(folder / "good.pkl", sample=X.tolist())


def with_passport(folder: Path, *, versions: str = "compatible", **changes: Any) -> Made:
    """The good artifact, with a passport that says something else."""
    record = packed(folder).model_copy(update=changes)
    return Made(pickle.dumps(GOOD), model={"versions": versions}, passport=record.to_json())


def with_library(folder: Path, name: str, version: str, **options: Any) -> Made:
    return with_passport(folder, libraries={**packed(folder).libraries, name: version}, **options)


def with_other_answers(folder: Path) -> Made:
    golden = packed(folder).golden
    outputs = {**golden.outputs, "labels": golden.outputs["labels"][::-1]}
    return with_passport(folder, golden=golden.model_copy(update={"outputs": outputs}))


def flipped(folder: Path) -> Made:
    content = bytearray(pickle.dumps(GOOD))
    content[-20] ^= 1
    return Made(bytes(content), model={"sha256": packed(folder).sha256})


#: By the first cell of each row.
MAKE: dict[str, Callable[[Path], Made]] = {
    "an empty file": lambda _: Made(b""),
    "a web page": lambda _: Made(b"<!DOCTYPE html><html>Not found</html>"),
    "a Git LFS pointer": lambda _: Made(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
    "a zip archive": lambda _: Made(zipped()),
    "JSON": lambda _: Made(b'{"weights": [1]}'),
    "a file that is cut short": lambda _: Made(pickle.dumps(GOOD)[:200]),
    "one bit that changed": flipped,
    "a dictionary": lambda _: pickled({"model": GOOD}),
    "an estimator that is not fitted": lambda _: pickled(LogisticRegression()),
    "an estimator without `predict`": lambda _: pickled(StandardScaler().fit(X)),
    "a regressor with `job: classification`": lambda _: pickled(LinearRegression().fit(X, [0.0, 1.0, 2.0, 3.0])),
    "a classifier without `predict_proba`": lambda _: pickled(LinearSVC().fit(X, [0, 1, 0, 1])),
    "another `inputSize`": lambda _: pickled(GOOD, inputSize=5),
    "a class of a notebook": lambda _: of_module("__main__"),
    "a module that the image does not have": lambda _: of_module("their_package"),
    "a name that is not on the list": lambda _: pickled(BaseEstimator()),
    "a command": lambda _: pickled(Canary()),
    "a class that cloudpickle saved by value": lambda _: by_value(),
    "a module of PyTorch, in an image without it": lambda _: pickled(PyTorchEstimator(torch.nn.Linear(2, 2))),
    "`device: cuda:3` without such a GPU": lambda _: pickled(GOOD, device="cuda:3"),
    "another scikit-learn, which keeps it from loading": lambda _: Made(OLD.read_bytes()),
    "a passport of another NumPy": lambda folder: with_library(folder, "numpy", "1.26.4"),
    "a passport of another SciPy, with `versions: exact`": lambda folder: with_library(
        folder, "scipy", "1.0.0", versions="exact"
    ),
    "a passport of other bytes": lambda folder: with_passport(folder, sha256="0" * 64),
    "a passport that is none": lambda _: Made(pickle.dumps(GOOD), passport="{}"),
    "no passport, with `requirePassport: true`": lambda _: pickled(GOOD, requirePassport=True),
    "other answers than the passport's": with_other_answers,
}


def test_every_row_is_made() -> None:
    assert [row.wrong for row in rows()] == list(MAKE)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.wrong)
def test_what_is_wrong_is_refused_in_the_words_of_its_row(row: Row, tmp_path: Path) -> None:
    made = MAKE[row.wrong](tmp_path)
    (tmp_path / "model.pkl").write_bytes(made.content)
    if made.passport is not None:
        (tmp_path / f"model.pkl{SUFFIX}").write_text(made.passport)
    model = {"method": "LOCAL", "path": str(tmp_path / "model.pkl"), **made.model}
    values = tmp_path / "values.yaml"
    values.write_text(
        yaml.safe_dump({"config": {"modelType": "pkl", "job": "classification", "model": model, **made.config}})
    )

    code, line = without_pytorch(values) if "without it" in row.wrong else here(values)

    assert code == row.code, line
    assert row.matches(line), line
    assert not (tmp_path / "canary").exists()


def here(values: Path) -> tuple[str, str]:
    with pytest.raises(LoadError) as raised:
        [source] = sources(settings.read(values))
        load(source, timeout_s=10, cache_dir=values.parent / "cache")
    return raised.value.code, str(raised.value)


def without_pytorch(values: Path) -> tuple[str, str]:
    (values.parent / "torch.py").write_text("raise ModuleNotFoundError('No module named torch', name='torch')")
    command = [sys.executable, "-m", "model_deployment_app", "check", "--config", str(values)]
    environment = {**os.environ, "PYTHONPATH": str(values.parent)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    [line] = [line for line in result.stderr.splitlines() if line.startswith("mda: ")]
    _, code, words = line.split(": ", 2)
    return code, words
