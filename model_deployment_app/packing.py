"""From a pickled estimator to its passport."""

import platform
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata as distributions
from math import inf
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pandas import DataFrame, Series
from pydantic import JsonValue

from . import artifacts, plugins
from .errors import (
    ArtifactNotFound,
    ArtifactRejected,
    InvalidRequest,
    InvalidTensor,
    LoadError,
    UnservableEstimator,
    UntrustedPickle,
)
from .passport import MOST_RTOL, Feature, Golden, Passport, Tensor, Training, as_json, installed
from .predictor import Predictor
from .signature import TensorSpec
from .tensors import Tensors, from_instances

#: Told of every model, whatever it imports.
_ALWAYS = ("scikit-learn", "numpy", "scipy", "joblib")

#: Relative and absolute tolerance of the golden answers. Modules of PyTorch compute in float32, on GPUs in TF32.
_TOLERANCES = {"numpy": (1e-6, 1e-9), "torch": (1e-2, 1e-4)}

#: Rows of a sample that become golden: every pod answers them before it is ready.
MOST_ROWS = 100

#: The most frequent values of a column that are told.
_FREQUENT = 20


def pack(
    path: Path,
    *,
    job: Literal["classification", "regression"] | None = None,
    output: Literal["probabilities", "label"] | None = None,
    sample: list[Any] | None = None,
    training: DataFrame | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    image_has: Collection[str] = (),
    is_trusted: bool = False,
    metadata: Mapping[str, JsonValue] | None = None,
) -> Passport:
    """Unpickle the artifact at *path*, ask it *sample*, and record what it is.

    Parameters
    ----------
    path : Path
        A pickle or joblib file.
    job : {"classification", "regression"}, optional
        What the estimator is, by default.
    output : {"probabilities", "label"}, optional
    sample : list, optional
        Rows as the V1 protocol takes them, of which the first `MOST_ROWS` are used; one that is made up, by default.
    training : DataFrame, optional
        What the model was trained on; its columns are summarised.
    rtol, atol : float, optional
        Relative and absolute difference that an answer may have elsewhere.
    image_has : collection of str
        Modules that the image has beside those of this application.
    is_trusted : bool
        Whether it may run whatever it names; if not, that is what is known to be harmless, and what *image_has* holds.
    metadata : mapping, optional
        What else to keep.

    Raises
    ------
    LoadError
        If the artifact cannot be served: what is wrong, and how to mend it.
    InvalidRequest
        If *sample* holds no row, or one that does not fit the estimator.
    """
    rows = None if sample is None else _tensors(sample := sample[:MOST_ROWS])
    example = None if rows is None else {name: array[:1] for name, array in rows.items()}
    tolerances = (rtol or 0.0, atol or 0.0)
    if not (0 <= tolerances[0] <= MOST_RTOL and 0 <= tolerances[1] < inf):
        raise InvalidRequest(f"rtol: expected 0 to {MOST_RTOL}, atol: 0 or more; got {tolerances[0]}, {tolerances[1]}")
    if path.is_dir():
        raise ArtifactNotFound(f"{path}: is a folder: name the file in it")
    key = "pkl" if path.suffix in (".pkl", ".pickle") else "joblib"
    model_format = plugins.find("formats", key)
    artifact = artifacts.fetch(path.absolute().as_uri(), cache_dir=path.parent)
    try:
        with artifact.file:
            contents = model_format.survey(artifact.file)
            _require_importable(contents, image_has)
            if not is_trusted:
                _require_harmless(contents, image_has)
            artifact.file.seek(0)
            predictor: Predictor = model_format.load(
                artifact.file,
                job=job,
                output=output,
                pickle="trusted" if is_trusted else "restricted",
                trusted_types=contents.unlisted(),
                example=example,
            )
    except LoadError as error:
        words = str(error) if sample is None else str(error).replace("config.example", "row 0 of the sample")
        raise type(error)(f"{path}: {words}") from error
    modules = set(contents.modules)
    default_rtol, default_atol = _TOLERANCES["torch" if "torch" in _tops(modules) else "numpy"]
    golden = _golden(
        predictor, sample, rtol=default_rtol if rtol is None else rtol, atol=default_atol if atol is None else atol
    )
    return Passport(
        sha256=artifact.sha256,
        size_bytes=artifact.size_bytes,
        format=key,
        job=predictor.job,
        output=output,
        estimator=contents.root or "a class by value",
        created_at=datetime.now(UTC).replace(microsecond=0),
        python=platform.python_version(),
        libraries=_libraries(modules),
        imports=sorted(modules - {"builtins"}),
        pickle="trusted" if contents.programs else "restricted",
        trusted_types=[name for name in contents.unlisted() if name not in contents.programs],
        inputs=[_tensor(spec) for spec in predictor.signature.inputs],
        outputs=[_tensor(spec) for spec in predictor.signature.outputs],
        classes=[as_json(list(labels)) for labels in predictor.signature.classes],
        golden=golden,
        training=None if training is None else summarised(training),
        metadata=dict(metadata or {}),
    )


