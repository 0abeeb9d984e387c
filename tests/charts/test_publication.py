import shutil
from difflib import unified_diff
from pathlib import Path

import pytest

from model_deployment_app import settings
from model_deployment_app.charts.publication import point
from model_deployment_app.errors import ChartError

IRIS = Path(__file__).parents[2] / "k8s_dev" / "iris"
DIGEST = "0" * 64
IN_GCS = {
    "method": "GCS",
    "projectName": "acme",
    "bucketName": "models",
    "blobDir": "iris/iris.joblib",
    "sha256": DIGEST,
}


@pytest.fixture
def chart(tmp_path) -> Path:
    return Path(shutil.copytree(IRIS, tmp_path / "iris"))


def changed_lines(chart: Path) -> list[str]:
    before, after = (folder.joinpath("values.yaml").read_text().splitlines() for folder in (IRIS, chart))
    return [line for line in unified_diff(before, after, lineterm="", n=0) if line[0] in "+-" and line[1:3] != line[:2]]


def test_nothing_but_the_model_section_is_written(chart):
    changes = point(chart, IN_GCS, trusted_types=["their_package.Model"])

    assert changed_lines(chart) == [
        "-    method: LOCAL",
        '-    path: "/models/iris.joblib"',
        '+    method: "GCS"',
        '+    projectName: "acme"',
        '+    bucketName: "models"',
        '+    blobDir: "iris/iris.joblib"',
        "+    trustedTypes:",
        "+      - their_package.Model",
        f'+    sha256: "{DIGEST}"',
    ]
    assert "config.model.path is removed" in changes
    assert f"config.model.sha256: {DIGEST}" in changes


def test_the_comment_on_what_follows_stays(chart):
    values = chart / "values.yaml"
    values.write_text(values.read_text().replace("  inputSize: 4\n", "  # Columns of the table.\n  inputSize: 4\n"))

    point(chart, IN_GCS, trusted_types=["a.B"])

    lines = values.read_text().splitlines()
    assert lines[lines.index("  inputSize: 4") - 1] == "  # Columns of the table."
    assert lines[lines.index("  # Columns of the table.") - 1] == f'    sha256: "{DIGEST}"'


def test_what_says_how_a_model_is_loaded_stays(chart):
    point(chart, IN_GCS, trusted_types=["a.B"])

    point(chart, {"method": "LOCAL", "path": "/m/iris.joblib", "sha256": "1" * 64}, trusted_types=["a.B", "c.D"])

    model = settings.read(chart / "values.yaml").model
    assert (model.method, model.path, model.sha256) == ("LOCAL", "/m/iris.joblib", "1" * 64)
    assert model.trusted_types == ["a.B", "c.D"]


def test_what_is_there_already_is_not_written_again(chart):
    point(chart, IN_GCS, trusted_types=[])
    written = (chart / "values.yaml").stat().st_mtime_ns

    assert point(chart, IN_GCS, trusted_types=[]) == []
    assert (chart / "values.yaml").stat().st_mtime_ns == written


def test_a_chart_of_several_models_is_not_pointed_at_one_artifact(tmp_path):
    (tmp_path / "values.yaml").write_text("config:\n  models:\n    - name: a\n")

    with pytest.raises(ChartError, match=r"has config\.models, .*: push without --chart"):
        point(tmp_path, IN_GCS, trusted_types=[])


@pytest.mark.parametrize("text", [None, "", "config: {}\n", "config:\n  model:\n", "- 1\n"])
def test_a_folder_that_is_no_chart_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "values.yaml").write_text(text)

    with pytest.raises(ChartError, match=str(tmp_path / "values.yaml")):
        point(tmp_path, IN_GCS, trusted_types=[])
