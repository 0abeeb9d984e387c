"""One loaded version of a model, ready to answer."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from ..errors import UnservableEstimator
from ..passport import Passport
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
    example : JSON value
        One row that it answers, as a request would hold it.
    passport : Passport or None
        Whose answers it has given.
    load_seconds : dict of str to float
        What loading took, by phase.
    run : callable
        Checked inputs and names of outputs in, outputs back.
    worker : Worker or None
        Whose `run` it is.
    """

    name: str
    version: str
    sha256: str
    signature: Signature
    run: Run
    example: Any = None
    passport: Passport | None = None
    load_seconds: dict[str, float] = field(default_factory=dict)
    worker: Worker | None = None

    async def close(self) -> None:
        """Take no more requests, and answer those that have come."""
        if self.worker is not None:
            await self.worker.close()


def build(
    predictor: Predictor,
    *,
    name: str,
    version: str,
    sha256: str,
    passport: Passport | None,
    load_seconds: dict[str, float],
    on_predicted: Callable[[float], None] = lambda _: None,
) -> Revision:
    """Warm *predictor* up, have it give the answers of its passport, and make it a revision (see `Revision`).

    *on_predicted* is told the seconds of each call of the predictor that a request has asked for.

    Raises
    ------
    UnservableEstimator
        If it fails at the row that it is warmed up with.
    WrongAnswers
        If it answers the rows of *passport* otherwise than it did when it was packed.
    """
    try:
        predictor.predict(predictor.example, [spec.name for spec in predictor.signature.outputs])
    except Exception as error:
        raise UnservableEstimator(f"the model fails at its warm-up: {type(error).__name__}: {error}") from error
    if passport is not None:
        passport.check_answers(predictor)
    worker = Worker(predictor, on_predicted=on_predicted)
    [example] = predictor.signature.instances(predictor.example)
    return Revision(name, version, sha256, predictor.signature, worker.run, example, passport, load_seconds, worker)
