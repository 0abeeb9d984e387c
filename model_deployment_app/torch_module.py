"""A PyTorch module from outside: where its tensors are, what it takes, what it answers."""

import copy
import inspect
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_array


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
    if named.type == "cuda" and (named.index or 0) >= (count := torch.cuda.device_count()):
        raise ValueError(f"device='{named}' asked, host has {count} CUDA device{'' if count == 1 else 's'}")
    try:
        if named.type == "cuda":  # without a tensor there, which would take memory
            return torch.device("cuda", torch.cuda.current_device() if named.index is None else named.index)
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


def input_names(module: torch.nn.Module) -> list[str]:
    """What ``forward`` takes."""
    return list(inspect.signature(unwrapped(module).forward).parameters)


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


def as_arrays(
    rows: Any, module: torch.nn.Module, *, dtype: str | dict[str, str], n_features_in: int | None
) -> dict[str, np.ndarray]:
    """Rows as `PyTorchEstimator` takes them: one array for each input by name; under no name if there is but one.

    Raises
    ------
    ValueError
        If they are not what *module* takes.
    """
    needed = needed_inputs(module)
    if not needed and not isinstance(rows, Mapping):
        table = _numbers(rows, dtype_of(module, dtype, ""), "X", ensure_2d=True)
        if n_features_in is not None and table.ndim == 2 and table.shape[1] != n_features_in:
            raise ValueError(
                f"X has {table.shape[1]} features, but PyTorchEstimator is expecting {n_features_in} features as input"
            )
        return {"": table}
    if hasattr(rows, "keys"):  # a data frame, or a dict
        columns = {name: rows[name] for name in rows.keys()}  # noqa: SIM118 - a data frame iterates by name as well
    else:
        table = check_array(rows, dtype=None, allow_nd=True)
        if table.shape[1] != len(needed):
            raise ValueError(f"X has {table.shape[1]} columns, but the module takes {', '.join(needed)}")
        columns = dict(zip(needed, table.T, strict=True))
    if not columns:
        raise ValueError("X holds no columns")
    known = input_names(module)
    for word, names in (
        ("misses", [name for name in needed if name not in columns]),
        ("has the unknown", [name for name in columns if name not in known]),
    ):
        if names:
            raise ValueError(f"X {word} {', '.join(map(str, names))}: the module takes {', '.join(known)}")
    arrays = {name: _numbers(values, dtype_of(module, dtype, name), name) for name, values in columns.items()}
    if len({len(array) for array in arrays.values()}) > 1:
        raise ValueError(f"X: {', '.join(f'{name} has {len(array)} rows' for name, array in arrays.items())}")
    return arrays


def dtype_of(module: torch.nn.Module, dtype: str | dict[str, str], name: str) -> torch.dtype:
    """The dtype of the input *name*, or of the only one, which has no name."""
    chosen = dtype
    if isinstance(chosen, Mapping):
        chosen = chosen.get(name or input_names(module)[0], "float32")
    found = getattr(torch, str(chosen).removeprefix("torch."), None)
    if not isinstance(found, torch.dtype) or found.is_complex:
        raise ValueError(f"dtype={chosen!r}: expected one of PyTorch's, such as 'float32', 'bfloat16' or 'int64'")
    return found


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


def _numbers(values: Any, dtype: torch.dtype, name: str, *, ensure_2d: bool = False) -> np.ndarray:
    """Finite numbers that *dtype* holds, of any number of axes, in an array that PyTorch takes."""
    if getattr(values, "dtype", None) == np.dtype(object) and not ensure_2d:
        values = list(values)  # of arrays: a column may hold one in each row
    if isinstance(values, torch.Tensor):
        values = values.detach().to("cpu", torch.float64 if values.is_floating_point() else values.dtype)
    array = check_array(values, dtype="numeric", allow_nd=True, ensure_2d=ensure_2d, input_name=name)
    if dtype.is_floating_point:
        low, high = torch.finfo(dtype).min, torch.finfo(dtype).max
    else:
        low, high = (0, 1) if dtype == torch.bool else (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
        if array.dtype.kind == "f" and (array % 1).any():
            raise ValueError(f"{name} holds a fraction, where the module takes {dtype}")
    if array.size and not low <= array.min().item() <= array.max().item() <= high:
        raise ValueError(f"{name} holds a number beyond {dtype}")
    # Neither of another byte order nor with negative strides.
    return np.ascontiguousarray(array, dtype=np.float64 if dtype.is_floating_point else np.int64)
