"""A PyTorch module from outside: where its tensors are, what it takes, what it answers."""

import copy
import inspect
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np
import torch


def resolve_device(device: "str | torch.device") -> torch.device:
    """The device that *device* names on this host, with its number.

    Parameters
    ----------
    device : str or torch.device
        "auto" is the current CUDA device where there is one, else the CPU.

    Raises
    ------
    ValueError
        If PyTorch knows no such device, or this host does not have it.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        named = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(f"device={device!r}: expected 'auto', 'cpu', 'cuda' or 'cuda:<number>'") from None
    if named.type == "cuda":
        if (named.index or 0) >= (count := torch.cuda.device_count()):
            raise ValueError(f"device='{named}' asked, host has {count} CUDA device{'' if count == 1 else 's'}")
        return torch.device("cuda", torch.cuda.current_device() if named.index is None else named.index)
    try:
        return torch.empty(0, device=named).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device='{named}' asked, host cannot use it: {reason}") from error


def needed_inputs(module: torch.nn.Module) -> list[str]:
    """The inputs that ``forward`` cannot do without, if there are several."""
    if not isinstance(module, torch.nn.Module):
        return []
    parameters = inspect.signature(unwrapped(module).forward).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [p.name for p in parameters if p.default is p.empty and p.kind in kinds]
    return names if len(names) > 1 else []


def unwrapped(module: torch.nn.Module) -> torch.nn.Module:
    """Without what torch.compile and data parallel training put around it."""
    while True:
        if isinstance(module, torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel):
            module = module.module
        elif (compiled := getattr(module, "_orig_mod", None)) is not None:
            module = compiled
        else:
            return module


def ready(module: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """The same module, in evaluation mode and on *device*."""
    if any(part.training for part in module.modules()):
        module.eval()
    if any(tensor.device != device for tensor in chain(module.parameters(), module.buffers())):
        module.to(device)
    return module


def as_table(answer: Any, rows: int) -> np.ndarray:
    """The module's answer as float64 of shape (rows, columns)."""
    if not isinstance(answer, torch.Tensor):
        raise TypeError(
            f"the module answers a {type(answer).__name__}: wrap it in one whose forward returns a single tensor"
        )
    if answer.is_complex():
        raise TypeError("the module answers complex numbers: wrap it in one that answers real ones")
    array = answer.to("cpu", torch.float64).numpy()
    if array.ndim == 1 and len(array) == rows:
        array = array.reshape(rows, 1)
    elif array.ndim < 2 and rows == 1:  # of a module that squeezes its answer
        array = array.reshape(1, -1)
    if array.ndim != 2 or len(array) != rows:
        raise ValueError(f"the module answers shape {array.shape} to {rows} rows: expected (rows,) or (rows, columns)")
    return array


def on_cpu(module: torch.nn.Module) -> torch.nn.Module:
    """The module with every tensor on the CPU; a copy where one is not, so that the module in use stays where it is."""
    # By identity: what is shared, such as tied weights, stays shared.
    memo = {id(tensor): _cpu_copy(tensor) for tensor in _tensors(module, set()) if tensor.device.type != "cpu"}
    return copy.deepcopy(module, memo) if memo else module


def _cpu_copy(tensor: torch.Tensor) -> torch.Tensor:
    copied = tensor.detach().cpu()
    return torch.nn.Parameter(copied, tensor.requires_grad) if isinstance(tensor, torch.nn.Parameter) else copied


def _tensors(thing: Any, seen: set[int]) -> Iterator[torch.Tensor]:
    """Parameters, buffers, and tensors that a module holds in attributes of its own; each once."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor):
        yield thing
        return
    inner: Iterable[Any] = ()
    if isinstance(thing, torch.nn.Module):
        inner = vars(thing).values()
    elif isinstance(thing, Mapping):
        inner = thing.values()
    elif isinstance(thing, list | tuple | set):
        inner = thing
    for each in inner:
        yield from _tensors(each, seen)
