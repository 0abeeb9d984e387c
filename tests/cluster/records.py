"""Helm's records of its releases, which are Secrets: made to look as a helm leaves them that was killed."""

import base64
import gzip
import json
from typing import Any

from .fake.server import FakeKubernetes


def mark(kubernetes: FakeKubernetes, namespace: str, status: str, *, of: int | None = None) -> None:
    """Give the record of revision *of*, or of the latest, this *status*."""
    secret = _record(kubernetes, namespace, of)
    record = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    record["info"]["status"] = status
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()
    _write(kubernetes, namespace, secret, packed, secret["metadata"]["labels"] | {"status": status})


def garble(kubernetes: FakeKubernetes, namespace: str) -> None:
    """Make the latest record in *namespace* one that helm cannot read."""
    secret = _record(kubernetes, namespace)
    _write(kubernetes, namespace, secret, base64.b64encode(b"garbled").decode(), secret["metadata"]["labels"])


def _record(kubernetes: FakeKubernetes, namespace: str, of: int | None = None) -> dict[str, Any]:
    records = {
        int(one["metadata"]["labels"]["version"]): one for one in kubernetes.find("Secret", namespace, "owner=helm")
    }
    return records[of or max(records)]


def _write(
    kubernetes: FakeKubernetes, namespace: str, secret: dict[str, Any], release: str, labels: dict[str, str]
) -> None:
    name = secret["metadata"]["name"]
    kubernetes.put(
        "Secret", namespace, name, metadata={"labels": labels}, type=secret["type"], data={"release": release}
    )
