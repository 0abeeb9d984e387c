"""Label and field selectors, as in the query of a list or a watch."""

import re
from typing import Any

Object = dict[str, Any]


def matches(one: Object, *, labels: str = "", fields: str = "") -> bool:
    found = one["metadata"].get("labels") or {}
    # A comma inside of in (a,b) parts nothing.
    by_label = all(_has(found, term.strip()) for term in re.split(r",(?![^(]*\))", labels) if term)
    return by_label and all(_is(one, term) for term in fields.split(",") if term)


def _has(labels: dict[str, str], term: str) -> bool:
    if member := re.fullmatch(r"(\S+) (in|notin) \(([^)]*)\)", term):
        return (labels.get(member[1]) in member[3].split(",")) == (member[2] == "in")
    if "!=" in term:
        key, value = term.split("!=")
        return labels.get(key) != value
    if "=" in term:
        key, value = re.split("==?", term, maxsplit=1)
        return labels.get(key) == value
    return term[1:] not in labels if term.startswith("!") else term in labels


def _is(one: Object, term: str) -> bool:
    path, value = re.split("==?", term, maxsplit=1)
    found: Any = one
    for key in path.split("."):
        found = (found or {}).get(key)
    return found == value
