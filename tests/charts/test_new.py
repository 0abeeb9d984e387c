import io
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from model_deployment_app import helm_yaml
from model_deployment_app.charts.new import new, questions
from model_deployment_app.errors import ChartError, MissingExtra

REPOSITORY = Path(__file__).parents[2]
TEMPLATE = REPOSITORY / "chart_template"
IRIS = {"model_name": "iris"}


def refusal(answers: dict[str, str], into: Path, template: Path = TEMPLATE) -> list[str]:
    with pytest.raises(ChartError) as refused:
        new(answers, template=template, into=into, no_input=True)
    return str(refused.value).splitlines()


def read(file: Path) -> dict:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def test_a_chart_is_a_folder_named_by_its_model(tmp_path: Path) -> None:
    chart = new(IRIS, template=TEMPLATE, into=tmp_path, no_input=True)

    assert chart == tmp_path / "iris"
    assert [path.name for path in tmp_path.iterdir()] == ["iris"]
    assert {path.name for path in chart.iterdir()} == {
        ".helmignore",
        "Chart.yaml",
        "README.md",
        "templates",
        "values.schema.json",
        "values.yaml",
    }


@pytest.mark.parametrize("name", ["on", "y", "null", "true", "no"])
def test_a_name_that_yaml_has_a_meaning_for_is_a_name(tmp_path: Path, name: str) -> None:
    chart = new({"model_name": name}, template=TEMPLATE, into=tmp_path, no_input=True)

    assert helm_yaml.load((chart / "values.yaml").read_text())["config"]["name"] == name
    assert helm_yaml.load((chart / "Chart.yaml").read_text())["name"] == name


def test_a_choice_that_is_none_is_told_together_with_all_other_faults(tmp_path: Path) -> None:
    lines = refusal({"model_name": "9X", "job": "foo", "replicas": "-1", "colour": "red"}, tmp_path)

    assert [line.partition(":")[0] for line in lines] == ["job", "colour", "model_name", "replicas"]
    assert list(tmp_path.iterdir()) == []


def test_answers_are_written_into_the_values(tmp_path: Path) -> None:
    answers = IRIS | {
        "job": "regression",
        "model_type": "pkl",
        "method": "LOCAL",
        "model_claim": "models",
        "sha256": "a" * 64,
        "input_size": "1000000",
        "example": '{"age": 3}',
        "replicas": "3",
        "service_type": "NodePort",
        "service_port": "8080",
        "node_port": "30080",
        "ingress_host": "ml.example.com",
        "ingress_path": "/team/iris",
        "gpu": "yes",
        "gpu_count": "2",
        "image_repository": "localhost:5000/app",
        "image_variant": "cuda",
    }

    values = read(new(answers, template=TEMPLATE, into=tmp_path, no_input=True) / "values.yaml")

    assert list(values)[:5] == ["replicaCount", "image", "service", "ingress", "config"]
    assert values["replicaCount"] == 3
    assert values["image"]["repository"] == "localhost:5000/app"
    assert values["image"]["variant"] == "cuda"
    assert values["service"] == {"type": "NodePort", "port": 8080, "nodePort": 30080, "annotations": {}}
    assert values["ingress"]["enabled"] is False
    assert values["ingress"]["hosts"] == [
        {"host": "ml.example.com", "paths": [{"path": "/team/iris", "pathType": "Prefix"}]}
    ]
    assert values["config"] == {
        "name": "iris",
        "modelType": "pkl",
        "job": "regression",
        "model": {"method": "LOCAL", "path": "/models/iris.pkl", "sha256": "a" * 64},
        "inputSize": 1000000,
        "example": {"age": 3},
        "startupSeconds": 300,
    }
    assert values["gpu"]["enabled"] is True
    assert values["gpu"]["count"] == 2
    assert values["modelVolume"] == {"existingClaim": "models", "source": {}, "mountPath": "/models"}


def test_a_bucket_is_written_as_the_founding_keys(tmp_path: Path) -> None:
    answers = IRIS | {"project_name": "p", "bucket_name": "bucket", "blob_dir": "a/b", "input_size": ""}

    values = read(new(answers, template=TEMPLATE, into=tmp_path, no_input=True) / "values.yaml")

    assert values["config"] == {
        "name": "iris",
        "modelType": "joblib",
        "job": "classification",
        "model": {"method": "GCS", "projectName": "p", "bucketName": "bucket", "blobDir": "a/b"},
        "startupSeconds": 300,
    }
    assert values["image"]["repository"] == "gcr.io/p/model-deployment-app"


def test_a_volume_is_written_as_it_was_given(tmp_path: Path) -> None:
    volume = '{"nfs": {"server": "10.0.0.2", "path": "/a \'b\'"}}'

    values = read(new(IRIS | {"model_volume": volume}, template=TEMPLATE, into=tmp_path, no_input=True) / "values.yaml")

    assert values["modelVolume"]["source"] == {"nfs": {"server": "10.0.0.2", "path": "/a 'b'"}}


def test_the_version_is_the_one_of_this_repository(tmp_path: Path) -> None:
    chart = read(new(IRIS, template=TEMPLATE, into=tmp_path, no_input=True) / "Chart.yaml")

    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert chart["appVersion"] == version
    assert chart["name"] == "iris"


def test_another_template_has_a_version_of_its_own(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATE, tmp_path / "chart_template")
    (tmp_path / "pyproject.toml").write_text('project.version = "9.9.9"')
    new(IRIS, template=TEMPLATE, into=tmp_path, no_input=True)

    other = new({"model_name": "wine"}, template=tmp_path / "chart_template", into=tmp_path, no_input=True)

    assert read(other / "Chart.yaml")["appVersion"] == "9.9.9"


