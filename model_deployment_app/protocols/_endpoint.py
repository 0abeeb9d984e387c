"""A predict route as pure functions, for whichever lane carries the bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..engine.revision import Revision
from ..errors import ServingError
from ..signature import Signature
from ..tensors import Tensors


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One ``POST`` route of a dialect.

    Attributes
    ----------
    path : str
        ``{name}`` stands for the model's name; a path without it is answered by the first model.
    summary : str
        For /docs.
    decode : callable
        Body to tensors; raises InvalidRequest or InvalidTensor.
    wanted : callable
        Which outputs of a signature `encode` renders.
    encode : callable
        The answer's body.
    error : callable
        The body of a refusal; its status is on the error.
    request, response : dict
        JSON schemas for /openapi.json.
    """

    path: str
    summary: str
    decode: Callable[[bytes], Tensors]
    wanted: Callable[[Signature], list[str]]
    encode: Callable[[Revision, Tensors], bytes]
    error: Callable[[ServingError], bytes]
    request: dict[str, Any]
    response: dict[str, Any]
