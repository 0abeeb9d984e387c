"""What a pickle names and holds, read without making any of it.

Pickle's machine runs as it does when an artifact is loaded, over the same stream and with the same names; what it would
call, make or change is a stand-in here.
"""

import pickle
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from struct import unpack
from typing import Any, BinaryIO

import numpy as np
from joblib.numpy_pickle_utils import Unpickler, _validate_fileobject_and_memmap

from ._allowed import is_allowed, is_program
from ._restricted import dtype, modern, rebuilt

#: Of a string or of bytes, how much is kept: a name is short, and the pickles inside a tensor stand in front.
_KEPT_BYTES = 64 * 1024
_CHUNK_BYTES = 1024 * 1024
_CONTINUATION = bytes(range(0x80, 0xC0))  # of a character in UTF-8
#: Named inside a tensor, by the pickle that PyTorch reads and restricts by itself; refused anywhere else.
_STORAGE = re.compile(r"torch\.\w+Storage")
_VERSION = re.compile(r"\d{1,4}\.\d{1,4}[\w.+]{0,20}", re.ASCII)


@dataclass(slots=True)
class Contents:
    """What a pickle would need.

    Attributes
    ----------
    names : dict of str to None
        ``package.module.Name`` of everything it would import, in its order, each once.
    root : str
        The class of the pickled object, in the same form; empty where it is of Python's own.
    arrays, array_bytes : int
        NumPy's and PyTorch's.
    sklearn_version : str or None
        That saved its outermost estimator.
    is_whole : bool
        Whether it was read to its end; names after a fault are not known.
    """

    names: dict[str, None] = field(default_factory=dict)
    root: str = ""
    arrays: int = 0
    array_bytes: int = 0
    sklearn_version: str | None = None
    is_whole: bool = False

    @property
    def modules(self) -> list[str]:
        """Where the names are, in their order, each module once."""
        return list(dict.fromkeys(_parted(full)[0] for full in self.names))

    def unlisted(self, trusted: Collection[str] = ()) -> list[str]:
        """The names that neither are known to be harmless (`_allowed`) nor are trusted."""
        return [full for full in self.names if not is_allowed(*_parted(full), trusted) and not _STORAGE.fullmatch(full)]

    @property
    def programs(self) -> list[str]:
        """Those of them that can do anything, and so cannot be allowed one by one."""
        return [full for full in self.unlisted() if is_program(*_parted(full))]


def _parted(full: str) -> tuple[str, str]:
    module, _, name = full.rpartition(".")
    return module, name


def read(file: BinaryIO) -> Contents:
    """Read a pickle or a joblib file, compressed or not, from where *file* stands; nothing of it is imported or run.

    Memory stays within what strings the file holds, none of them whole where it is long; arrays are skipped.
    """
    contents = Contents()
    # A forged pickle can bring its reader to raise anything.
    with suppress(Exception), _validate_fileobject_and_memmap(file, "") as (stream, _):
        made = _Reader(stream, contents).load()
        contents.root = made.name if isinstance(made, _Thing) else ""
        contents.is_whole = True
    return contents


def is_version(claimed: Any) -> bool:
    """Whether what a pickle says of the version that saved it can be one, and be printed."""
    return isinstance(claimed, str) and _VERSION.fullmatch(claimed) is not None


@dataclass(frozen=True, slots=True)
class _Long:
    """Bytes, or a string that is to become bytes, of which only the head is kept."""

    head: bytes
    size: int

    def __len__(self) -> int:
        return self.size


@dataclass(slots=True, eq=False)
class _Thing:
    """Stands for what is named, or made by what is named."""

    name: str
    made: bool = False


_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"


