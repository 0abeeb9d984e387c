"""Pickles: from a file to an estimator, and what went wrong in words of the person who made the file."""

import logging
import re
import warnings
from typing import Any, BinaryIO

import sklearn
from sklearn.exceptions import InconsistentVersionWarning

from ..errors import ArtifactRejected, InvalidConfig, MissingExtra
from ..tensors import Tensors
from ._estimator import EstimatorPredictor, Job, Output
from ._inputs import told
from ._unpickler import unpickle

logger = logging.getLogger(__name__)

_NO_TORCH = (
    "the artifact (or config.device) needs PyTorch, which is not installed here: set image.variant: "
    "cpu or cuda in the chart (docs/IMAGES.md), or pip install 'model-deployment-app[torch]'"
)

#: First bytes of what people upload in place of a pickle.
_IMPOSTORS = (
    (b"", "is empty"),
    (
        b"version https://git-lfs",
        "is a Git LFS pointer, not the file it points to: run `git lfs pull` and upload again",
    ),
    (b"<", "looks like an HTML or XML page, an error page of a store perhaps: download it again and look"),
    (b"PK\x03\x04", "is a zip archive (a torch.save file or skops?), not a pickle"),
    (b"\x89HDF", "is an HDF5 file, not a pickle"),
    (b"{", "is JSON, not a pickle"),
)


def load(
    file: BinaryIO,
    *,
    job: Job,
    output: Output | None = None,
    input_size: int | None = None,
    example: Tensors | None = None,
    device: str = "auto",
    gpu_memory_fraction: float | None = None,
) -> EstimatorPredictor:
    """Unpickle an estimator and get it ready to predict.

    Parameters
    ----------
    file : BinaryIO
        A file, at its start, whose digest has been checked: unpickling runs what is in it.
    job, output, input_size, example
        As `EstimatorPredictor` takes them.
    device : str
        Where PyTorch computes: "auto", "cpu", "cuda" or "cuda:<number>".
    gpu_memory_fraction : float, optional
        How much of that device's memory PyTorch may take, if it is a GPU.

    Raises
    ------
    ArtifactRejected
        If the file is no pickle, is cut short, or needs a module that is not here.
    InvalidConfig
        If this host does not have that device.
    MissingExtra
        If it needs PyTorch, and this image has none.
    NotAnEstimator, UnservableEstimator
        As `EstimatorPredictor` raises them.
    """
    estimator = _unpickled(file, device, gpu_memory_fraction)
    return EstimatorPredictor(estimator, job=job, output=output, input_size=input_size, example=example)


def _unpickled(file: BinaryIO, device: str, gpu_memory_fraction: float | None) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loaded = unpickle(file, device=device, memory_fraction=gpu_memory_fraction)
        except InvalidConfig:
            raise
        except (Exception, SystemExit) as error:  # a pickle is a program: it can raise anything
            if isinstance(error, ModuleNotFoundError) and error.name == "torch":
                raise MissingExtra(_NO_TORCH) from error
            raise ArtifactRejected(f"the artifact {_reason(file, error)}") from error
    for warning in caught:
        if isinstance(warning.message, InconsistentVersionWarning):
            logger.warning(
                "saved with scikit-learn %s, this server has %s: answers may differ; save it again with %s",
                warning.message.original_sklearn_version,
                sklearn.__version__,
                sklearn.__version__,
            )
            break
    return loaded


def _reason(file: BinaryIO, error: BaseException) -> str:
    file.seek(0)
    head = file.read(64)
    for magic, reason in _IMPOSTORS:
        if head.startswith(magic) if magic else not head:
            return reason
    match error:
        case ModuleNotFoundError() if (error.name or "").replace(".", "_").isidentifier():
            return (
                f"needs the Python module {error.name!r}: install it into the image, at the version it was saved with"
            )
        case AttributeError() if "__main__" in str(error):
            [name] = re.findall(r"attribute '([^']+)'", str(error))[:1] or ["a class"]
            return f"needs {name!r} from __main__: define it in an importable module, not in a notebook, and save again"
        case AttributeError() | ImportError():
            return (
                f"needs something that the installed libraries do not have: {error}; save it again with their versions"
            )
        case MemoryError():
            return "does not fit into memory: raise resources.limits.memory"
    return f"cannot be unpickled, it is cut short, corrupt or no pickle: {told(error)}"
