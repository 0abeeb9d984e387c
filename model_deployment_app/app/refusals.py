"""What a client is told when it gets no answer, in the form of every route that has no dialect of its own."""

import orjson
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ..errors import LoadError, MethodNotAllowed, ServingError, Unauthenticated
from ..protocols import Headers
from ..telemetry.exchange import CLIENT_GONE

#: What a client is told of an error that nobody foresaw.
FAILED = ServingError("the server failed; its log has where")


async def refuse_path(_: Request, error: Exception) -> Response:
    """The body for a path or a method that there is not."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def refuse(request: Request, error: Exception) -> Response:
    """The answer of an error outside the predict routes."""
    request.scope["exchange"].failure = error
    failure = error if isinstance(error, ServingError) else FAILED
    headers = {name.decode(): value.decode() for name, value in error_headers(failure)}
    return Response(error_body(failure), failure.http_status, headers, media_type="application/json")


async def let_go(_: Request, __: Exception) -> Response:
    """Nobody waits for an answer any more; the log has this status."""
    return Response(status_code=int(CLIENT_GONE))


def error_body(failure: ServingError) -> bytes:
    # What is wrong with an artifact has an entry in docs/TROUBLESHOOTING.md by its code.
    code = f"{failure.code}: " if isinstance(failure, LoadError) else ""
    return orjson.dumps({"error": f"{code}{failure}"})


def error_headers(failure: ServingError) -> Headers:
    """What the status of *failure* asks for beside a body, on every route."""
    headers = []
    if failure.retry_after_s is not None:
        headers.append((b"retry-after", str(failure.retry_after_s).encode()))
    if isinstance(failure, Unauthenticated):
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(failure, MethodNotAllowed):
        headers.append((b"allow", b"POST"))
    return headers
