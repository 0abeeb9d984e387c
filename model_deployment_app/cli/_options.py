"""The options that the verbs of a cluster share."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_NAMESPACE = "model-serving"

Model = Annotated[str, typer.Argument(help="The model: a folder of k8s_dev/, and the name of its release.")]
Namespace = Annotated[str, typer.Option(help="The namespace of the release.")]
Env = Annotated[str, typer.Option(help="Lay the chart's values-ENV.yaml over its values.yaml.")]
ImageTag = Annotated[str, typer.Option(help="Run this tag of the image in place of the chart's.")]
HelmArgs = Annotated[str, typer.Option(envvar="HELM_ARGS", help="More flags for helm: '--set replicaCount=2'.")]
Charts = Annotated[Path, typer.Option(help="The folder of the charts.")]
HelmBinary = Annotated[str, typer.Option("--helm", envvar="HELM", help="The helm to run.")]
KubectlBinary = Annotated[str, typer.Option("--kubectl", envvar="KUBECTL", help="The kubectl to run.")]
