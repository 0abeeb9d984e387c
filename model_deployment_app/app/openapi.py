"""The document of /openapi.json: FastAPI's of its own routes, the predict lane, and the models that are loaded."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ..dataplane import DataPlane
from ..engine.revision import Revision
from ..errors import ModelNotReady, quoted
from ..protocols import Endpoint, example
from ..signature import Signature
from .lane import OPEN

_ERRORS = {
    "400": "The body is not the JSON that was expected",
    "404": "No model of that name",
    "413": "The body is larger than config.limits.maxBodyBytes",
    "415": "The body is compressed",
    "422": "A value does not fit the model: the message names row and column",
    "500": "The model failed",
    "503": "The model is not ready, or too many requests wait for it",
    "504": "There was no answer within the time that the request had",
}

_KEY_ERRORS = {"401": "No API key, or none that is known", "403": "The API key is not for this"}

_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}

_MAX_TOLD_CLASSES = 10


class Description:
    """Describes one server.

    Parameters
    ----------
    app : FastAPI
        Whose routes are described, beside *endpoints*.
    endpoints : sequence of Endpoint
    dataplane : DataPlane
    asks_for_keys : bool
        Whether requests need an API key.
    """

    def __init__(
        self, app: FastAPI, endpoints: Sequence[Endpoint], dataplane: DataPlane, *, asks_for_keys: bool
    ) -> None:
        self._app = app
        self._endpoints = endpoints
        self._dataplane = dataplane
        self._asks_for_keys = asks_for_keys
        #: By whether it is typed: of which models, and the document.
        self._documents: dict[bool, tuple[object, bytes]] = {}

    def document(self, *, root_path: str, is_typed: bool) -> bytes:
        """OpenAPI 3.1 as JSON.

        Parameters
        ----------
        root_path : str
            Where the routes are, to a browser.
        is_typed : bool
            Whether it tells of the models that are loaded: their columns, classes and an example row.
        """
        revisions = list(self._ready()) if is_typed else []
        described = [(root_path, each.name, each.version, each.sha256) for each in revisions]
        known = self._documents.get(bool(revisions))
        if known is None or known[0] != described:
            known = described, orjson.dumps(self._describe(revisions, root_path))
            self._documents[bool(revisions)] = known
        return known[1]

    def _ready(self) -> Iterator[Revision]:
        for name in self._dataplane.names():
            with suppress(ModelNotReady):
                yield self._dataplane.revision(name)

    def _describe(self, revisions: Sequence[Revision], root_path: str) -> dict[str, Any]:
        document = get_openapi(
            title=self._app.title,
            version=self._app.version,
            summary="; ".join(map(_told, revisions)) or None,
            routes=self._app.routes,
            servers=[{"url": root_path}] if root_path else None,
        )
        for path in document["paths"].values():
            for operation in path.values():
                # FastAPI's own, which a name in a path cannot get.
                if operation["responses"].get("422", {}).get("description") == "Validation Error":
                    del operation["responses"]["422"]
        document.get("components", {}).pop("schemas", None)
        first = [each for each in revisions if each.name == self._dataplane.names()[0]]
        for endpoint in self._endpoints:
            asked = revisions if "{name}" in endpoint.path else first
            document["paths"][endpoint.path] = {"post": _operation(endpoint, asked)}
        if self._asks_for_keys:
            _ask_for_keys(document)
        return document


def _operation(endpoint: Endpoint, revisions: Sequence[Revision]) -> dict[str, Any]:
    signatures: Sequence[Signature | None] = [each.signature for each in revisions] or [None]
    content: dict[str, Any] = {"schema": _any_of(map(endpoint.request, signatures))}
    examples = {each.name: _example(endpoint, each) for each in revisions}
    if any(examples.values()):
        content["examples"] = {name: each for name, each in examples.items() if each is not None}
    answer = {"schema": _any_of(map(endpoint.response, signatures))}
    operation: dict[str, Any] = {
        "tags": ["predict"],
        "summary": endpoint.summary,
        "operationId": re.sub(r"\W+", "_", endpoint.path).strip("_"),
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {"200": {"description": "Predictions", "content": {"application/json": answer}}}
        | {status: {"description": words} for status, words in _ERRORS.items()},
    }
    known = {"name": [each.name for each in revisions], "version": [each.version for each in revisions]}
    operation["parameters"] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", **_enum(known[name])}}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    return operation


def _example(endpoint: Endpoint, revision: Revision) -> dict[str, Any] | None:
    row = example(revision.example, revision.signature)
    request = None if row is None else endpoint.example(row, revision.signature)
    return None if request is None else {"summary": f"One row for {revision.name}", "value": request}


def _ask_for_keys(document: dict[str, Any]) -> None:
    document["components"] = {"securitySchemes": _KEYS}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if not OPEN.fullmatch(path):
                operation["security"] = [{name: []} for name in _KEYS]
                operation["responses"] |= {status: {"description": words} for status, words in _KEY_ERRORS.items()}


def _enum(values: list[str]) -> dict[str, Any]:
    return {"enum": sorted(set(values))} if values else {}


def _any_of(schemas: Iterable[dict[str, Any]]) -> dict[str, Any]:
    each = list(schemas)
    return each[0] if len(each) == 1 else {"anyOf": each}


def _told(revision: Revision) -> str:
    """One model in a line: ``iris 2026.11: 4 columns to the classes 0, 1, 2``."""
    signature = revision.signature
    shape = signature.inputs[0].shape[1:]
    if signature.takes_text:
        taken = "text"
    elif len(shape) > 1:
        taken = "arrays of shape " + " × ".join(str(axis) for axis in shape)
    else:
        taken = f"{len(signature.columns)} column{'s' if len(signature.columns) > 1 else ''}"
    given = " and ".join(_told_classes(labels) for labels in signature.classes) or signature.outputs[-1].name
    return f"{revision.name} {revision.version}: {taken} to {given}"


def _told_classes(labels: Sequence[Any]) -> str:
    more = len(labels) - _MAX_TOLD_CLASSES
    told = ", ".join(quoted(str(label)) for label in labels[:_MAX_TOLD_CLASSES])
    return f"the classes {told}{f' and {more} more' if more > 0 else ''}"
