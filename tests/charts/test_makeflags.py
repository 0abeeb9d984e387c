import os
import subprocess
from pathlib import Path

import pytest

from model_deployment_app.charts import makeflags
from model_deployment_app.errors import ChartError

KNOWN = ["model_name", "description", "job"]


@pytest.mark.parametrize("options", [[], ["--jobs=2"], ["--silent", "--no-print-directory"]])
@pytest.mark.parametrize(
    "value",
    [
        "regression",
        "two words",
        "a=b",
        "costs $5 $$",
        r"C:\new \ line",
        'it\'s "quoted"',
        "5 -- JOB=x",
        "tab\there",
        "größe 😀",
        "",
    ],
)
def test_a_value_arrives_as_it_was_given_to_make(tmp_path: Path, value: str, options: list[str]) -> None:
    (tmp_path / "Makefile").write_text('flags:\n\t@printf %s "$$MAKEFLAGS"\n')
    environment = {name: text for name, text in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    command = ["make", "--directory", tmp_path, "--no-print-directory", *options, "NAME=iris", f"DESCRIPTION={value}"]

    flags = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert makeflags.variables(flags) == {"NAME": "iris", "DESCRIPTION": value}


def test_a_doubled_dollar_is_one() -> None:
    assert makeflags.variables(" -- DESCRIPTION=costs\\ $$5") == {"DESCRIPTION": "costs $5"}


def test_a_variable_may_be_set_with_a_colon() -> None:
    assert makeflags.variables("s -- NAME:=iris") == {"NAME": "iris"}


@pytest.mark.parametrize("flags", ["", "n", "w -j2 --jobserver-auth=3,4"])
def test_options_are_not_variables(flags: str) -> None:
    assert makeflags.variables(flags) == {}


def test_a_variable_answers_the_question_of_its_name() -> None:
    answers = makeflags.answers(r" -- NAME=iris JOB=regression DESCRIPTION=two\ words", KNOWN)

    assert answers == {"model_name": "iris", "job": "regression", "description": "two words"}


def test_what_the_makefile_itself_needs_is_no_answer() -> None:
    assert makeflags.answers(" -- PYTHON=python3.12 VENV=/tmp/venv HELM=helm", KNOWN) == {}


def test_every_variable_that_answers_nothing_is_named() -> None:
    with pytest.raises(ChartError) as refused:
        makeflags.answers(" -- NAM=iris JOBS=x", KNOWN)

    assert str(refused.value).splitlines() == [
        "NAM: unknown; known are NAME, MODEL_NAME, DESCRIPTION, JOB",
        "JOBS: unknown; known are NAME, MODEL_NAME, DESCRIPTION, JOB",
    ]
