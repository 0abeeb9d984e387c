"""Name -> revision: which models there are, which of them are ready, and why one is not."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from . import artifacts, garbage
from .background import InOrder
from .engine.revision import Revision
from .errors import LoadError, ModelBusy, ModelNotFound, ModelNotReady, quoted
from .loading import ModelSource, load
from .patience import until_available
from .telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

#: For how long a request to load or unload waits until what it replaces has answered its last request.
LONGEST_DRAIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one model.

    Attributes
    ----------
    name : str
    version : str or None
        None as long as it is neither configured nor known from an artifact.
    state : {"READY", "LOADING", "UNAVAILABLE"}
    reason : str
        Why it is not ready; of one that is, why its last load failed.
    """

    name: str
    version: str | None
    state: Literal["READY", "LOADING", "UNAVAILABLE"]
    reason: str


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

    Attributes
    ----------
    generation : int
        How many loads and unloads by request have changed what is served.
    """

    def __init__(
        self,
        sources: list[ModelSource],
        *,
        cache_dir: Path,
        meter: artifacts.Meter = artifacts.unseen,
        metrics: Metrics | None = None,
    ) -> None:
        self.generation = 0
        self._metrics = Metrics() if metrics is None else metrics
        self._sources = {source.name: source for source in sources}
        self._cache_dir = cache_dir
        self._meter = meter
        self._revisions: dict[str, Revision] = {}
        self._failures: dict[str, LoadError] = {}
        self._unloaded: set[str] = set()
        self._starting: set[str] = set()
        self._busy: set[str] = set()
        # Two at a time would need the memory of two more.
        self._loads = InOrder("load")
        self._changing = threading.Lock()

    def names(self) -> list[str]:
        return list(self._sources)

    def ready(self) -> list[str]:
        return [name for name in self._sources if name in self._revisions]

    def waiting(self) -> list[str]:
        """Those that should be ready and are not: all that are not, but for those that were unloaded by request."""
        return [name for name in self._sources if name not in self._revisions and name not in self._unloaded]

    def ailment(self) -> str | None:
        """Why a model that is loaded answers nobody; None while all do."""
        reasons = ((name, revision.health()) for name, revision in list(self._revisions.items()))
        return next((f"{name}: {reason}" for name, reason in reasons if reason is not None), None)

    def is_busy(self, name: str) -> bool:
        """Whether *name* is being loaded, is about to be, or is being unloaded."""
        # One that answers is no longer busy with its first load, whoever has been told of its end.
        return name in self._busy or (name in self._starting and name not in self._revisions)

    def format_of(self, name: str) -> str:
        """As it is configured."""
        return self._sources[name].model_format

    def failure(self, name: str) -> LoadError | None:
        """Why the last attempt to load *name* failed; None while it is at its first, and once one has not."""
        return self._failures.get(name)

    def index(self) -> list[Entry]:
        """Every model that there is, in the order of the config."""
        return [self._entry(source) for source in self._sources.values()]

    def _entry(self, source: ModelSource) -> Entry:
        name, failure = source.name, self._failures.get(source.name)
        reason = "" if failure is None else f"{failure.code}: {failure}"
        if (revision := self._revisions.get(name)) is not None:
            return Entry(name, revision.version, "READY", reason)
        if self.is_busy(name) or not (failure or name in self._unloaded):
            return Entry(name, source.version, "LOADING", reason)
        return Entry(name, source.version, "UNAVAILABLE", reason or "unloaded by request")

    def get(self, name: str | None = None, version: str | None = None) -> Revision:
        """The revision that answers for *name*, or for the first model; in *version*, if one is asked for.

        Raises
        ------
        ModelNotFound
            If no model has that name, or it is not there in that version.
        ModelNotReady
            If it is still loading, cannot be loaded, or was unloaded by request; the message says which.
        """
        if name is None:
            name = next(iter(self._sources))
        if (found := self._revisions.get(name)) is not None:
            if version not in (None, found.version):
                raise ModelNotFound(f"{name} is not here in version {quoted(version)}, but in {found.version}")
            return found
        entry = self._entry(self._source(name))
        raise ModelNotReady(f"{name}: {entry.reason}" if entry.reason else f"{name} is loading")

    def _source(self, name: str) -> ModelSource:
        if name not in self._sources:
            raise ModelNotFound(f"no model is named {quoted(name)}; there is {', '.join(self._sources)}")
        return self._sources[name]

    def load(self, name: str, timeout_s: float = 300.0, *, model_format: str | None = None) -> Revision:
        """Fetch, unpickle and warm up one model, then let requests see it.

        Parameters
        ----------
        name : str
        timeout_s : float
            For fetching.
        model_format : str, optional
            Of this artifact, if not the one that is configured.

        Raises
        ------
        LoadError
            What is wrong, with the artifact's address in front. A revision that was there stays.
        """
        source = self._sources[name]
        if model_format is not None:
            source = replace(source, model_format=model_format)
        started = time.monotonic()
        try:
            loaded = load(
                source, timeout_s=timeout_s, meter=self._meter, cache_dir=self._cache_dir, metrics=self._metrics
            )
        except BaseException as error:  # a thread's end is silent: even SystemExit must be told
            failure = error if isinstance(error, LoadError) else _unforeseen(error)
            # A copy: the traceback holds all that was read, such as an estimator with the wrong answers.
            self._failures[name] = type(failure)(str(failure))
            if failure is error:
                raise
            raise failure from error
        garbage.settle()
        with self._changing:
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
            *(name, loaded.version, loaded.sha256),
            "no" if loaded.passport is None else "yes",
            time.monotonic() - started,
        )
        return loaded

    async def reload(self, name: str, *, timeout_s: float, model_format: str | None = None) -> Revision:
        """As `load`, by request, off the loop and in its turn; meanwhile the revision that was there answers.

        Raises
        ------
        ModelNotFound
            If no model has that name.
        ModelBusy
            If it is being loaded or unloaded already.
        LoadError
            What is wrong with the new artifact.
        """

        def swap() -> tuple[Revision | None, Revision]:
            return self._revisions.get(name), self.load(name, timeout_s, model_format=model_format)

        with self._claimed(name):
            replaced, loaded = await asyncio.wrap_future(self._loads.submit(swap))
            self._unloaded.discard(name)
            self.generation += 1
            if replaced is not None:
                await _drain(replaced)
            return loaded

    async def unload(self, name: str) -> None:
        """Answer no more requests for one model, until it is loaded again; nothing changes if it is unloaded already.

        Raises
        ------
        ModelNotFound
            If no model has that name.
        ModelBusy
            If it is being loaded or unloaded already.
        """
        with self._claimed(name):
            self._failures.pop(name, None)
            if name in self._unloaded:
                return
            self._unloaded.add(name)
            self.generation += 1
            with self._changing:
                revision = self._revisions.pop(name, None)
                self._metrics.unloaded(model=name, count=len(self._revisions))
            logger.info("unloaded by request: model=%s", name)
            if revision is not None:
                await _drain(revision)

    @contextmanager
    def _claimed(self, name: str) -> Iterator[None]:
        """Keep *name* to this block: on the loop, so that nobody comes between the question and the answer."""
        self._source(name)
        if self.is_busy(name):
            raise ModelBusy(f"{name} is being loaded or unloaded already: ask again when that is over")
        self._busy.add(name)
        try:
            yield
        finally:
            self._busy.discard(name)

    def start(self, *, budget_s: float, on_refusal: Callable[[LoadError], None], first_wait_s: float = 0.5) -> None:
        """Load every model in the background, each in its turn, again while the store does not answer.

        Parameters
        ----------
        budget_s : float
            For all models, attempts and waits together; a store that does not answer until then is a refusal too.
        on_refusal : callable
            Called from the background, once, with what cannot heal, if this is all that would be served: of several
            models, one that is refused is not ready, and the others are.
        first_wait_s : float
            Before the second attempt; twice as long before each that follows, up to ten seconds.
        """
        self._starting.update(self._sources)
        deadline = time.monotonic() + budget_s

        def load_in_turn(name: str, timeout_s: float) -> None:
            self._loads.submit(partial(self.load, name, timeout_s)).result()

        def load_all() -> None:
            for position, name in enumerate(self._sources):
                # One that takes all of its share leaves the others theirs.
                share_s = (deadline - time.monotonic()) / (len(self._sources) - position)
                try:
                    until_available(partial(load_in_turn, name), budget_s=share_s, first_wait_s=first_wait_s)
                except LoadError as error:
                    if len(self._sources) == 1:
                        on_refusal(error)
                    else:
                        logger.error("failed: model=%s: %s: %s", name, error.code, error)
                finally:
                    self._starting.discard(name)

        threading.Thread(target=load_all, name="start-up", daemon=True).start()


def _unforeseen(error: BaseException) -> LoadError:
    logger.error("loading failed in a way that nobody foresaw", exc_info=error)
    return LoadError(f"loading failed: {type(error).__name__}: {error}")


async def _drain(revision: Revision) -> None:
    try:
        async with asyncio.timeout(LONGEST_DRAIN_S):
            await revision.close()
    except TimeoutError:
        words = "%s %s still answers requests after %.0f s; its memory returns when it has"
        logger.warning(words, revision.name, revision.version, LONGEST_DRAIN_S)
