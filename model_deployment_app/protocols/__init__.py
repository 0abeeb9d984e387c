"""Bytes <-> Tensors, and the routes: one module for each dialect. May not batch, load, or catch what a model raises."""

from ._endpoint import Call, Endpoint, Headers, Reply
from ._instances import from_instance
from ._schemas import example

__all__ = ["Call", "Endpoint", "Headers", "Reply", "example", "from_instance"]
