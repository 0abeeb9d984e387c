"""What the story of the demo asks of a model, whatever it was trained with."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted estimator, and what it is asked.

    Attributes
    ----------
    name : str
        Of the model and its chart.
    description : str
    estimator : object
        Has ``predict_proba``.
    sample : list
        Instances that every server must answer as this process does.
    input_size : int
        Numbers in one instance.
    example : list or dict
        One instance, as JSON holds it.
    questions : dict of str to dict
        Messages by path, all of the same rows.
    expected : ndarray of shape (rows, classes)
        What ``predict_proba`` answers to these rows in this process.
    """

    name: str
    description: str
    estimator: Any
    sample: list[Any]
    input_size: int
    example: Any
    questions: Mapping[str, dict[str, Any]]
    expected: np.ndarray


@dataclass(frozen=True, slots=True)
class Store:
    """Where an artifact is published.

    Attributes
    ----------
    address : str
        As `mda push` takes it.
    answers : dict of str to str
        What `mda new` is told of it.
    environment : dict of str to str
        What reaches it from here.
    """

    address: str
    answers: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
