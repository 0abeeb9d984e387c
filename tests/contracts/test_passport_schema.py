"""docs/passport.schema.json is what passports are: generated, described, and true of one that was just packed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest
from jsonschema import Draft202012Validator, ValidationError
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from model_deployment_app import packing, passport
from model_deployment_app.cli.schema import schema
from model_deployment_app.errors import ArtifactRejected

WRITTEN = Path(__file__).parents[2] / "docs" / "passport.schema.json"
PAGE = (WRITTEN.parent / "PASSPORT.md").read_text(encoding="utf-8")
SCHEMA = json.loads(WRITTEN.read_text(encoding="utf-8"))
VALID = Draft202012Validator(SCHEMA)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A passport with every key."""
    iris = load_iris(as_frame=True)
    file = tmp_path_factory.mktemp("packed") / "iris.joblib"
    joblib.dump(LogisticRegression(max_iter=1000).fit(iris.data, iris.target_names[iris.target]), file)
    record = packing.pack(file, output="probabilities", training=iris.frame, metadata={"run": "7"})
    return json.loads(record.to_json())


def properties() -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, part in [("Passport", SCHEMA), *SCHEMA["$defs"].items()]:
        for key, value in part.get("properties", {}).items():
            yield f"{kind}.{key}", value


def test_the_page_is_what_mda_schema_prints(capsys: pytest.CaptureFixture[str]) -> None:
    schema(passport=True)

    assert capsys.readouterr().out == WRITTEN.read_text(encoding="utf-8"), "run: make schema"


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("key", "value"), list(properties()))
def test_every_key_says_what_it_is(key: str, value: dict[str, Any]) -> None:
    assert value["description"].endswith("."), key


@pytest.mark.parametrize("key", [key.partition(".")[2] for key, _ in properties()])
def test_the_page_has_every_key(key: str) -> None:
    assert f"`{key}`" in PAGE


def test_what_mda_pack_writes_fits(packed: dict[str, Any]) -> None:
    VALID.validate(packed)

    assert set(packed) == set(SCHEMA["properties"])


def test_keys_of_a_later_version_fit_both(packed: dict[str, Any]) -> None:
    later = {**packed, "novelty": {"bound": 3}}

    VALID.validate(later)
    assert passport.read(json.dumps(later).encode(), where="here").sha256 == packed["sha256"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("passportVersion", 2), ("sha256", "0" * 63), ("job", "clustering"), ("golden", {}), ("inputs", {})],
)
def test_what_does_not_fit_is_not_read_either(packed: dict[str, Any], key: str, value: object) -> None:
    broken = {**packed, key: value}

    with pytest.raises(ValidationError):
        VALID.validate(broken)
    with pytest.raises(ArtifactRejected, match=f"here: no passport that this version can read .{key}"):
        passport.read(json.dumps(broken).encode(), where="here")
