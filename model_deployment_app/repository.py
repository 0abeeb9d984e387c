"""Name -> revision: the only place where artifacts, formats and the engine meet."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stamina

from . import artifacts, plugins
from .engine import revision
from .engine.revision import Revision
from .errors import ArtifactUnavailable, LoadError, ModelNotFound, ModelNotReady, quoted

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
        As `artifacts.fetch` takes them.
    model_format : str
        Name of a module in `formats`.
    options : dict
        What that module's ``load`` takes beside the path.
    """

    name: str
    version: str | None
    uri: str
    sha256: str | None
    project: str | None
    model_format: str
    options: dict[str, Any]


class ModelRepository:
    """Loads models and hands out those that are ready; a revision is never visible half-made.

    Parameters
    ----------
    sources : list of ModelSource
        The models to serve. None is ready before `load` has returned for it.
    cache_dir : Path
        For downloads.
    """

    def __init__(self, sources: list[ModelSource], *, cache_dir: Path) -> None:
        self._sources = {source.name: source for source in sources}
        self._cache_dir = cache_dir
        self._revisions: dict[str, Revision] = {}
        self._failures: dict[str, LoadError] = {}

    def names(self) -> list[str]:
        return list(self._sources)

    def ready(self) -> list[str]:
        return list(self._revisions)

    def failure(self, name: str) -> LoadError | None:
        """Why the last attempt to load *name* failed; None while it is at its first, and once it is ready."""
        return self._failures.get(name)

    def get(self, name: str | None = None) -> Revision:
        """The revision that answers for *name*, or for the first model.

        Raises
        ------
        ModelNotFound
            If no model has that name.
        ModelNotReady
            If it is still loading, or its artifact cannot be had for now; the message says which.
        """
        if name is None:
            name = next(iter(self._sources))
        if (found := self._revisions.get(name)) is not None:
            return found
        if name not in self._sources:
            raise ModelNotFound(f"no model is named {quoted(name)}; there is {', '.join(self._sources)}")
        failure = self._failures.get(name)
        raise ModelNotReady(f"{name} is loading" if failure is None else f"{name}: {failure.code}: {failure}")

    def load(self, name: str) -> Revision:
        """Fetch, unpickle and warm up one model, then let requests see it.

        Raises
        ------
        LoadError
            What is wrong, with the artifact's address in front.
        """
        source = self._sources[name]
        started = time.monotonic()
        try:
            loaded = self._load(source)
        except LoadError as failure:
            self._failures[name] = failure
            raise
        # Last: a request must never see a revision that has not been warmed up.
        self._revisions[name] = loaded
        self._failures.pop(name, None)
        logger.info(
            "ready: model=%s version=%s sha256=%s load_s=%.2f",
            name,
            loaded.version,
            loaded.sha256,
            time.monotonic() - started,
        )
        return loaded

    def _load(self, source: ModelSource) -> Revision:
        model_format = plugins.find("formats", source.model_format)
        artifact = artifacts.fetch(source.uri, sha256=source.sha256, project=source.project, cache_dir=self._cache_dir)
        logger.info("fetched: uri=%s sha256=%s bytes=%d", artifact.uri, artifact.sha256, artifact.size_bytes)
        if source.sha256 is None:
            logger.warning("no sha256 is pinned: nothing verifies that these are the bytes that were published")
        try:
            with artifact.file:
                predictor = model_format.load(artifact.file, **source.options)
                artifact.confirm_unchanged()
            return revision.build(
                predictor,
                name=source.name,
                version=source.version or artifact.sha256[:12],
                sha256=artifact.sha256,
            )
        except LoadError as error:
            raise type(error)(f"{source.uri}: {error}") from error

    def start(self, *, budget_s: float, on_refusal: Callable[[LoadError], None]) -> None:
        """Load every model in the background, trying again while the store does not answer.

        Parameters
        ----------
        budget_s : float
            Seconds after which a store that does not answer is a refusal too.
        on_refusal : callable
            Called from the background, once, with what cannot heal.
        """

        def load_all() -> None:
            try:
                for name in self._sources:
                    for attempt in stamina.retry_context(
                        on=ArtifactUnavailable,
                        attempts=None,
                        timeout=budget_s,
                        wait_initial=0.5,
                        wait_max=10.0,
                    ):
                        with attempt:
                            self.load(name)
            except LoadError as error:
                on_refusal(error)
            except BaseException as error:  # a thread's end is silent: even SystemExit must be told
                logger.exception("loading failed in a way that nobody foresaw")
                on_refusal(LoadError(f"loading failed: {type(error).__name__}: {error}"))

        threading.Thread(target=load_all, name="load", daemon=True).start()
