"""One loaded version of a model, ready to answer."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from ..errors import UnservableEstimator
from ..predictor import Predictor
from ..signature import Signature
from ..tensors import Tensors
from .worker import Worker

Run = Callable[[Tensors, Collection[str]], Awaitable[Tensors]]


@dataclass(frozen=True, slots=True)
class Revision:
    """What a request meets.

    Attributes
    ----------
    name, version : str
    sha256 : str
        Digest of the artifact that was loaded.
    signature : Signature
    run : callable
        Checked inputs and names of outputs in, outputs back.
    """

    name: str
    version: str
    sha256: str
    signature: Signature
    run: Run


def build(predictor: Predictor, *, name: str, version: str, sha256: str) -> Revision:
    """Warm *predictor* up and make it a revision.

    Raises
    ------
    UnservableEstimator
        If it fails at the row that it is warmed up with.
    """
    try:
        predictor.warm_up()
    except Exception as error:
        raise UnservableEstimator(f"the model fails at its warm-up: {type(error).__name__}: {error}") from error
    return Revision(name, version, sha256, predictor.signature, Worker(predictor).run)
