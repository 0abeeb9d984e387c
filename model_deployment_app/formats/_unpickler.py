"""joblib's unpickler, which reads plain pickles and all compressions too, with PyTorch's tensors made loadable here."""

import pickle
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, BinaryIO

from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler
from joblib.numpy_pickle_utils import _validate_fileobject_and_memmap

if TYPE_CHECKING:
    import torch


def unpickle(
    file: BinaryIO, *, device: str, memory_fraction: float | None, trusted: Collection[str] | None = ()
) -> Any:
    """Read one pickled object; what it raises is whatever the pickle raises.

    Parameters
    ----------
    file : BinaryIO
    device : str
        Where tensors go that were not on the CPU, and where every ``PyTorchEstimator`` is to predict.
    memory_fraction : float or None
        Of that device's memory, if it is a GPU.
    trusted : collection of str or None
        Names that the pickle may use beside those that scikit-learn needs; None for any, which is to run what is in it.

    Raises
    ------
    UnknownName, UnsafePickle
        As `RestrictedUnpickler` does, before anything of that name is imported.
    """
    placement = Placement(device, memory_fraction)
    if device.startswith("cuda"):
        _ = placement.device  # is refused where there is none, even if the pickle has no use for it
    with _validate_fileobject_and_memmap(file, "") as (stream, _):
        if trusted is None:
            return Unpickler(stream, placement).load()
        from ._restricted import RestrictedUnpickler

        return RestrictedUnpickler(stream, placement, trusted).load()


class Placement:
    """The device to load onto; asked of PyTorch only when a pickle needs it, since PyTorch is optional."""

    def __init__(self, asked: str, memory_fraction: float | None) -> None:
        self._asked = asked
        self._memory_fraction = memory_fraction
        self._device: torch.device | None = None

    @property
    def device(self) -> "torch.device":
        if self._device is None:
            from ._torch import device_for

            self._device = device_for(self._asked, memory_fraction=self._memory_fraction)
        return self._device


class Unpickler(NumpyUnpickler):
    # pickle's own dispatch is by function, not by name.
    dispatch = NumpyUnpickler.dispatch.copy()

    def __init__(self, stream: BinaryIO, placement: Placement) -> None:
        super().__init__("", stream, ensure_native_byte_order=True)
        self.placement = placement

    def nested(self) -> "Unpickler":
        """For the pickle inside an array of objects, which is to be read as the pickle around it is."""
        return type(self)(self.file_handle, self.placement)

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case "torch.storage", "_load_from_bytes":
                from ._torch import storage_reader

                return storage_reader(self.placement.device)
            case "joblib.numpy_pickle", "NumpyArrayWrapper":
                return ArrayWrapper
        return super().find_class(module, name)

    def load_build(self) -> None:
        super().load_build()
        wrapper = sys.modules.get("model_deployment_app.model")  # there, if the pickle holds one
        if wrapper is not None and isinstance(self.stack[-1], wrapper.PyTorchEstimator):
            self.stack[-1].device = str(self.placement.device)

    dispatch[pickle.BUILD[0]] = load_build


class ArrayWrapper(NumpyArrayWrapper):
    """Stands for an array in joblib's stream, whose content follows it."""

    def read_array(self, unpickler: Unpickler, ensure_native_byte_order: bool) -> Any:
        if self.dtype.hasobject:
            return unpickler.nested().load()
        return super().read_array(unpickler, ensure_native_byte_order)
