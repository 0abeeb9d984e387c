"""The parts of the fake API that could hide a fault of ours if they were wrong."""

from typing import Any

import pytest

from .fake.patches import json_patch, merge
from .fake.selectors import matches

ONE = {"metadata": {"name": "iris-1", "labels": {"app": "iris", "tier": "a"}}, "type": "Warning"}


@pytest.mark.parametrize(
    ("labels", "is_selected"),
    [
        ("", True),
        ("app=iris", True),
        ("app==iris,tier=a", True),
        ("app=rose", False),
        ("app=iris,tier=b", False),
        ("app!=rose", True),
        ("app!=iris", False),
        ("app", True),
        ("owner", False),
        ("!owner", True),
        ("!app", False),
        ("app in (rose,iris),tier=a", True),
        ("app notin (rose,iris)", False),
    ],
)
def test_labels_select(labels: str, is_selected: bool) -> None:
    assert matches(ONE, labels=labels) == is_selected


@pytest.mark.parametrize(
    ("fields", "is_selected"),
    [("metadata.name=iris-1,type=Warning", True), ("type=Normal", False), ("status.phase=Running", False)],
)
def test_fields_select(fields: str, is_selected: bool) -> None:
    assert matches(ONE, fields=fields) == is_selected


@pytest.mark.parametrize(
    ("patch", "merged"),
    [
        ({"a": None, "c": 3}, {"containers": [{"name": "x", "image": "1"}, {"name": "y"}], "c": 3}),
        (
            {"containers": [{"name": "x", "image": "2"}]},
            {"a": 1, "containers": [{"name": "x", "image": "2"}, {"name": "y"}]},
        ),
        (
            {"$setElementOrder/containers": [{"name": "x"}], "containers": [{"$patch": "delete", "name": "y"}]},
            {"a": 1, "containers": [{"name": "x", "image": "1"}]},
        ),
        ({"$retainKeys": ["c"], "c": 3}, {"c": 3}),
        ({"$patch": "replace", "c": 3}, {"c": 3}),
    ],
)
def test_a_strategic_patch_merges_lists_by_key(patch: dict[str, Any], merged: dict[str, Any]) -> None:
    whole = {"a": 1, "containers": [{"name": "x", "image": "1"}, {"name": "y"}]}

    assert merge(whole, patch, is_strategic=True) == merged


def test_a_plain_merge_patch_replaces_lists() -> None:
    assert merge({"env": [{"name": "a"}]}, {"env": [{"name": "b"}]}, is_strategic=False) == {"env": [{"name": "b"}]}


def test_a_json_patch_writes_at_escaped_paths() -> None:
    operations = [{"op": "replace", "path": "/metadata/annotations/a~1b", "value": "new"}]

    assert json_patch({"metadata": {}}, operations) == {"metadata": {"annotations": {"a/b": "new"}}}
