"""Pickles as a machine with another device would write them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def tagged_as(location: str) -> Iterator[None]:
    """While it lasts, tensors are pickled as if they were at *location*, such as ``cuda:7``, ``mps`` or ``xpu:0``."""
    # Priority 1: asked before PyTorch's own, of which the CPU's has 10.
    entry = (1, lambda storage: location, lambda storage, tag: None)
    registry = torch.serialization._package_registry
    registry.insert(0, entry)
    try:
        yield
    finally:
        registry.remove(entry)
