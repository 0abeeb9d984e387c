"""``mda lint``: everything that can be wrong with the charts of a folder before a cluster sees them."""

from pathlib import Path
from typing import Annotated

import typer

from ..charts import clashes
from ..cluster.helm import lint_faults
from ..errors import ChartError


def lint(
    charts: Annotated[Path, typer.Argument(help="The folder of the charts.")] = Path("k8s_dev"),
    helm: Annotated[str, typer.Option(envvar="HELM", help="The helm to lint with.")] = "helm",
) -> None:
    """Lint every chart with helm, and find paths and ports that two of them take."""
    if not charts.is_dir():
        raise ChartError(f"{charts}: no such folder; run this in the root of the repository, or name the folder")
    faults = clashes.find(charts)
    found = sorted(file.parent for file in charts.glob("*/Chart.yaml"))
    for chart in found:
        faults += lint_faults(helm, chart)
    if faults:
        raise ChartError("\n".join(faults))
    print(f"{len(found)} chart{'' if len(found) == 1 else 's'} in {charts}: no faults")
