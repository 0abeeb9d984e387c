"""The one place where every protocol meets the engine."""

import asyncio
from collections.abc import Callable, Collection

from .engine.revision import Revision
from .errors import Draining, ModelNotReady
from .repository import ModelRepository
from .tensors import Tensors


class DataPlane:
    """Looks a model up, checks a request against it, runs it.

    Parameters
    ----------
    repository : ModelRepository
    is_draining : callable
        Whether requests should go elsewhere, although they are answered.
    has_model_control : bool
        Whether clients may load and unload models.
    """

    def __init__(
        self,
        repository: ModelRepository,
        *,
        is_draining: Callable[[], bool] = lambda: False,
        has_model_control: bool = False,
    ) -> None:
        self.has_model_control = has_model_control
        self._repository = repository
        self._is_draining = is_draining

    def check_ready(self) -> None:
        """Whether requests should come here.

        Raises
        ------
        ModelNotReady
            If not; the message says why.
        """
        if self._is_draining():
            raise Draining("the server is about to end: send requests elsewhere")
        for name in self._repository.waiting():
            self.revision(name)
        if (reason := self._repository.ailment()) is not None:
            raise ModelNotReady(reason)

    def is_ready(self) -> bool:
        """Whether `check_ready` has nothing to say."""
        try:
            self.check_ready()
        except ModelNotReady:
            return False
        return True

    def names(self) -> list[str]:
        return self._repository.names()

    def revision(self, name: str | None = None, version: str | None = None) -> Revision:
        """As `ModelRepository.get`."""
        return self._repository.get(name, version)

    def predict(
        self, revision: Revision, inputs: Tensors, outputs: Collection[str], *, timeout_s: float | None = None
    ) -> asyncio.Future[Tensors]:
        """`check`, then `run`."""
        return self.run(revision, self.check(revision, inputs), outputs, timeout_s=timeout_s)

    def check(self, revision: Revision, inputs: Tensors) -> Tensors:
        """As `Signature.check`; on any thread."""
        return revision.signature.check(inputs)

    def run(
        self,
        revision: Revision,
        inputs: Tensors,
        outputs: Collection[str],
        *,
        timeout_s: float | None = None,
        since: float | None = None,
    ) -> asyncio.Future[Tensors]:
        """Answer one request; whoever cancels the future takes it back.

        Parameters
        ----------
        revision : Revision
            Whom the request is for.
        inputs : dict of str to ndarray
            As `check` returns them.
        outputs : collection of str
            Names of the outputs that the protocol renders: no other is computed.
        timeout_s : float, optional
            How long the client waits, if that is less than what the config allows.
        since : float, optional
            From when on, of `time.monotonic`, if not from now.

        Returns
        -------
        Future of dict of str to ndarray
            These outputs, each with as many rows as *inputs*.

        Raises
        ------
        InvalidTensor
            If the model refuses a value.
        InferenceError
            If the model fails.
        DeadlineExceeded
            If it takes too long.
        Overloaded
            If too much is waiting.
        """
        return revision.run(inputs, outputs, timeout_s, since)