def _golden(predictor: Predictor, sample: list[Any] | None, *, rtol: float, atol: float) -> Golden:
    signature = predictor.signature
    names = [spec.name for spec in signature.outputs]
    try:
        rows = predictor.example if sample is None else signature.check(from_instances(sample))
        answers, again = predictor.predict(_copied(rows), names), predictor.predict(_copied(rows), names)
    except InvalidTensor as error:
        raise InvalidTensor(f"the sample: {error}") from error
    golden = Golden(
        instances=sample or signature.instances(rows),
        outputs={name: as_json(array) for name, array in answers.items()},
        rtol=rtol,
        atol=atol,
    )
    if (difference := golden.first_difference(again)) is not None:
        raise UnservableEstimator(
            f"the model answers row {difference[0]} of the sample in two ways when it is asked twice: "
            "fix its random_state, or take the randomness out of predict"
        )
    return golden


def _tensors(sample: list[Any]) -> Tensors:
    try:
        return from_instances(sample)
    except InvalidRequest as error:
        raise type(error)(f"the sample: {error}") from error


def summarised(rows: DataFrame) -> Training:
    """Counts, ranges and frequent values of each column."""
    return Training(rows=len(rows), features={str(name): _feature(rows[name]) for name in rows.columns})


def _feature(column: Series) -> Feature:
    present = column.dropna()
    missing = len(column) - len(present)
    if column.dtype.kind in "iuf" and len(present):
        return Feature(
            dtype=str(column.dtype),
            missing=missing,
            minimum=float(present.min()),
            maximum=float(present.max()),
            mean=float(present.mean()),
            deviation=float(present.std(ddof=0)),
        )
    counts = present.astype(str).value_counts().head(_FREQUENT)
    return Feature(dtype=str(column.dtype), missing=missing, values={str(key): int(n) for key, n in counts.items()})


def _require_importable(contents: Any, image_has: Collection[str]) -> None:
    if homeless := sorted(name for name in contents.names if name.startswith("__main__.")):
        raise ArtifactRejected(
            f"needs {homeless[0].removeprefix('__main__.')!r} from __main__: define it in an importable module, not in "
            "a notebook or a script, and save again"
        )
    ours = _modules_of_the_image()
    for top in sorted(_tops(contents.modules)):
        if top not in ours and top not in image_has:
            raise ArtifactRejected(
                f"needs the module {top!r}, which the image does not have: build an image of your own with it "
                f"(docs/IMAGES.md, packages of your own) and pack with --image-has {top}"
            )


def _require_harmless(contents: Any, image_has: Collection[str]) -> None:
    """Packing unpickles, and nobody has looked at the names yet: what is not your own may do anything."""
    for name in contents.unlisted():
        if name in contents.programs:
            raise UntrustedPickle(
                f"names {name}, which can do anything: if you have made it, pack it with --trusted; its chart then "
                "needs config.model.pickle: trusted"
            )
        if name.partition(".")[0] not in image_has:
            raise UntrustedPickle(
                f"names {name}, which is not on the list of what is known to be harmless: if you have made it, pack "
                "it with --trusted"
            )


@cache
def _modules_of_the_image() -> frozenset[str]:
    """Top-level modules of Python, of this application's dependencies, and of PyTorch, which the variants have."""
    needed, seen = ["model-deployment-app", "torch"], set()
    while needed:
        name = _canonical(needed.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            requirements = distributions.requires(name) or []
        except distributions.PackageNotFoundError:
            continue
        needed += [re.split(r"[^A-Za-z0-9._-]", line)[0] for line in requirements if "extra ==" not in line]
    provided = distributions.packages_distributions()
    ours = {module for module, names in provided.items() if seen & {_canonical(name) for name in names}}
    # We may be installed from a checkout, whose modules the metadata does not list; PyTorch may be missing here.
    return frozenset(ours | set(sys.stdlib_module_names) | {"model_deployment_app", "torch"})


def _libraries(modules: Iterable[str]) -> dict[str, str]:
    provided = distributions.packages_distributions()
    names = {*_ALWAYS, *(name for top in _tops(modules) for name in provided.get(top, ()))} - {"model-deployment-app"}
    return {name: version for name in sorted(names) if (version := installed(name)) is not None}


def _tops(modules: Iterable[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _tensor(spec: TensorSpec) -> Tensor:
    return Tensor(name=spec.name, dtype=spec.dtype, shape=list(spec.shape), columns=list(spec.columns))


def _copied(tensors: Tensors) -> Tensors:
    return {name: np.array(array) for name, array in tensors.items()}
