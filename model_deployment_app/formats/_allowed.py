"""The names that a pickle may use: exact, and each of them harmless, whatever it is called with.

A prefix would not do: joblib, NumPy and scikit-learn hold functions that run, read and write what they are told to.
Nor would a list of what is bad: there is always one more. `_allowed.txt` is generated (``make allowed-names``); a test
holds it against scikit-learn's own list of estimators. `_reviewed.txt` is kept by hand. Before you add a name to it:
nothing that runs, imports, reads or writes; nothing that gives attributes of other objects; nothing whose
``__setstate__`` does, such as the distributions of scipy.stats, which hand a string of their state to ``exec``.
"""

import sys
from collections.abc import Collection
from importlib.resources import files


def _names() -> frozenset[str]:
    folder = files(__package__)
    names = folder.joinpath("_allowed.txt").read_text(encoding="utf-8").split()
    for line in folder.joinpath("_reviewed.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            module, _, words = line.partition(": ")
            names += [f"{module}.{name}" for name in words.split()]
    return frozenset(names)


#: ``package.module.Name`` of everything that any pickle may use.
ALLOWED = _names()

#: Modules of Python that hold nothing to be afraid of: a line of `trustedTypes` may allow a name of theirs.
_HARMLESS_STANDARD = frozenset(
    {
        "collections",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "numbers",
        "pathlib",
        "random",
        "re",
        "string",
        "uuid",
        "zoneinfo",
    }
)
#: What runs, reads or writes what it is told to, in libraries that hold models too.
_PROGRAMS = frozenset(
    {
        "anyio",
        "click",
        "cloudpickle",
        "dill",
        "dotenv",
        "joblib",
        "model_deployment_app",
        "numpy._core.memmap",
        "numpy._core.multiarray.fromfile",
        "numpy._core.records",
        "numpy.core.memmap",
        "numpy.core.multiarray.fromfile",
        "numpy.core.records",
        "numpy.ctypeslib",
        "numpy.distutils",
        "numpy.f2py",
        "numpy.lib",
        "numpy.testing",
        "pandas.core.computation",
        "pandas.io",
        "pip",
        "pydantic",
        "scipy.io",
        "scipy.stats",
        "setuptools",
        "sklearn.datasets",
        "torch._dynamo",
        "torch._inductor",
        "torch._tensor",
        "torch.distributed",
        "torch.fx",
        "torch.hub",
        "torch.jit",
        "torch.library",
        "torch.multiprocessing",
        "torch.package",
        "torch.serialization",
        "torch.testing",
        "torch.utils",
        "typer",
        "uvicorn",
        "numpy.frompyfunc",
        "numpy.fromfile",
        "numpy.genfromtxt",
        "numpy.load",
        "numpy.loadtxt",
        "numpy.memmap",
        "numpy.save",
        "numpy.savetxt",
        "numpy.vectorize",
        "pandas.eval",
        "pandas.read_pickle",
        "torch._utils._rebuild_from_type_v2",
        "torch.compile",
        "torch.load",
        "torch.save",
    }
)


def is_allowed(module: str, name: str, trusted: Collection[str]) -> bool:
    """Whether a pickle may use *name* of *module*.

    Parameters
    ----------
    module, name : str
        As Python 3 calls them. A name with a dot in it never is: protocol 4 would take attributes of attributes.
    trusted : collection of str
        What `config.model.trustedTypes` allows beside the list.
    """
    full = f"{module}.{name}"
    return "." not in name and (full in ALLOWED or (full in trusted and not is_program(module, name)))


def is_program(module: str, name: str) -> bool:
    """Whether the name is one that no line of `trustedTypes` can allow, since whoever calls it can do anything."""
    root = module.partition(".")[0]
    if root in sys.stdlib_module_names:
        return root not in _HARMLESS_STANDARD
    parts = f"{module}.{name}".split(".")
    return any(".".join(parts[:count]) in _PROGRAMS for count in range(1, len(parts) + 1))
