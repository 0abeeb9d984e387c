"""``mda new``: a chart for one more model."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..charts import makeflags
from ..charts.new import new as render
from ..charts.new import questions
from ..errors import ChartError


def new(
    name: Annotated[str | None, typer.Argument(help="Name of the model, its chart and its Service.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Answer a question of the template; may be repeated."),
    ] = None,
    into: Annotated[Path, typer.Option(help="The folder of the charts.")] = Path("k8s_dev"),
    template: Annotated[Path, typer.Option(help="The cookiecutter template.")] = Path("chart_template"),
    make_flags: Annotated[str, typer.Option(help="MAKEFLAGS, for `make new-model`.", hidden=True)] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: the defaults answer the rest.")] = False,
) -> None:
    """Render the Helm chart of a new model."""
    answers = makeflags.answers(make_flags, questions(template))
    typed = dict(_pair(setting) for setting in settings or [])
    answers |= typed
    no_input = yes or not sys.stdin.isatty()
    if name is not None and answers.get("model_name", name) != name and "model_name" in typed:
        raise ChartError(f"model_name: {name} and {answers['model_name']} were both given")
    if name is not None:
        answers["model_name"] = name
    if no_input and "model_name" not in answers:
        raise ChartError("model_name: missing; give NAME= to make new-model, or a name to mda new")
    chart = render(answers, template=template, into=into, no_input=no_input)
    print(f"{chart} is written. Next:")
    print(f"  edit {chart / 'values.yaml'}")
    print(f"  helm lint --strict {chart}")
    print(f"  make serve MODEL={chart.name}")
    print(f"  git add {chart}")


def _pair(setting: str) -> tuple[str, str]:
    key, is_pair, value = setting.partition("=")
    if not is_pair:
        raise ChartError(f"--set {setting}: expected KEY=VALUE")
    return key, value
