"""``mda inspect``: what an artifact is, without unpickling it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import sized
from .serve import CACHE_DIR


def inspect(
    address: Annotated[str, typer.Argument(metavar="URI", help="gs://bucket/blob, or a path.")],
    project: Annotated[str | None, typer.Option(help="The Google Cloud project to bill.")] = None,
    cache_dir: Annotated[
        Path, typer.Option(envvar="MODEL_CACHE_DIR", help="Where downloaded artifacts are kept.")
    ] = CACHE_DIR,
) -> None:
    """Say what an artifact is and what it would import; nothing of it is imported or run."""
    from .. import artifacts, passport, plugins
    from ..errors import printable
    from ._download import meter
    from ._passport import lines
    from ._uri import uri_of

    uri, cache = uri_of(address), cache_dir.expanduser()
    artifact = artifacts.fetch(uri, project=project, meter=meter(sys.stderr), cache_dir=cache)
    with artifact.file:
        contents = plugins.find("formats", "joblib").survey(artifact.file)
    print(f"{uri}\n  {sized(artifact.size_bytes)}, sha256 {artifact.sha256}")
    for line in _lines(contents):
        print(f"  {printable(line)}")
    beside = artifacts.read_beside(uri, passport.SUFFIX, sha256=artifact.sha256, project=project, cache_dir=cache)
    if beside is None:
        print("  no passport beside it (mda pack writes one)")
        return
    record = passport.read(beside, where=f"{uri}{passport.SUFFIX}")
    print("its passport" if record.sha256 == artifact.sha256 else "A PASSPORT OF OTHER BYTES")
    for line in lines(record):
        print(f"  {line}")


def _lines(contents: Any) -> Iterator[str]:
    """What the pickle is, and what stands out among what it names."""
    if not contents.names and not contents.is_whole:
        yield "no pickle: nothing in it can be read as one"
        return
    yield f"pickle of {contents.root or 'no class'}" + ("" if contents.is_whole else ", which ends in a fault")
    if contents.sklearn_version:
        yield f"saved with scikit-learn {contents.sklearn_version}"
    yield f"{contents.arrays} array(s), {sized(contents.array_bytes)}"
    yield f"imports {', '.join(sorted(contents.modules))}"
    for name in contents.unlisted():
        danger = (
            "which can do anything: do not load it" if name in contents.programs else "which trustedTypes may allow"
        )
        yield f"beyond the list of harmless names: {name}, {danger}"
