"""Refuses answers that Helm, Kubernetes or the server would refuse later: all of them at once, one line each.

Plain cookiecutter runs it as a script, so it needs the standard library only; `mda new` calls `faults`.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

Check = Callable[[str], object]

DNS_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
IMAGE_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"


def matching(pattern: str) -> Check:
    return re.compile(pattern, re.DOTALL).fullmatch


def between(low: int, high: int) -> Check:
    return lambda text: re.fullmatch("[1-9][0-9]{0,9}", text) and low <= int(text) <= high


def optional(check: Check) -> Check:
    return lambda text: text == "" or check(text)


def json_value(text: str) -> object:
    """The value, or None where *text* is not JSON."""
    try:
        return json.loads(text, parse_constant=not_json)
    except ValueError:
        return None


def not_json(constant: str) -> None:
    raise ValueError(f"{constant} is Python's, not JSON")


def is_volume(text: str) -> bool:
    volume = json_value(text)
    return isinstance(volume, dict) and [type(source) for source in volume.values()] == [dict]


def is_instance(text: str) -> bool:
    return isinstance(json_value(text), list | dict | str)


POSITIVE = between(1, 2**31 - 1)

# answer -> (check, what was expected), in the order of the questions
RULES: dict[str, tuple[Check, str]] = {
    "model_name": (
        matching(r"(?=.{1,52}$)[a-z]([-a-z0-9]*[a-z0-9])?"),
        "at most 52 lower-case letters, digits and -, a letter first, no - at the end",
    ),
    "project_name": (matching(r"\S+"), "the name of a Google Cloud project"),
    "bucket_name": (
        matching(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"),
        "3 to 222 lower-case letters, digits, ., _ and -, a letter or digit at both ends",
    ),
    "blob_dir": (matching(r"[^/].*"), "a blob or a folder, without a slash in front"),
    "model_path": (matching(r"/.*"), "an absolute path"),
    "model_claim": (
        optional(matching(r"(?=.{1,253}$)" + DNS_NAME)),
        "the name of a PersistentVolumeClaim, or nothing",
    ),
    "model_volume": (optional(is_volume), "a JSON object with one volume source, or nothing"),
    "generation": (optional(matching("[1-9][0-9]{0,18}")), "up to 19 digits, or nothing"),
    "sha256": (optional(matching("[0-9a-f]{64}")), "64 lower-case hexadecimal digits, or nothing"),
    "input_size": (optional(POSITIVE), "a positive integer, or nothing"),
    "example": (optional(is_instance), "a JSON list, object or string, or nothing"),
    "image_repository": (
        matching(rf"([A-Za-z0-9.-]+(:[0-9]+)?/)?{IMAGE_PART}(/{IMAGE_PART})*"),
        "an image without tag or digest, such as gcr.io/my-project/model-deployment-app",
    ),
    "app_version": (
        matching(r"(?!latest$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"),
        "a version that is an image's tag, but not latest",
    ),
    "replicas": (POSITIVE, "a positive integer"),
    "service_port": (between(1, 65535), "a port from 1 to 65535"),
    "node_port": (optional(between(30000, 32767)), "a port from 30000 to 32767, or nothing"),
    "ingress_host": (matching(r"(?=.{1,253}$)(\*\.)?" + DNS_NAME), "a DNS name in lower case"),
    "ingress_path": (matching(r"/|(/[A-Za-z0-9._~:@-]+)+"), "an absolute path without a slash at the end"),
    "gpu_count": (POSITIVE, "a positive integer"),
}
# First parts of the server's own paths, which an Ingress path would hide.
ROUTES = {"api", "docs", "health", "livez", "metrics", "openapi.json", "predict", "readyz", "v1", "v2"}
UNUSED = {"GCS": {"model_path"}, "LOCAL": {"project_name", "bucket_name", "blob_dir", "generation"}}


def faults(answers: dict[str, str]) -> list[str]:
    """Every answer that would not work: its name, what was expected, what came."""
    lines = [
        f"{name}: expected {expected}, got {answers[name]!r}"
        for name, (check, expected) in RULES.items()
        if name not in UNUSED[answers["method"]] and not check(answers[name])
    ]
    if answers["model_claim"] and answers["model_volume"]:
        lines.append("model_volume: only one of model_claim and model_volume can be mounted at /models")
    if answers["ingress_path"].strip("/").split("/")[0] in ROUTES:
        lines.append(f"ingress_path: the server has routes of its own under {answers['ingress_path']!r}; choose another")
    if answers["node_port"] and answers["service_type"] == "ClusterIP":
        lines.append("node_port: a Service of type ClusterIP has none; choose another service_type")
    return lines


def taken(answers: dict[str, str], charts: Path) -> list[str]:
    """What other charts in the folder *charts* have already; left to `make lint` where our package is not installed."""
    try:
        from model_deployment_app.charts import clashes
    except ImportError:
        return []
    return clashes.of_answers(answers, charts)


if __name__ == "__main__":
    # tojson writes ' as \u0027: no answer can end the literal.
    ANSWERS = json.loads(r'''{{ cookiecutter | tojson }}''')
    LINES = faults(ANSWERS) + taken(ANSWERS, Path.cwd().parent)
    if LINES:
        sys.exit("\n".join(LINES))
