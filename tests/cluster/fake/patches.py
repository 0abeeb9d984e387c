"""Merge patches, JSON's and Kubernetes' strategic one.

References
----------
RFC 7396, JSON Merge Patch. Kubernetes community, "Strategic Merge Patch": ``$patch``, ``$setElementOrder/…``,
``$retainKeys`` and merge keys.
"""

from typing import Any

# The lists that are merged by a key of their elements; every other list is replaced as a whole.
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "imagePullSecrets": "name",
    "topologySpreadConstraints": "topologyKey",
}
# Of a Service's ports and of a container's.
PORT_KEYS = ("containerPort", "port")


def merge(whole: Any, patch: Any, *, is_strategic: bool) -> Any:
    """*whole* with *patch* laid over it; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    merged = dict(whole) if isinstance(whole, dict) else {}
    if is_strategic and "$retainKeys" in patch:
        merged = {key: value for key, value in merged.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if is_strategic and key.startswith("$"):
            continue
        if value is None:
            merged.pop(key, None)
        elif is_strategic and isinstance(value, list) and (merge_key := _merge_key(key, value)):
            merged[key] = _merge_list(merged.get(key) or [], value, merge_key)
        else:
            merged[key] = merge(merged.get(key), value, is_strategic=is_strategic)
    return merged


def _merge_key(name: str, elements: list[Any]) -> str | None:
    if name == "ports" and elements and isinstance(elements[0], dict):
        return next((key for key in PORT_KEYS if key in elements[0]), None)
    return MERGE_KEYS.get(name)


def _merge_list(whole: list[Any], patch: list[Any], merge_key: str) -> list[Any]:
    by_key = {element[merge_key]: element for element in whole}
    for element in patch:
        key = element[merge_key]
        if element.get("$patch") == "delete":
            by_key.pop(key, None)
        else:
            by_key[key] = merge(by_key.get(key), element, is_strategic=True)
    return list(by_key.values())


def json_patch(whole: Any, operations: list[dict[str, Any]]) -> Any:
    """*whole* after the operations of RFC 6902 that kubectl sends: add and replace, in objects."""
    for operation in operations:
        assert operation["op"] in ("add", "replace"), operation
        *path, last = [key.replace("~1", "/").replace("~0", "~") for key in operation["path"].split("/")[1:]]
        place = whole
        for key in path:
            place = place.setdefault(key, {})
        place[last] = operation["value"]
    return whole
