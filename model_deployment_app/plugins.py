"""Find the module behind a name: ``find("formats", "joblib")``. A module is a plug-in, its file name is its key."""

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from types import ModuleType

from .errors import MissingExtra, UnknownPlugin

_ROOT = __package__


def names(kind: str) -> list[str]:
    """The keys that ``find`` knows for *kind*, ours and those of installed third parties."""
    built_in = [module.name for module in pkgutil.iter_modules(import_module(f"{_ROOT}.{kind}").__path__)]
    return sorted(name for name in {*built_in, *_third_party(kind).names} if not name.startswith("_"))


def find(kind: str, name: str) -> ModuleType:
    """Import the plug-in *name* of *kind*.

    Parameters
    ----------
    kind : {"artifacts", "formats", "protocols"}
        A package of this project, and the entry point group ``model_deployment_app.<kind>``.
    name : str
        File name of the module, or name of the entry point.

    Raises
    ------
    UnknownPlugin
        If no module and no entry point has that name; the message lists those that exist.
    MissingExtra
        If the plug-in needs a library that is not installed.
    """
    if name not in names(kind):
        raise UnknownPlugin(f"{name!r} is none of the {kind}: {', '.join(names(kind))}")
    try:
        for entry in _third_party(kind).select(name=name):
            return entry.load()
        return import_module(f"{_ROOT}.{kind}.{name}")
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{kind}.{name} needs the module {error.name!r}: pip install it into the image") from error


@cache  # reads a file of every distribution that is installed
def _third_party(kind: str) -> EntryPoints:
    return entry_points(group=f"{_ROOT}.{kind}")
