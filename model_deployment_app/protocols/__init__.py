"""Bytes <-> Tensors, and the routes: one module for each dialect. May not batch, load, or catch what a model raises."""

from ._endpoint import Endpoint
from ._instances import from_instance

__all__ = ["Endpoint", "from_instance"]
