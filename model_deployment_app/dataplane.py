"""The one place where every protocol meets the engine."""

from collections.abc import Callable, Collection

from .engine.revision import Revision
from .repository import ModelRepository
from .signature import Signature
from .tensors import Tensors


class DataPlane:
    """Looks a model up, checks a request against it, runs it.

    Parameters
    ----------
    repository : ModelRepository
    """

    def __init__(self, repository: ModelRepository) -> None:
        self._repository = repository

    def names(self) -> list[str]:
        return self._repository.names()

    def revision(self, name: str | None = None) -> Revision:
        """As `ModelRepository.get`."""
        return self._repository.get(name)

    async def predict(
        self, name: str | None, inputs: Tensors, wanted: Callable[[Signature], Collection[str]]
    ) -> tuple[Revision, Tensors]:
        """Answer one request.

        Parameters
        ----------
        name : str or None
            None is the first model.
        inputs : dict of str to ndarray
            As `Signature.check` takes them.
        wanted : callable
            Names the outputs that the protocol renders, from the model's signature: no other is computed.

        Returns
        -------
        revision : Revision
            The one that answered.
        outputs : dict of str to ndarray
            The wanted ones, each with as many rows as *inputs*.

        Raises
        ------
        ModelNotFound, ModelNotReady
            As `ModelRepository.get` raises them.
        InvalidTensor
            If *inputs* do not fit the model.
        InferenceError
            If the model fails.
        """
        revision = self._repository.get(name)
        checked = revision.signature.check(inputs)
        return revision, await revision.run(checked, wanted(revision.signature))
