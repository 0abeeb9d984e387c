"""``mda app-version``: another version of this application for one model."""

from importlib.metadata import version as installed
from pathlib import Path
from typing import Annotated

import typer

from ..charts.versions import move_app_version
from ..errors import ChartError
from ._options import Charts, Model


def app_version(
    model: Model,
    version: Annotated[str, typer.Option(help="The version to move to; this one's own, if empty.")] = "",
    charts: Charts = Path("k8s_dev"),
) -> None:
    """Have a model's chart run another version of this application."""
    chart = charts / model
    if not (chart / "Chart.yaml").is_file():
        raise ChartError(f"there is no {chart}")
    print(move_app_version(chart, version or installed("model-deployment-app")))
    print(f"next: make serve MODEL={model}, make lint, and make k8s-deploy MODEL={model}")
