"""What is wrong with an artifact that is not served, in words of the person who made it."""

import re
from collections.abc import Iterable
from importlib.util import find_spec
from typing import BinaryIO

import sklearn

from ..errors import ArtifactRejected, LoadError, MissingExtra, UntrustedPickle, VersionSkew, quoted
from . import _contents
from ._allowed import ALLOWED, is_program
from ._inputs import told
from ._restricted import UnknownName, UnsafePickle

_NO_TORCH = (
    "the artifact (or config.device) needs PyTorch, which is not installed here: set image.variant: "
    "cpu or cuda in the chart (docs/IMAGES.md), or pip install 'model-deployment-app[torch]'"
)

#: First bytes of what people upload in place of a pickle.
_IMPOSTORS = (
    (b"", "is empty"),
    (
        b"version https://git-lfs",
        "is a Git LFS pointer, not the file it points to: run `git lfs pull` and upload again",
    ),
    (b"<", "looks like an HTML or XML page, an error page of a store perhaps: download it again and look"),
    (b"PK\x03\x04", "is a zip archive (a torch.save file or skops?), not a pickle"),
    (b"\x89HDF", "is an HDF5 file, not a pickle"),
    (b"{", "is JSON, not a pickle"),
    (b"ZF", "was written by joblib before 0.10: load it with that version, and save it again with this one"),
)

#: Where a name is gone because scikit-learn, or what it stands on, has changed. Its 1.4 to 1.7 wrote `_loss` alone.
_LIBRARIES = ("sklearn", "numpy", "scipy", "pandas", "_loss")

#: What runs code and has a better way out than trust.
_WAYS_OUT = {
    "cloudpickle": "holds code by value (cloudpickle), which loading it runs: define that in an importable module and "
    "save it again",
    "dill": "holds code by value (dill), which loading it runs: define that in an importable module and use joblib",
    "scipy": "holds a distribution of scipy.stats, which runs code as it loads: save search.best_estimator_ alone",
    "joblib": "names {name}, which reads or runs other files: save with joblib's current version, and with memory=None",
}

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)


def refusal(file: BinaryIO, error: BaseException, trusted: Iterable[str] | None) -> LoadError:
    """What to raise for an artifact at which unpickling has failed.

    Parameters
    ----------
    file : BinaryIO
        The artifact; read again from its start.
    error : BaseException
        What unpickling raised.
    trusted : iterable of str or None
        The names that the config allows, None for any.
    """
    file.seek(0)
    head = file.read(64)
    for magic, reason in _IMPOSTORS:
        if head.startswith(magic) if magic else not head:
            return ArtifactRejected(f"the artifact {reason}")
    if isinstance(error, ModuleNotFoundError) and error.name == "torch":
        return MissingExtra(_NO_TORCH)
    if isinstance(error, MemoryError):
        return ArtifactRejected("the artifact does not fit into memory: raise resources.limits.memory")
    file.seek(0)
    contents = _contents.read(file)
    match error:
        case UnknownName():
            return _unknown(error, contents, frozenset(trusted or ()))
        case UnsafePickle():
            return UntrustedPickle(
                f"the artifact {error}, as no pickler does: it was forged, to run code or to break this server. Do not "
                "load it"
            )
        case AttributeError() if "__main__" in str(error):
            [name] = re.findall(r"attribute '([^']+)'", str(error))[:1] or ["a class"]
            return ArtifactRejected(_of_notebook(name))
        case ModuleNotFoundError() if (
            _root(error.name or "") not in _LIBRARIES and _root(error.name or "").isidentifier()
        ):
            return ArtifactRejected(f"the artifact {_missing(error.name or '')}")
    if is_skewed(contents.sklearn_version):
        return skew(contents.sklearn_version, f"cannot unpickle it ({told(error)[:100]})")
    if isinstance(error, AttributeError | ImportError):
        return ArtifactRejected(
            f"the artifact needs something that the installed libraries do not have: {error}; save it again with their "
            "versions"
        )
    return ArtifactRejected(f"the artifact cannot be unpickled, it is cut short, corrupt or no pickle: {told(error)}")


def is_skewed(saved: str | None) -> bool:
    """Whether the estimator was saved by another minor version of scikit-learn than this one."""
    return saved is not None and _minor(saved) != _minor(sklearn.__version__)


def skew(saved: str | None, consequence: str) -> VersionSkew:
    """What to raise where the version that saved it may be why *consequence*."""
    here = sklearn.__version__
    return VersionSkew(
        f"the artifact was saved with scikit-learn {saved}; scikit-learn {here} of this server {consequence}: serve it "
        f"with an image that has scikit-learn {_minor(saved or '')}, or train it with {_minor(here)} and save it again"
    )


def _unknown(error: UnknownName, contents: _contents.Contents, trusted: frozenset[str]) -> LoadError:
    root, name = _root(error.module), f"{error.module}.{error.name}"
    if error.module == "__main__":
        return ArtifactRejected(_of_notebook(error.name))
    if not _is_name(name):
        return UntrustedPickle(f"the artifact names {quoted(name)}, which is no name of a class: do not load it")
    # The worst of them, not the first: nobody should allow one name and find the next.
    for full in [name, *contents.names]:
        if is_program(*_split(full)) and full not in ALLOWED:
            reason = _WAYS_OUT.get(_root(full), "names {name}, which can do anything: do not load it")
            shown = full if _is_name(full) else quoted(full)
            return UntrustedPickle(
                f"the artifact {reason.format(name=shown)}; no line of trustedTypes allows that. If you know who made "
                "it: config.model.pickle: trusted"
            )
    if root in _LIBRARIES and is_skewed(contents.sklearn_version):
        return skew(contents.sklearn_version, f"knows no {name}")
    # All of them, so that it is one line to write and not one a day.
    unknown = [name, *(full for full in contents.names if _can_be_trusted(full) and full not in trusted)]
    line = f"config.model.trustedTypes: [{', '.join([*sorted(trusted), *dict.fromkeys(unknown[:12])])}]"
    if root != "_loss" and not _is_installed(root):
        return ArtifactRejected(f"the artifact {_missing(error.module)}; then, since it is not on the list, set {line}")
    return UntrustedPickle(
        f"the artifact names {name}, which is not on the list of what scikit-learn's estimators need. Loading runs it: "
        f"if you know it and trust it, set {line}"
    )


def _can_be_trusted(full: str) -> bool:
    is_storage = full.startswith("torch.") and full.endswith("Storage")  # is for PyTorch to allow
    return _is_name(full) and not is_storage and full not in ALLOWED


def _is_name(full: str) -> bool:
    return len(full) <= 160 and _NAME.fullmatch(full) is not None


def _split(full: str) -> tuple[str, str]:
    module, _, name = full.rpartition(".")
    return module, name


def _missing(module: str) -> str:
    return f"needs the Python module {quoted(module)}: install it into the image, at the version it was saved with"


def _of_notebook(name: str) -> str:
    return (
        f"the artifact needs {quoted(name)} from __main__: define it in an importable module, not in a notebook, and "
        "save again"
    )


def _is_installed(root: str) -> bool:
    try:
        return find_spec(root) is not None  # of a name without a dot: imports nothing
    except ValueError:  # a module that was made, not found
        return True


def _root(module: str) -> str:
    return module.partition(".")[0]


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
