"""What the engine calls. A format makes one from an artifact."""

from collections.abc import Collection
from typing import Literal, Protocol

from .signature import Signature
from .tensors import Tensors


class Predictor(Protocol):
    """One loaded model; called from one thread at a time.

    Attributes
    ----------
    signature : Signature
    job : {"classification", "regression"}
    example : dict of str to ndarray
        One row that the model answers, in the form of the signature's inputs.
    """

    signature: Signature
    job: Literal["classification", "regression"]
    example: Tensors

    def predict(self, inputs: Tensors, outputs: Collection[str]) -> Tensors:
        """Answer *inputs* (checked by `signature`) with the named *outputs*, each with as many rows.

        Raises
        ------
        InvalidTensor
            If the model accepts the form of a row but not its values.
        Exception
            Whatever the model raises of its own accord.
        """

    def answer(self, inputs: Tensors, outputs: Collection[str]) -> Tensors:
        """As `predict`, for requests that were joined: it raises anything, and does not look for who is at fault."""
