"""The verbs between a fitted estimator and a chart, as somebody types them."""

import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from typer.testing import CliRunner

from model_deployment_app import cli, settings
from model_deployment_app.errors import UntrustedPickle

IRIS = Path(__file__).parents[2] / "k8s_dev" / "iris"
TABLE, SPECIES = load_iris(return_X_y=True, as_frame=True)
FITTED = LogisticRegression(max_iter=500).fit(TABLE, SPECIES)
_TRUSTED = make_pipeline(FunctionTransformer(np.positive), LogisticRegression(max_iter=500))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model, a table of its rows, and a chart; what is typed is relative to it."""
    joblib.dump(FITTED, tmp_path / "iris.joblib")
    TABLE.to_csv(tmp_path / "rows.csv", index=False)
    shutil.copytree(IRIS, tmp_path / "chart")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mda(*arguments: str):
    return CliRunner().invoke(cli.app, [*arguments])


def test_a_table_is_packed_by_its_first_rows_and_summarised(folder):
    result = mda("pack", "iris.joblib", "--sample", "rows.csv", "--data", "rows.csv", "--meta", "team=ünï")

    assert result.exit_code == 0
    for words in ("the first 100 of 150 rows", "golden     100 row(s)", "training   150 rows", "team=ünï"):
        assert words in result.output
    assert (folder / "iris.joblib.passport.json").is_file()


def test_a_pushed_model_is_in_the_values_and_passes_the_check(folder):
    pushed = mda("push", "iris.joblib", "store/", "--chart", "chart")
    checked = mda("check", "--chart", "chart", "--cache-dir", "cache")

    model = settings.read(folder / "chart/values.yaml").model
    assert pushed.exit_code == checked.exit_code == 0
    assert model.path == str(folder / "store/iris.joblib")
    assert model.sha256 in pushed.output
    assert "gives the answers of its passport" in checked.output
    for phase in ("download", "verify", "audit", "import", "unpickle", "inspect", "warm-up", "total"):
        assert phase in checked.output


def test_what_is_to_be_trusted_is_not_published_unless_somebody_agrees(folder):
    values = (folder / "chart/values.yaml").read_text()
    joblib.dump(_TRUSTED.fit(TABLE, SPECIES), folder / "iris.joblib")
    mda("pack", "iris.joblib", "--trusted")

    refused = mda("push", "iris.joblib", "store/", "--chart", "chart")

    assert refused.exception.code == "UntrustedPickle"
    assert "numpy.positive" in str(refused.exception)
    assert (folder / "chart/values.yaml").read_text() == values
    assert not (folder / "store").exists()


def test_what_somebody_has_agreed_to_is_written_into_the_values(folder):
    joblib.dump(_TRUSTED.fit(TABLE, SPECIES), folder / "iris.joblib")
    mda("pack", "iris.joblib", "--trusted")

    mda("push", "iris.joblib", "store/", "--chart", "chart", "--yes")
    again = mda("push", "iris.joblib", "store/", "--chart", "chart")

    assert settings.read(folder / "chart/values.yaml").model.trusted_types == ["numpy.positive"]
    assert again.exit_code == 0
    assert mda("check", "--chart", "chart", "--cache-dir", "cache").exit_code == 0


class _Canary(LogisticRegression):
    def __reduce__(self):
        return open, ("marker", "w")


def test_what_can_do_anything_is_not_even_packed_unless_it_is_trusted(folder):
    joblib.dump(_Canary(), folder / "canary.joblib")

    result = mda("pack", "canary.joblib")

    assert isinstance(result.exception, UntrustedPickle)
    assert "names io.open, which can do anything" in str(result.exception)
    assert not (folder / "marker").exists()


def test_a_function_of_a_library_is_not_called_by_packing_unless_it_is_trusted(folder):
    joblib.dump(_TRUSTED.fit(TABLE, SPECIES), folder / "iris.joblib")

    result = mda("pack", "iris.joblib")

    assert isinstance(result.exception, UntrustedPickle)
    assert "names numpy.positive, which is not on the list" in str(result.exception)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("job: classification", "job: regression"), "config.job is regression"),
        (("job: classification", "job: classification\n  output: label"), "config.output is label"),
    ],
)
def test_a_model_that_contradicts_its_chart_is_not_published(folder, change, key):
    values = folder / "chart" / "values.yaml"
    values.write_text(values.read_text().replace(*change))

    result = mda("push", "iris.joblib", "store/", "--chart", "chart")

    assert key in str(result.exception)
    assert not (folder / "store").exists()


def test_a_passport_of_an_older_artifact_is_not_published(folder):
    mda("pack", "iris.joblib")
    joblib.dump(LogisticRegression(max_iter=9, tol=1).fit(TABLE, SPECIES), folder / "iris.joblib")

    refused = mda("push", "iris.joblib", "store/")

    assert "is the passport of other bytes than iris.joblib has now: mda pack" in str(refused.exception)
    assert not (folder / "store").exists()


def test_what_an_artifact_is_can_be_seen_without_unpickling_it(folder):
    (folder / "evil.pkl").write_bytes(b"cos\nsystem\n(S'touch marker'\ntR.")

    seen = mda("inspect", "evil.pkl")
    known = mda("inspect", "iris.joblib")

    assert "os.system, which can do anything: do not load it" in seen.output
    assert "pickle of sklearn.linear_model._logistic.LogisticRegression" in known.output
    assert not (folder / "marker").exists()


def test_what_is_no_pickle_is_called_so(folder):
    assert "no pickle: nothing in it can be read as one" in mda("inspect", "rows.csv").output


@pytest.mark.parametrize(
    "arguments",
    [
        ["pack", "none.joblib"],
        ["pack", "rows.csv"],
        ["pack", "iris.joblib", "--sample", "none.json"],
        ["pack", "iris.joblib", "--meta", "team"],
        ["push", "none.joblib", "store/"],
        ["push", "iris.joblib", "gs://bucket/iris", "--chart", "chart"],
        ["push", "iris.joblib", "chart"],
        ["inspect", "none"],
        ["inspect", "ftp://host/iris"],
        ["check", "--chart", "none"],
        ["check", "--chart", "chart"],
    ],
)
def test_a_refusal_is_one_line_and_status_1(folder, arguments):
    result = subprocess.run(
        [sys.executable, "-m", "model_deployment_app", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )

    assert result.returncode == 1
    assert [line.startswith("mda: ") for line in result.stderr.splitlines()] == [True]
