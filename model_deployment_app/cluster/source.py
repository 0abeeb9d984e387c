"""What is deployed: a chart of k8s_dev/ with the values of one environment."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from ..errors import DeployError


@dataclass(frozen=True, slots=True)
class Source:
    """A chart, and helm's words for the values on top of its own; *words* come last and win."""

    chart: Path
    values: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def every_value(self) -> list[str]:
        return [*self.values, *self.words]

    @property
    def release(self) -> str:
        return self.chart.name


def source(model: str, *, charts: Path, env: str, image_tag: str, helm_args: str) -> Source:
    """The chart of *model*.

    Parameters
    ----------
    model : str
        The name of a folder of *charts*.
    charts : Path
        The folder of the charts.
    env : str
        Lays ``values-<env>.yaml``, which lies in the chart's folder, over its values.yaml; empty: nothing.
    image_tag : str
        In place of the chart's; empty: the chart's.
    helm_args : str
        More of helm's flags, quoted as for a shell.

    Raises
    ------
    DeployError
        If there is no such chart, or no such environment, the text lists those there are; or a quote is open.
    """
    chart = charts / model
    if not model or not (chart / "Chart.yaml").is_file():
        names = ", ".join(sorted(file.parent.name for file in charts.glob("*/Chart.yaml")))
        raise DeployError(f"there is no {chart}; {charts} has: {names or f'no charts yet, mda new {model}'}")
    values = []
    if env:
        overlay = chart / f"values-{env}.yaml"
        if not overlay.is_file():
            envs = sorted(file.stem.removeprefix("values-") for file in chart.glob("values-*.yaml"))
            raise DeployError(f"there is no {overlay}; {chart} has the environments: {', '.join(envs) or 'none'}")
        values += ["--values", str(overlay)]
    if image_tag:
        # A digest goes before the tag: one that stays would make IMAGE_TAG a word without effect.
        values += ["--set-string", f"image.tag={image_tag}", "--set-string", "image.digest="]
    try:
        return Source(chart, tuple(values), tuple(shlex.split(helm_args)))
    except ValueError as error:
        raise DeployError(f"HELM_ARGS: {error}: {helm_args}") from error
