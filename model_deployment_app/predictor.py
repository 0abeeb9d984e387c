"""What the engine calls. A format makes one from an artifact."""

from collections.abc import Collection
from typing import Protocol

from .signature import Signature
from .tensors import Tensors


class Predictor(Protocol):
    """One loaded model; called from one thread at a time."""

    signature: Signature

    def predict(self, inputs: Tensors, outputs: Collection[str]) -> Tensors:
        """Answer *inputs* (checked by `signature`) with the named *outputs*, each with as many rows.

        Raises
        ------
        InvalidTensor
            If the model accepts the form of a row but not its values.
        Exception
            Whatever the model raises of its own accord.
        """

    def warm_up(self) -> None:
        """Answer one row that the model is known to accept, so that the first request finds everything in place."""