@pytest.mark.parametrize(
    "description",
    [
        "{{ cookiecutter.nothing }} {% if %} {# x #} {% endraw %}",
        "it's '''three''' \"\"\" \\ \\n \\u0027",
        "größe 😀 \u2028\u0085\x7f\ufeff",
        "a: b # c\n- d\r\n",
        "yes",
        "",
    ],
)
def test_any_text_arrives_unchanged(tmp_path: Path, description: str) -> None:
    chart = new(IRIS | {"description": description}, template=TEMPLATE, into=tmp_path, no_input=True)

    assert read(chart / "Chart.yaml")["description"] == description


def test_answers_that_do_not_work_are_all_told_and_nothing_is_written(tmp_path: Path) -> None:
    lines = refusal({"model_name": "../Iris", "replicas": "0", "example": "["}, tmp_path)

    assert [line.partition(":")[0] for line in lines] == ["model_name", "example", "replicas"]
    assert list(tmp_path.iterdir()) == []


def test_unknown_answers_and_choices_are_told_with_the_known_ones(tmp_path: Path) -> None:
    lines = refusal({"modelname": "iris", "job": "clustering"}, tmp_path)

    assert lines[0].startswith("modelname: unknown; known are model_name, description, job, ")
    assert lines[1] == "job: expected one of classification, regression, got 'clustering'"


def test_a_path_that_another_chart_has_is_refused(tmp_path: Path) -> None:
    new(IRIS, template=TEMPLATE, into=tmp_path, no_input=True)

    lines = refusal({"model_name": "wine", "ingress_path": "/iris"}, tmp_path)

    assert lines == [f"ingress_path: {tmp_path}/iris has the ingress path models.example.com/iris already"]
    assert [path.name for path in tmp_path.iterdir()] == ["iris"]


def test_a_chart_that_exists_is_left_alone(tmp_path: Path) -> None:
    chart = new(IRIS, template=TEMPLATE, into=tmp_path, no_input=True)
    (chart / "values.yaml").write_text("edited")

    lines = refusal(IRIS, tmp_path)

    assert lines == [f"model_name: {chart} exists already; choose another name, or remove it first"]
    assert (chart / "values.yaml").read_text() == "edited"


def test_a_template_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    broken = shutil.copytree(TEMPLATE, tmp_path / "template")
    (broken / "{{ cookiecutter.model_name }}" / "zzz.md").write_text("{{ cookiecutter.nothing }}")
    into = tmp_path / "charts"
    into.mkdir()

    (line,) = refusal(IRIS | {"app_version": "1.0"}, into, template=broken)

    assert line.startswith(f"{broken}: ")
    assert list(into.iterdir()) == []


def test_a_folder_without_a_template_is_refused(tmp_path: Path) -> None:
    (line,) = refusal(IRIS, tmp_path, template=tmp_path / "elsewhere")

    assert "cookiecutter.json: not found; run this in the root of the repository" in line


def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    (line,) = refusal(IRIS, tmp_path / "elsewhere")

    assert "elsewhere: no such folder; run this in the root of the repository" in line


def test_the_users_own_defaults_and_last_answers_change_nothing(tmp_path: Path) -> None:
    home, into = tmp_path / "home", tmp_path / "charts"
    (home / ".cookiecutter_replay").mkdir(parents=True)
    into.mkdir()
    (home / ".cookiecutterrc").write_text("default_context: {replicas: '7'}")
    (home / ".cookiecutter_replay" / "chart_template.json").write_text('{"cookiecutter": {"replicas": "8"}}')
    script = (
        "from pathlib import Path; from model_deployment_app.charts.new import new; "
        f"new({IRIS!r}, template=Path({str(TEMPLATE)!r}), into=Path({str(into)!r}), no_input=True)"
    )
    before = sorted(home.rglob("*"))

    subprocess.run([sys.executable, "-c", script], env=os.environ | {"HOME": str(home)}, cwd=REPOSITORY, check=True)

    assert read(into / "iris" / "values.yaml")["replicaCount"] == 1
    assert sorted(home.rglob("*")) == before
    assert "8" in (home / ".cookiecutter_replay" / "chart_template.json").read_text()


def test_what_is_not_given_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sys, "stdin", io.StringIO("wine\nTells {{ wines }} apart\n2\n" + "\n" * len(questions(TEMPLATE)))
    )

    chart = new({"replicas": "2"}, template=TEMPLATE, into=tmp_path, no_input=False)

    assert chart.name == "wine"
    assert read(chart / "Chart.yaml")["description"] == "Tells {{ wines }} apart"
    assert read(chart / "values.yaml")["config"]["job"] == "regression"
    assert read(chart / "values.yaml")["replicaCount"] == 2
    assert "Name of the model" in capsys.readouterr().out


def test_answers_that_stop_midway_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("wine\n"))

    with pytest.raises(ChartError, match="stopped; nothing was written"):
        new({}, template=TEMPLATE, into=tmp_path, no_input=False)

    assert list(tmp_path.iterdir()) == []


def test_without_cookiecutter_the_pip_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cookiecutter.exceptions", None)

    with pytest.raises(MissingExtra, match=r"pip install 'model-deployment-app\[charts\]'"):
        new(IRIS, template=TEMPLATE, into=tmp_path, no_input=True)
