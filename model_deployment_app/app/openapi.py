"""Describes the predict lane in /openapi.json, since FastAPI never routes it."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ..protocols import Endpoint

_ERRORS = {
    "400": "The body is not the JSON that was expected",
    "404": "No model of that name",
    "415": "The body is compressed",
    "422": "A value does not fit the model: the message names row and column",
    "500": "The model failed",
    "503": "The model is not ready",
}


def describe(app: FastAPI, endpoints: Sequence[Endpoint], *, example: object | None) -> None:
    """Make ``app.openapi`` tell of *endpoints* too, with *example* as the row to try."""

    def schema() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, routes=app.routes)
            for path in document["paths"].values():
                for operation in path.values():
                    # FastAPI's own, which a name in a path cannot get.
                    if operation["responses"].get("422", {}).get("description") == "Validation Error":
                        del operation["responses"]["422"]
            document.get("components", {}).pop("schemas", None)
            document["paths"] |= {endpoint.path: {"post": _operation(endpoint, example)} for endpoint in endpoints}
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = schema  # type: ignore[method-assign]


def _operation(endpoint: Endpoint, example: object | None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": endpoint.request}
    if example is not None:
        content["example"] = {"instances": [example]}
    operation: dict[str, Any] = {
        "tags": ["predict"],
        "summary": endpoint.summary,
        "operationId": "predict " + endpoint.path,
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "200": {
                "description": "Predictions",
                "content": {"application/json": {"schema": endpoint.response}},
            }
        }
        | {status: {"description": words} for status, words in _ERRORS.items()},
    }
    if "{name}" in endpoint.path:
        operation["parameters"] = [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
    return operation