class _Reader(Unpickler):
    dispatch = Unpickler.dispatch.copy()

    def __init__(self, stream: BinaryIO, contents: Contents) -> None:
        super().__init__(stream)
        self._stream = stream
        self._contents = contents

    def find_class(self, module: str, name: str) -> _Thing:
        if self.proto < 3:
            module, name = modern(module, name)
        self._contents.names[f"{module}.{name}"] = None
        return _Thing(f"{module}.{name}")

    def persistent_load(self, _: Any) -> _Thing:
        return _Thing("")

    def get_extension(self, code: int) -> None:
        raise pickle.UnpicklingError(f"extension code {code}")

    def _instantiate(self, klass: Any, args: list[Any]) -> None:
        self.append(self._called(klass, tuple(args)))

    def _called(self, function: Any, arguments: Any) -> Any:
        name = function.name if isinstance(function, _Thing) and not function.made else ""
        first = arguments[0] if isinstance(arguments, tuple) and arguments else None
        match name, first:
            case "numpy.dtype", str():
                return dtype(first)
            case "_codecs.encode", str():
                return first.encode("latin1", "replace")
            case "_codecs.encode", _Long():
                return first
            case "torch.storage._load_from_bytes", bytes() | _Long():
                self._read_tensor(first)
            case (
                ("numpy._core.numeric._frombuffer" | "numpy.core.numeric._frombuffer"),
                bytes() | bytearray() | _Long(),
            ):
                self._count(len(first))
        return _Thing(name, made=True)

    def _count(self, size_bytes: int) -> None:
        self._contents.arrays += 1
        self._contents.array_bytes += size_bytes

    def _read_tensor(self, content: bytes | _Long) -> None:
        """The pickles in front of a storage: magic number, protocol, system, storage, keys."""
        self._count(len(content))
        stream = BytesIO(content.head if isinstance(content, _Long) else content)
        for _ in range(5):
            _Reader(stream, self._contents).load()

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = self._called(self.stack[-1], arguments)

    def load_newobj(self) -> None:
        self.load_reduce()

    def load_newobj_ex(self) -> None:
        self.stack.pop()
        self.load_reduce()

    def load_build(self) -> None:
        state = self.stack.pop()
        thing = self.stack[-1]
        if isinstance(thing, np.dtype):
            self.stack[-1] = made = rebuilt(thing, state)
            for key in reversed(self.memo):
                if self.memo[key] is thing:
                    self.memo[key] = made
                    break
        elif isinstance(thing, _Thing) and thing.name == _WRAPPER:
            self._skip_array(state)
        elif isinstance(state, tuple) and len(state) == 5 and isinstance(state[2], np.dtype):  # of an ndarray
            self._count(len(state[4]) if isinstance(state[4], bytes | _Long) else 0)
        elif isinstance(state, dict) and is_version(version := state.get("_sklearn_version")):
            self._contents.sklearn_version = version

    def _skip_array(self, state: dict[str, Any]) -> None:
        """What joblib writes between two opcodes: padding and the array's bytes, or a pickle of its own."""
        kind, shape = state["dtype"], state["shape"]
        if kind.hasobject:
            _Reader(self._stream, self._contents).load()
            return
        if state.get("numpy_array_alignment_bytes") is not None:
            self._skip(self._stream.read(1)[0])
        size = kind.itemsize
        for length in shape:
            size *= length
        self._skip(size)
        self._count(size)

    def _skip(self, size: int) -> None:
        for _ in self._chunks(size):
            pass

    def _chunks(self, size: int) -> Iterator[bytes]:
        while size > 0:
            chunk = self._stream.read(min(size, _CHUNK_BYTES))
            if not chunk:
                raise EOFError
            size -= len(chunk)
            yield chunk

    def load_frame(self) -> None:
        self.read(8)  # a hint, which needs no heeding; what follows is read as it comes

    def _load_bytes(self, size: int) -> None:
        head = b"".join(self._chunks(min(size, _KEPT_BYTES)))
        self._skip(size - len(head))
        self.append(head if len(head) == size else _Long(head, size))

    def _load_text(self, size: int) -> None:
        if size <= _KEPT_BYTES:
            self.append(str(b"".join(self._chunks(size)), "utf-8", "surrogatepass"))
            return
        head = b"".join(self._chunks(_KEPT_BYTES))
        characters = len(head.translate(None, _CONTINUATION))
        for chunk in self._chunks(size - _KEPT_BYTES):
            characters += len(chunk.translate(None, _CONTINUATION))
        # In protocols 0 to 2, long strings are bytes that are still to be encoded.
        self.append(_Long(head.decode("utf-8", "ignore").encode("latin1", "replace"), characters))

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append(_texts(items))

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._put([key, value], self.stack[-1])

    def load_setitems(self) -> None:
        items = self.pop_mark()
        self._put(items, self.stack[-1])

    def _put(self, items: list[Any], target: Any) -> None:
        if isinstance(target, dict):
            target.update(_texts(items))

    def load_append(self) -> None:
        self.stack.pop()

    def load_appends(self) -> None:
        self.pop_mark()

    def load_frozenset(self) -> None:
        self.pop_mark()
        self.append(_Thing("", made=True))

    def load_readonly_buffer(self) -> None:
        pass

    for opcode, load in (
        (pickle.REDUCE, load_reduce),
        (pickle.NEWOBJ, load_newobj),
        (pickle.NEWOBJ_EX, load_newobj_ex),
        (pickle.BUILD, load_build),
        (pickle.FRAME, load_frame),
        (pickle.DICT, load_dict),
        (pickle.SETITEM, load_setitem),
        (pickle.SETITEMS, load_setitems),
        (pickle.APPEND, load_append),
        (pickle.APPENDS, load_appends),
        (pickle.ADDITEMS, load_appends),
        (pickle.FROZENSET, load_frozenset),
        (pickle.READONLY_BUFFER, load_readonly_buffer),
        (pickle.SHORT_BINBYTES, lambda self: self._load_bytes(self.read(1)[0])),
        (pickle.BINBYTES, lambda self: self._load_bytes(unpack("<I", self.read(4))[0])),
        (pickle.BINBYTES8, lambda self: self._load_bytes(unpack("<Q", self.read(8))[0])),
        (pickle.BYTEARRAY8, lambda self: self._load_bytes(unpack("<Q", self.read(8))[0])),
        (pickle.BINSTRING, lambda self: self._load_text(unpack("<i", self.read(4))[0])),
        (pickle.BINUNICODE, lambda self: self._load_text(unpack("<I", self.read(4))[0])),
        (pickle.BINUNICODE8, lambda self: self._load_text(unpack("<Q", self.read(8))[0])),
    ):
        dispatch[opcode[0]] = load
    del opcode, load


def _texts(items: list[Any]) -> dict[str, Any]:
    """Of a dictionary, what stands under strings: a state's attributes. To hash anything else may take forever."""
    return {key: value for key, value in zip(items[::2], items[1::2], strict=False) if isinstance(key, str)}
