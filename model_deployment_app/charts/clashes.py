"""What two charts of one cluster may not share: a path on a host, a port on the nodes.

Read from each chart's values.yaml, which its owner edits, not from the answers it was rendered with. An
Ingress that is disabled counts too: it would clash on the day that somebody enables it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from .. import helm_yaml


def find(charts: Path) -> list[str]:
    """One line for each path or port that two charts under the folder *charts* both take."""
    takers, lines = _takers(charts)
    for taken, names in sorted(takers.items()):
        if len(names) > 1:
            lines.append(f"{charts}: {' and '.join(names)} both take {taken}")
    return lines


def of_answers(answers: Mapping[str, str], charts: Path) -> list[str]:
    """One line, which begins with the answer's name, for each thing that a chart under *charts* has already.

    Parameters
    ----------
    answers : mapping of str to str
        Of cookiecutter.json: ``model_name``, ``ingress_host``, ``ingress_path`` and ``node_port`` are read.
    charts : Path
        The folder that the new chart would come into.
    """
    takers, lines = _takers(charts)
    wanted = {"ingress_path": _path(answers["ingress_host"], answers["ingress_path"])}
    if answers["node_port"]:
        wanted["node_port"] = _port(answers["node_port"])
    for answer, taken in wanted.items():
        # The chart itself may lie there already: cookiecutter makes its folder first.
        names = [name for name in takers.get(taken, []) if name != answers["model_name"]]
        if names:
            lines.append(f"{answer}: {charts / names[0]} has {taken} already")
    return lines


def _takers(charts: Path) -> tuple[dict[str, list[str]], list[str]]:
    """What is taken, with the names of its charts; and a line for each values.yaml that cannot be read."""
    takers: dict[str, list[str]] = defaultdict(list)
    lines = []
    for file in sorted(charts.glob("*/values.yaml")):
        try:
            values = helm_yaml.load(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            lines.append(f"{file}: cannot be read: {' '.join(str(error).split())}")
            continue
        for taken in sorted(set(_taken(values))):
            takers[taken].append(file.parent.name)
    return takers, lines


def _taken(values: Any) -> Iterator[str]:
    for host in _items(_at(values, "ingress", "hosts")):
        for path in _items(_at(host, "paths")):
            yield _path(str(_at(host, "host") or ""), str(_at(path, "path") or ""))
    if port := _at(values, "service", "nodePort"):
        yield _port(port)


def _path(host: str, path: str) -> str:
    """``/iris/`` and ``/iris`` are one path to an Ingress; a rule without a host holds for every host."""
    return f"the ingress path {host.lower() or '*'}{path.rstrip('/') or '/'}"


def _port(port: object) -> str:
    return f"the node port {port}"


def _at(document: Any, *keys: str) -> Any:
    """The value under *keys*, or None: the shape is for values.schema.json to check."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _items(document: Any) -> list[Any]:
    return document if isinstance(document, list) else []
