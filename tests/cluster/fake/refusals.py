"""What a Kubernetes API refuses, as the Status object that it answers."""

from typing import Any

import kubernetes_validate

VERSION = "1.34"
# The server's own, which the schemas of a client's manifest do not have.
SERVERS = ("managedFields", "uid", "resourceVersion", "creationTimestamp", "generation")


class Refusal(Exception):
    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }


def not_found(plural: str, name: str) -> Refusal:
    return Refusal(404, "NotFound", f'{plural} "{name}" not found')


def validate(one: dict[str, Any]) -> None:
    """Refuse a manifest with a field that is unknown, missing or of another type."""
    metadata = {key: value for key, value in one["metadata"].items() if key not in SERVERS}
    manifest = {key: value for key, value in one.items() if key != "status"} | {"metadata": metadata}
    try:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(map(str, error.path))
        message = f'{one["kind"]} "{metadata.get("name")}" is invalid: {path}: {error.message}'
        raise Refusal(422, "Invalid", message) from error
