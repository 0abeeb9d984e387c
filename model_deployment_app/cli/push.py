"""``mda push``: an artifact and its passport into a store, and into the values of its chart."""

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from .. import settings
from ..errors import InvalidRequest, MissingExtra, UntrustedPickle, sized

if TYPE_CHECKING:
    from ..passport import Passport


def push(
    model: Annotated[Path, typer.Argument(help="The artifact; its passport is written if there is none beside it.")],
    to: Annotated[str, typer.Argument(metavar="URI", help="gs://bucket/blob or a path; a slash at the end: a folder.")],
    chart: Annotated[Path | None, typer.Option(help="The folder of the chart whose values.yaml is to name it.")] = None,
    project: Annotated[str | None, typer.Option(help="The Google Cloud project; default: the chart's.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write trustedTypes without asking.")] = False,
) -> None:
    """Upload an artifact and its passport, read both back, and pin them in a chart's values."""
    from .. import packing
    from ..publishing import publish
    from ._download import meter
    from ._passport import path_of, write
    from ._uri import uri_of

    uri = uri_of(to)
    if chart is not None:
        project = project or _publication().project_of(chart)
    if uri.startswith("gs://") and chart is not None and project is None:
        raise InvalidRequest(f"{chart}: has no config.model.projectName yet: give --project")
    if not path_of(model).is_file():
        write(packing.pack(model), model)
    record = _record(model)
    if chart is not None:
        _compare(record, chart)
        _agree(record, chart, is_agreed=yes)
    published = publish(model, record, uri, project=project, meter=meter(sys.stderr))
    print(f"{published.uri}\n  {sized(published.size_bytes)}, sha256 {published.sha256}, read back and the same")
    if published.generation is not None:
        print(f"  generation {published.generation}")
    if chart is None:
        print("  --chart k8s_dev/NAME writes that into the values of a chart")
        return
    changes = _publication().point(chart, published.location(), trusted_types=record.trusted_types)
    print(f"{chart / 'values.yaml'}{'' if changes else ': names it already'}")
    for change in changes:
        print(f"  {change}")


def _record(model: Path) -> "Passport":
    from .. import artifacts
    from ..passport import read
    from ._passport import path_of

    file = path_of(model)
    record = read(file.read_bytes(), where=str(file))
    artifact = artifacts.fetch(model.absolute().as_uri(), cache_dir=model.parent)
    artifact.file.close()
    if record.sha256 != artifact.sha256:
        raise InvalidRequest(f"{file}: is the passport of other bytes than {model} has now: mda pack {model}")
    return record


def _agree(record: "Passport", chart: Path, *, is_agreed: bool) -> None:
    """Trust is a line in git that somebody has read: ask before it is written."""
    unknown = [name for name in record.trusted_types if name not in _publication().trusted_types_of(chart)]
    if not unknown:
        return
    print(f"{record.estimator} uses what is not on the list of harmless names. Loading it runs:")
    for name in unknown:
        print(f"  {name}")
    if not is_agreed and not (sys.stdin.isatty() and typer.confirm(f"Trust these in {chart / 'values.yaml'}?")):
        raise UntrustedPickle(
            f"{chart / 'values.yaml'}: config.model.trustedTypes: [{', '.join(unknown)}] was not agreed to: nothing is "
            "published; --yes agrees"
        )


def _compare(record: "Passport", chart: Path) -> None:
    """Refuse to publish what the chart's pods would refuse."""
    [chosen] = settings.read(chart / "values.yaml").served  # of several, none is config.model
    pairs: list[tuple[str, str, str]] = [("job", record.job, chosen.job)]
    if record.job == "classification":
        pairs.append(("output", record.output or "probabilities", chosen.output or "probabilities"))
    if record.pickle == "trusted":
        pairs.append(("model.pickle", record.pickle, chosen.model.pickle))
    for key, packed, said in pairs:
        if packed != said:
            raise InvalidRequest(
                f"{chart / 'values.yaml'}: config.{key} is {said}, but the model was packed for {packed}: set "
                f"config.{key}: {packed}, or pack it again; nothing is published"
            )


def _publication() -> ModuleType:
    try:
        from ..charts import publication
    except ModuleNotFoundError as error:
        raise MissingExtra("--chart needs ruamel.yaml: pip install 'model-deployment-app[charts]'") from error
    return publication
