"""Pickles: from a file to an estimator."""

import logging
import warnings
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module
from typing import Any, BinaryIO, Literal

import sklearn
from sklearn.exceptions import InconsistentVersionWarning

from .. import garbage
from ..errors import InvalidConfig, UnservableEstimator
from ..tensors import Tensors
from ._contents import is_version
from ._contents import read as survey
from ._estimator import EstimatorPredictor, Job, Output
from ._inputs import told
from ._refusal import is_skewed, refusal, skew
from ._restricted import UnknownName
from ._unpickler import unpickle

__all__ = ["load", "survey"]

logger = logging.getLogger(__name__)


def load(
    file: BinaryIO,
    *,
    job: Job,
    output: Output | None = None,
    input_size: int | None = None,
    example: Tensors | None = None,
    device: str = "auto",
    gpu_memory_fraction: float | None = None,
    pickle: Literal["restricted", "trusted"] = "restricted",
    trusted_types: Collection[str] = (),
    phase: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> EstimatorPredictor:
    """Unpickle an estimator and get it ready to predict.

    Parameters
    ----------
    file : BinaryIO
        A file, at its start, whose digest has been checked.
    job, output, input_size, example
        As `EstimatorPredictor` takes them.
    device : str
        Where PyTorch computes: "auto", "cpu", "cuda" or "cuda:<number>".
    gpu_memory_fraction : float, optional
        How much of that device's memory PyTorch may take, if it is a GPU.
    pickle : {"restricted", "trusted"}
        Whether it may use only the names on a list, or any: then unpickling runs whatever is in it.
    trusted_types : collection of str
        Names beside that list, in full.
    phase : callable
        Is entered for each step, with its name, until the step is done.

    Raises
    ------
    UntrustedPickle
        If it names something else, which has not been imported then; the message has the line that would allow it.
    ArtifactRejected
        If the file is no pickle, is cut short, or needs a module that is not here.
    VersionSkew
        If another version of scikit-learn saved it, and this one cannot load it or gets no answer from it.
    InvalidConfig
        If this host does not have that device.
    MissingExtra
        If it needs PyTorch, and this image has none.
    NotAnEstimator, UnservableEstimator
        As `EstimatorPredictor` raises them.
    """
    trusted = None if pickle == "trusted" else frozenset(trusted_types)
    if trusted is not None:
        with phase("audit"):
            modules = _audited(file, trusted)
        with phase("import"):
            _import(modules)
    with phase("unpickle"):
        estimator, saved = _unpickled(file, device, gpu_memory_fraction, trusted)
    try:
        with phase("inspect"):
            return EstimatorPredictor(estimator, job=job, output=output, input_size=input_size, example=example)
    except UnservableEstimator as error:
        if is_skewed(saved) and isinstance(error.__cause__, AttributeError):  # as where one has been renamed
            raise skew(saved, f"loads it and gets no answer from it ({told(error.__cause__)})") from error
        raise


def _audited(file: BinaryIO, trusted: frozenset[str]) -> list[str]:
    """The modules of the pickle, once each of its names is known to be allowed: before anything is made of any."""
    contents = survey(file)
    for full in contents.unlisted(trusted):
        module, _, name = full.rpartition(".")
        raise refusal(file, UnknownName(module, name), trusted)
    file.seek(0)
    return contents.modules


def _import(modules: Iterable[str]) -> None:
    """So that unpickling does not count what importing takes; what cannot be imported is told there."""
    with garbage.ignored():  # else it is a fifth of what PyTorch takes
        for module in modules:
            with suppress(Exception):
                import_module(module)


def _unpickled(
    file: BinaryIO, device: str, gpu_memory_fraction: float | None, trusted: frozenset[str] | None
) -> tuple[Any, str | None]:
    """The estimator, and the version of scikit-learn that saved it if it is not this one."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loaded = unpickle(file, device=device, memory_fraction=gpu_memory_fraction, trusted=trusted)
        except InvalidConfig:
            raise
        except (Exception, SystemExit) as error:  # a pickle is a program: it can raise anything
            raise refusal(file, error, trusted) from error
    for warning in caught:
        if isinstance(warning.message, InconsistentVersionWarning):
            claimed = warning.message.original_sklearn_version
            saved = claimed if is_version(claimed) else None
            logger.warning(
                "saved with scikit-learn %s, this server has %s: answers may differ; save it again with %s",
                saved or "an unknown version",
                sklearn.__version__,
                sklearn.__version__,
            )
            return loaded, saved
    return loaded, None
