"""PyTorch inside pickles: tensors that were on another machine's device. Imported only for those that hold some."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import torch

from ..errors import InvalidConfig
from ..torch_module import resolve_device


def device_for(asked: str, *, memory_fraction: float | None) -> torch.device:
    """The device that ``config.device`` names on this host, with its share of memory set.

    Raises
    ------
    InvalidConfig
        If this host does not have it.
    """
    try:
        device = resolve_device(asked)
    except ValueError as error:
        build = "" if torch.version.cuda else f"; torch {torch.__version__} is built without CUDA"
        raise InvalidConfig(
            f"config.{error}{build}: set device: auto or cpu, or give the pod a GPU (gpu.enabled) and the cuda image"
        ) from None
    if memory_fraction is not None and device.type == "cuda":
        torch.cuda.set_per_process_memory_fraction(memory_fraction, device)
    return device


def storage_reader(device: torch.device) -> Callable[[bytes], Any]:
    """What takes the place of ``torch.storage._load_from_bytes``.

    A tensor's pickle holds a second pickle, with the device that the tensor was on. The original reads it without any
    restriction, and fails where there is no such device. This one reads nothing but tensors, leaves on the CPU what
    was there, and puts everything else onto *device*.
    """

    def place(storage: Any, location: str) -> Any:
        if location == "cpu" or device.type == "cpu":
            return storage
        return torch.serialization.default_restore_location(storage, str(device))

    return lambda content: torch.load(BytesIO(content), map_location=place, weights_only=True)
