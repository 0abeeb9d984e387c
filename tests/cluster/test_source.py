from pathlib import Path

import pytest

from model_deployment_app.cluster.source import Source, source
from model_deployment_app.errors import DeployError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("iris", "rose"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Chart.yaml").touch()
    (tmp_path / "iris/values-prod.yaml").touch()
    return tmp_path


def find(folder: Path, model: str = "iris", *, env: str = "", image_tag: str = "", helm_args: str = "") -> Source:
    return source(model, charts=folder, env=env, image_tag=image_tag, helm_args=helm_args)


def test_a_chart_alone_has_its_own_values(folder: Path) -> None:
    found = find(folder)

    assert found == Source(folder / "iris")
    assert found.release == "iris"


def test_more_words_come_after_the_environment_and_the_tag(folder: Path) -> None:
    found = find(folder, env="prod", image_tag="2", helm_args="--set 'a=b c'")

    assert found.every_value == [
        "--values",
        str(folder / "iris/values-prod.yaml"),
        "--set-string",
        "image.tag=2",
        "--set-string",
        "image.digest=",
        "--set",
        "a=b c",
    ]


@pytest.mark.parametrize("model", ["tulip", ""])
def test_an_unknown_model_is_told_those_there_are(folder: Path, model: str) -> None:
    with pytest.raises(DeployError, match="has: iris, rose"):
        find(folder, model)


def test_an_unknown_environment_is_told_those_there_are(folder: Path) -> None:
    with pytest.raises(DeployError, match=r"no .*/iris/values-test.yaml; .* has the environments: prod"):
        find(folder, env="test")


def test_an_open_quote_is_told_of(folder: Path) -> None:
    with pytest.raises(DeployError, match="HELM_ARGS: No closing quotation: --set 'a"):
        find(folder, helm_args="--set 'a")
