"""``config.batching`` and ``config.limits``: what a model is asked at once, and what protects it from too much."""

from typing import Annotated

from pydantic import Field

from .locations import EXACT_IN_HELM, Strict


class Batching(Strict):
    """Requests that wait while the model is busy are asked together."""

    max_rows: Annotated[
        int, Field(ge=1, le=1_000_000, description="Rows of requests that are asked together; 1: each alone.")
    ] = 1024
    max_wait_ms: Annotated[
        float, Field(ge=0, le=10_000, description="How long a request waits for others while the model is idle.")
    ] = 0


class Limits(Strict):
    """How large a request may be, what may wait for the model, and how long."""

    max_body_bytes: Annotated[
        int, Field(ge=1, le=2**31 - 1, description="Of one request, over HTTP and gRPC; a larger one is refused.")
    ] = 8_388_608
    queue_rows: Annotated[
        int, Field(ge=1, le=EXACT_IN_HELM, description="Rows without an answer; with more, a request is refused.")
    ] = 100_000
    queue_bytes: Annotated[
        int, Field(ge=1, le=EXACT_IN_HELM, description="Bytes of those rows; with more, a request is refused.")
    ] = 268_435_456
    request_timeout_ms: Annotated[
        int, Field(ge=1, le=86_400_000, description="After this a request without an answer fails.")
    ] = 30_000
    hang_seconds: Annotated[
        int, Field(ge=1, le=86_400, description="A call of the model that takes longer makes the pod fail its probes.")
    ] = 60
