"""One loaded version of a model, ready to answer."""

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import UnservableEstimator
from ..passport import Passport
from ..predictor import Predictor
from ..signature import Signature
from ..telemetry.metrics import ModelMetrics
from ..tensors import Tensors, from_instances
from . import rowwise
from .batcher import Batcher
from .limits import Limits

logger = logging.getLogger(__name__)

Run = Callable[[Tensors, Collection[str], float | None, float | None], asyncio.Future[Tensors]]


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
        Checked inputs, names of outputs, for how many seconds they are worth waiting for, and since when, in; outputs
        back (see `Batcher.submit`).
    batcher : Batcher or None
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
    batcher: Batcher | None = None

    def health(self) -> str | None:
        """Why this model answers nobody, and will not by itself; None while it does."""
        return None if self.batcher is None else self.batcher.health()

    async def close(self) -> None:
        """Take no more requests, answer those that have come, and let go of the model."""
        if self.batcher is not None:
            await self.batcher.close()


def build(
    predictor: Predictor,
    *,
    name: str,
    version: str,
    sha256: str,
    passport: Passport | None,
    load_seconds: dict[str, float],
    limits: Limits,
    metrics: ModelMetrics,
) -> Revision:
    """Warm *predictor* up, have it give the answers of its passport, and make it a revision (see `Revision`).

    Requests are joined where *limits* allow it and each row is answered by itself.

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
    if limits.max_rows > 1 and (objection := rowwise.objection(predictor, _recorded(predictor, passport))) is not None:
        logger.warning("%s: requests are asked one by one and not in batches: %s", name, objection)
        limits = replace(limits, max_rows=1)
    batcher = Batcher(predictor, name=name, limits=limits, metrics=metrics)
    [example] = predictor.signature.instances(predictor.example)
    return Revision(
        name, version, sha256, predictor.signature, batcher.submit, example, passport, load_seconds, batcher
    )


def _recorded(predictor: Predictor, passport: Passport | None) -> Tensors | None:
    return None if passport is None else predictor.signature.check(from_instances(passport.golden.instances))
