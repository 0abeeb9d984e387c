"""``mda check``: all that a pod does until it is ready, here."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import settings
from .serve import CACHE_DIR


def check(
    config: Annotated[
        Path | None,
        typer.Option(envvar="MODEL_CONFIG_FILE", help="A chart's values.yaml, or its config section alone."),
    ] = None,
    chart: Annotated[Path | None, typer.Option(help="The folder of a chart, in place of --config.")] = None,
    model_path: Annotated[
        Path | None, typer.Option(help="Load this file in place of the artifact that the config names.")
    ] = None,
    cache_dir: Annotated[
        Path, typer.Option(envvar="MODEL_CACHE_DIR", help="Where downloaded artifacts are kept.")
    ] = CACHE_DIR,
) -> None:
    """Download, verify, audit, unpickle and ask each model of a chart, and say what each step took."""
    from ..app import sources
    from ..loading import load
    from ._download import meter

    if chart is not None:
        config = chart / "values.yaml"
    if config is None:
        raise typer.BadParameter("give --chart or --config")
    chosen = settings.read(config, model_path=model_path)
    for model in sources(chosen):
        loaded = load(
            model, timeout_s=chosen.startup_seconds, meter=meter(sys.stderr), cache_dir=cache_dir.expanduser()
        )
        total_s = sum(loaded.load_seconds.values())
        for phase, seconds in loaded.load_seconds.items():
            print(f"  {phase:<9} {seconds:8.3f} s  {'█' * round(30 * seconds / total_s)}")
        print(f"  {'total':<9} {total_s:8.3f} s  of startupSeconds: {chosen.startup_seconds}")
        verified = (
            "gives the answers of its passport" if loaded.passport else "has no passport: answers are not verified"
        )
        print(f"{model.name} {loaded.version} ({loaded.sha256}) loads and {verified}")
