"""The variables that make was called with, from its MAKEFLAGS: ``make new-model NAME=iris``.

A recipe cannot safely quote a variable's value for its shell; MAKEFLAGS is one string, quoted by make itself.

References
----------
GNU make manual, "Communicating Options to a Sub-make": after ``--``, each variable is one word.
"""

import re
from collections.abc import Collection

from ..errors import ChartError

# How the repository's Makefile runs things: not about the model.
IGNORED = ("PYTHON", "VENV", "HELM")
RENAMED = {"NAME": "model_name"}


def variables(flags: str) -> dict[str, str]:
    """The variables in *flags*, unquoted: make puts a backslash before blanks and backslashes, doubles $."""
    words = re.split(r"(?:^|\s)--\s", flags, maxsplit=1)[1:]
    found = {}
    for word in re.findall(r"(?:\\.|[^ \t\\])+", words[0] if words else "", flags=re.DOTALL):
        name, is_variable, value = word.partition("=")
        if is_variable:
            found[name.rstrip(":+?")] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL).replace("$$", "$")
    return found


def answers(flags: str, known: Collection[str]) -> dict[str, str]:
    """The variables of *flags* as answers: NAME is model_name, others are an answer's name in upper case.

    Raises
    ------
    ChartError
        One line per variable that is no answer.
    """
    names = RENAMED | {answer.upper(): answer for answer in known}
    given = {name: value for name, value in variables(flags).items() if name not in IGNORED}
    if faults := [f"{name}: unknown; known are {', '.join(names)}" for name in given if name not in names]:
        raise ChartError("\n".join(faults))
    return {names[name]: value for name, value in given.items()}
