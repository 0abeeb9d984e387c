"""``mda``: one file for each verb; every error becomes one line and exit status 1 here."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from ..errors import ServingError, printable
from .app_version import app_version
from .check import check
from .deploy import deploy
from .inspect import inspect
from .lint import lint
from .new import new
from .pack import pack
from .push import push
from .restart import restart
from .schema import schema
from .serve import serve
from .smoke import smoke
from .status import status
from .template import template
from .undeploy import undeploy

app = typer.Typer(name="mda", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

for verb in (
    pack,
    push,
    inspect,
    check,
    new,
    lint,
    schema,
    app_version,
    serve,
    smoke,
    template,
    deploy,
    status,
    restart,
    undeploy,
):
    app.command()(verb)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(version("model-deployment-app"))
        raise typer.Exit


@app.callback()
def _mda(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Take a fitted estimator to a dependable endpoint on Kubernetes."""


def main() -> None:
    try:
        app()
    except ServingError as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"mda: {error.code}: {printable(line)}\n")
        sys.exit(1)
