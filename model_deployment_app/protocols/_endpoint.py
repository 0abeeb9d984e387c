"""A predict route as pure functions, for whichever lane carries the bytes."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ..engine.revision import Revision
from ..errors import ServingError
from ..signature import Signature
from ..tensors import Tensors

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back over HTTP with status 200.

    Attributes
    ----------
    body : bytes
    media_type : bytes
    headers : sequence of (bytes, bytes)
        Beside Content-Type and Content-Length; names in lower case.
    """

    body: bytes
    media_type: bytes = b"application/json"
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One request, decoded.

    Attributes
    ----------
    inputs : dict of str to ndarray
        As `Signature.check` takes them.
    outputs : collection of str
        Names of the outputs that `encode` renders: no other is computed.
    encode : callable
        These outputs, in that order, to the answer.
    """

    inputs: Tensors
    outputs: Collection[str]
    encode: Callable[[Tensors], Reply]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One ``POST`` route of a dialect.

    Attributes
    ----------
    protocol : str
        The dialect, in metrics and logs.
    path : str
        ``{name}`` stands for the model's name, ``{version}`` for its version; a path without them is answered by the
        first model.
    summary : str
        For /docs.
    decode : callable
        Body, headers (names in lower case) and the revision that is asked, to a `Call`; raises InvalidRequest or
        InvalidTensor.
    error : callable
        The body of a refusal; its status is on the error.
    request, response : callable
        A model's signature to a JSON schema, for /openapi.json; None stands for any model.
    example : callable
        One row as `Signature.instances` gives it, and the signature, to a request; None if nobody would read it.
    """

    protocol: str
    path: str
    summary: str
    decode: Callable[[bytes, Headers, Revision], Call]
    error: Callable[[ServingError], bytes]
    request: Callable[[Signature | None], dict[str, Any]]
    response: Callable[[Signature | None], dict[str, Any]]
    example: Callable[[Any, Signature], dict[str, Any] | None]
