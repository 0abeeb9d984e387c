"""Name -> revision: which models there are, which of them are ready, and why one is not."""

import logging
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import stamina

from . import artifacts
from .engine.revision import Revision
from .errors import ArtifactUnavailable, LoadError, ModelNotFound, ModelNotReady, quoted
from .loading import ModelSource, load
from .telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

#: With less time, an attempt would end at its own deadline, and hide what the store said at the one before.
SHORTEST_ATTEMPT_S = 0.3


class ModelRepository:
    """Loads models and hands out those that are ready; a revision is never visible half-made.

    Parameters
    ----------
    sources : list of ModelSource
        The models to serve. None is ready before `load` has returned for it.
    cache_dir : Path
        For downloads.
    meter : callable
        Is told how far a download is, as `artifacts.fetch` tells it.
    metrics : Metrics, optional
        Are told of every model that becomes ready, and of its predictions.
    """

    def __init__(
        self,
        sources: list[ModelSource],
        *,
        cache_dir: Path,
        meter: artifacts.Meter = artifacts.unseen,
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = Metrics() if metrics is None else metrics
        self._sources = {source.name: source for source in sources}
        self._cache_dir = cache_dir
        self._meter = meter
        self._revisions: dict[str, Revision] = {}
        self._failures: dict[str, LoadError] = {}

    def names(self) -> list[str]:
        return list(self._sources)

    def ready(self) -> list[str]:
        return list(self._revisions)

    def failure(self, name: str) -> LoadError | None:
        """Why the last attempt to load *name* failed; None while it is at its first, and once it is ready."""
        return self._failures.get(name)

    def get(self, name: str | None = None, version: str | None = None) -> Revision:
        """The revision that answers for *name*, or for the first model; in *version*, if one is asked for.

        Raises
        ------
        ModelNotFound
            If no model has that name, or it is not there in that version.
        ModelNotReady
            If it is still loading, or its artifact cannot be had for now; the message says which.
        """
        if name is None:
            name = next(iter(self._sources))
        if (found := self._revisions.get(name)) is not None:
            if version not in (None, found.version):
                raise ModelNotFound(f"{name} is not here in version {quoted(version)}, but in {found.version}")
            return found
        if name not in self._sources:
            raise ModelNotFound(f"no model is named {quoted(name)}; there is {', '.join(self._sources)}")
        failure = self._failures.get(name)
        raise ModelNotReady(f"{name} is loading" if failure is None else f"{name}: {failure.code}: {failure}")

    def load(self, name: str, *, timeout_s: float = 300.0) -> Revision:
        """Fetch, unpickle and warm up one model, then let requests see it.

        Parameters
        ----------
        name : str
        timeout_s : float
            For fetching.

        Raises
        ------
        LoadError
            What is wrong, with the artifact's address in front.
        """
        source = self._sources[name]
        started = time.monotonic()
        try:
            loaded = load(
                source, timeout_s=timeout_s, meter=self._meter, cache_dir=self._cache_dir, metrics=self._metrics
            )
        except LoadError as failure:
            self._failures[name] = failure
            raise
        # Last: a request must never see a revision that has not been warmed up.
        self._revisions[name] = loaded
        self._failures.pop(name, None)
        self._metrics.loaded(
            model=name,
            version=loaded.version,
            sha256=loaded.sha256,
            is_verified=loaded.passport is not None,
            seconds=loaded.load_seconds,
            count=len(self._revisions),
        )
        logger.info(
            "ready: model=%s version=%s sha256=%s verified=%s load_s=%.2f",
            name,
            loaded.version,
            loaded.sha256,
            "no" if loaded.passport is None else "yes",
            time.monotonic() - started,
        )
        return loaded

    def start(self, *, budget_s: float, on_refusal: Callable[[LoadError], None], first_wait_s: float = 0.5) -> None:
        """Load every model in the background, trying again while the store does not answer.

        Parameters
        ----------
        budget_s : float
            For each model, all attempts and waits together; a store that does not answer until then is a refusal too.
        on_refusal : callable
            Called from the background, once, with what cannot heal.
        first_wait_s : float
            Before the second attempt; twice as long before each that follows, up to ten seconds.
        """

        def load_all() -> None:
            try:
                for name in self._sources:
                    self._load_within(budget_s, name, first_wait_s)
            except LoadError as error:
                on_refusal(error)
            except BaseException as error:  # a thread's end is silent: even SystemExit must be told
                logger.exception("loading failed in a way that nobody foresaw")
                on_refusal(LoadError(f"loading failed: {type(error).__name__}: {error}"))

        threading.Thread(target=load_all, name="load", daemon=True).start()

    def _load_within(self, budget_s: float, name: str, first_wait_s: float) -> None:
        started = time.monotonic()
        attempts = 0

        def pause_s(error: Exception) -> float | bool:
            """How long before the next attempt; False where no time is left for one, or none would help."""
            if not isinstance(error, ArtifactUnavailable):
                return False
            remaining_s = started + budget_s - time.monotonic()
            # Pods that fail together must not come back together.
            wait_s = random.uniform(0.5, 1.0) * min(10.0, first_wait_s * 2 ** (attempts - 1))
            if error.wait_s is not None and error.wait_s < remaining_s:
                wait_s = max(wait_s, error.wait_s)
            if wait_s + SHORTEST_ATTEMPT_S > remaining_s:
                return False
            logger.warning("attempt %d failed, the next in %.1f s: %s", attempts, wait_s, error)
            return wait_s

        try:
            for attempt in stamina.retry_context(on=pause_s, attempts=None, timeout=None):
                with attempt:
                    attempts += 1
                    self.load(name, timeout_s=started + budget_s - time.monotonic())
        except ArtifactUnavailable as error:
            passed_s = time.monotonic() - started
            raise ArtifactUnavailable(f"{error} (attempts: {attempts}, in {passed_s:.0f} s)") from error
