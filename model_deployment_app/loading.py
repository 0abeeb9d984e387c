"""Artifact -> revision: the only place where artifacts, formats and the engine meet."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import artifacts, passport, plugins
from .artifacts import Artifact
from .engine import revision
from .engine.limits import Limits
from .engine.revision import Revision
from .errors import ArtifactDenied, ArtifactNotFound, ArtifactRejected, LoadError
from .passport import Passport, VersionPolicy
from .predictor import Predictor
from .telemetry.ledger import Ledger
from .telemetry.metrics import Metrics
from .tensors import from_instances

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Which artifact to load, and how.

    Attributes
    ----------
    name : str
    version : str or None
        The start of the artifact's digest where None.
    uri : str
    sha256, project : str or None
    generation : int or None
        As `artifacts.fetch` takes them.
    model_format : str
        Name of a module in `formats`.
    options : dict
        What that module's ``load`` takes beside the file.
    versions : {"exact", "compatible", "warn"}
        How far libraries may be from those of the passport.
    require_passport : bool
        Whether an artifact without one is refused.
    limits : Limits
        How much it is asked at once, and how much may wait for it.
    """

    name: str
    version: str | None
    uri: str
    sha256: str | None
    project: str | None
    model_format: str
    options: dict[str, Any]
    generation: int | None = None
    versions: VersionPolicy = "compatible"
    require_passport: bool = False
    limits: Limits = field(default_factory=Limits)


def load(
    source: ModelSource,
    *,
    timeout_s: float,
    meter: artifacts.Meter = artifacts.unseen,
    cache_dir: Path,
    metrics: Metrics | None = None,
) -> Revision:
    """Fetch an artifact, verify it against its passport, unpickle it, and see that it answers what is recorded.

    Parameters
    ----------
    source : ModelSource
    timeout_s : float
        For fetching.
    meter : callable
        Is told how far a download is.
    cache_dir : Path
        For downloads.
    metrics : Metrics, optional
        Are told of each call of the model.

    Raises
    ------
    LoadError
        What is wrong, with the artifact's address in front.
    """
    metrics = Metrics() if metrics is None else metrics
    model_format = plugins.find("formats", source.model_format)
    ledger = Ledger()
    with ledger.phase("download"):
        artifact = artifacts.fetch(
            source.uri,
            sha256=source.sha256,
            project=source.project,
            generation=source.generation,
            timeout_s=timeout_s,
            meter=meter,
            cache_dir=cache_dir,
        )
    logger.info("fetched: uri=%s sha256=%s bytes=%d", artifact.uri, artifact.sha256, artifact.size_bytes)
    try:
        with artifact.file:
            with ledger.phase("download"):
                record = _passport(source, artifact, cache_dir)
            with ledger.phase("verify"):
                _verify(record, source)
            options = dict(source.options)
            if record is not None:
                options.setdefault("example", from_instances(record.golden.instances[:1]))
            predictor: Predictor = model_format.load(artifact.file, phase=ledger.phase, **options)
            artifact.confirm_unchanged()
        with ledger.phase("warm-up"):
            loaded = revision.build(
                predictor,
                name=source.name,
                version=source.version or artifact.sha256[:12],
                sha256=artifact.sha256,
                passport=record,
                load_seconds=ledger.seconds,
                limits=source.limits,
                metrics=metrics.of(source.name),
            )
    except LoadError as error:
        is_asked_for = "example" in source.options
        words = str(error) if is_asked_for else str(error).replace("config.example", "row 0 of its passport")
        raise type(error)(f"{source.uri}: {words}") from error
    return loaded


def _passport(source: ModelSource, artifact: Artifact, cache_dir: Path) -> Passport | None:
    """The passport beside the artifact, if it is the artifact's."""
    address = f"{source.uri}{passport.SUFFIX}"
    try:
        content = artifacts.read_beside(
            source.uri, passport.SUFFIX, sha256=artifact.sha256, project=source.project, cache_dir=cache_dir
        )
    except ArtifactDenied as error:
        # Whoever may not list a bucket is not told that a blob is not there.
        if source.require_passport:
            raise
        logger.warning("the passport cannot be read: %s", error)
        content = None
    record = None if content is None else passport.read(content, where=address)
    if record is not None and record.sha256 != artifact.sha256:
        fault = f"its passport is of other bytes: it says sha256 {record.sha256}, the artifact has {artifact.sha256}"
        # What values in git say goes before what lies beside the artifact.
        if source.sha256 is None or source.require_passport:
            raise ArtifactRejected(f"{fault}: publish both again with mda push")
        logger.warning("%s: it is not used, since config.model.sha256 is the artifact's", fault)
        record = None
    if record is None and source.require_passport:
        raise ArtifactNotFound(
            "config.requirePassport is set, and there is no passport beside the artifact: write one with mda pack, and "
            "publish both with mda push"
        )
    return record


def _verify(record: Passport | None, source: ModelSource) -> None:
    if record is None:
        what = "no passport" if source.sha256 else "no passport, and no sha256 pinned"
        logger.warning("%s: nothing verifies that this model answers what it answered when it was published", what)
        return
    golden = record.golden
    logger.info(
        "passport: packed=%s rows=%d rtol=%g atol=%g",
        record.created_at,
        len(golden.instances),
        golden.rtol,
        golden.atol,
    )
    for difference in record.check_versions(source.versions):
        logger.warning("the model was packed with %s", difference)
