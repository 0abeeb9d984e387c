"""Unpickling that only puts together what is on a list (`_allowed`), and refuses the rest before it is imported.

The list alone would not do. Pickle's machine calls, updates and appends to whatever lies on its stack, by attributes
that the pickle itself may have set. Here it calls what was named, changes what it has made, and no more.
"""

import _compat_pickle
import pickle
from collections.abc import Collection
from types import MemberDescriptorType
from typing import Any, BinaryIO

import numpy as np

from ._allowed import is_allowed
from ._unpickler import ArrayWrapper, Placement, Unpickler


class UnknownName(pickle.UnpicklingError):
    """A name that is not on the list."""

    def __init__(self, module: str, name: str) -> None:
        super().__init__(f"{module}.{name}")
        self.module = module
        self.name = name


class UnsafePickle(pickle.UnpicklingError):
    """What no pickler writes: the words say what it does."""


class RestrictedUnpickler(Unpickler):
    """Reads pickles of exact names.

    Parameters
    ----------
    stream : BinaryIO
    placement : Placement
    trusted : collection of str
        Names that are allowed beside the list.

    Raises
    ------
    UnknownName
        At the first name that is not allowed.
    UnsafePickle
        At what would change more than the pickle's own objects, or forge memory.
    """

    dispatch = Unpickler.dispatch.copy()

    def __init__(self, stream: BinaryIO, placement: Placement, trusted: Collection[str]) -> None:
        super().__init__(stream, placement)
        self.fix_imports = False  # `find_class` does, before it looks
        self._trusted = trusted
        # By identity, and kept alive: an address must not come to mean something else.
        self._named: dict[int, Any] = {}
        self._built: dict[int, Any] = {}
        self._forwarding: list[Any] = []

    def nested(self) -> "RestrictedUnpickler":
        return RestrictedUnpickler(self.file_handle, self.placement, self._trusted)

    def find_class(self, module: str, name: str) -> Any:
        if self.proto < 3:
            module, name = modern(module, name)
        if not is_allowed(module, name, self._trusted):
            raise UnknownName(module, name)
        found = _OURS.get((module, name)) or super().find_class(module, name)
        self._named[id(found)] = found
        return found

    def get_extension(self, code: int) -> None:
        raise UnsafePickle("uses an extension code")

    def load_reduce(self) -> None:
        self._check_named(self.stack[-2])
        super().load_reduce()

    def load_newobj(self) -> None:
        self._check_named(self.stack[-2])
        super().load_newobj()

    def load_newobj_ex(self) -> None:
        self._check_named(self.stack[-3])
        super().load_newobj_ex()

    def _instantiate(self, klass: Any, args: list[Any]) -> None:
        self._check_named(klass)
        super()._instantiate(klass, args)

    def load_build(self) -> None:
        thing, state = self.stack[-2:]
        if id(thing) in self._named or id(thing) in self._built:
            raise UnsafePickle(f"sets the state of {_shown(thing)}, which is not its own or has one already")
        if isinstance(thing, np.ndarray) and thing.size:  # its memory would be freed, and may be another array's too
            raise UnsafePickle("sets the state of an array that has content")
        if isinstance(thing, np.dtype):
            self.stack.pop()
            self._replace(thing, rebuilt(thing, state))
            return
        self._built[id(thing)] = thing
        if isinstance(thing, ArrayWrapper):
            _check_wrapper(state)
        setter = getattr(thing, "__setstate__", None)
        if setter is None:
            _check_slots(thing, state)
        elif getattr(setter, "__self__", None) is not thing:
            raise UnsafePickle(f"gives {_shown(thing)} a __setstate__ of its own")
        for part in state if isinstance(state, tuple) else (state,):
            _check_keys(thing, part)
        super().load_build()
        if hasattr(type(thing), "__getattr__"):
            self._forwarding.append(thing)
            _check_forwarding(thing)

    def load_append(self) -> None:
        self._check_kind(self.stack[-2], list)
        super().load_append()

    def load_appends(self) -> None:
        self._check_kind(self.metastack[-1][-1], list)
        super().load_appends()

    def load_additems(self) -> None:
        self._check_kind(self.metastack[-1][-1], set)
        super().load_additems()

    def load_setitem(self) -> None:
        self._check_items(self.stack[-3], self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        self._check_items(self.metastack[-1][-1], self.stack[::2])
        super().load_setitems()

    def load_stop(self) -> None:
        for thing in self._forwarding:  # what they hold may have been changed since they were built
            _check_forwarding(thing)
        super().load_stop()

    for opcode, load in (
        (pickle.REDUCE, load_reduce),
        (pickle.NEWOBJ, load_newobj),
        (pickle.NEWOBJ_EX, load_newobj_ex),
        (pickle.BUILD, load_build),
        (pickle.APPEND, load_append),
        (pickle.APPENDS, load_appends),
        (pickle.ADDITEMS, load_additems),
        (pickle.SETITEM, load_setitem),
        (pickle.SETITEMS, load_setitems),
        (pickle.STOP, load_stop),
    ):
        dispatch[opcode[0]] = load
    del opcode, load

    def _check_named(self, thing: Any) -> None:
        if id(thing) not in self._named:
            raise UnsafePickle(f"calls {_shown(thing)}, which it has not named")

    def _check_kind(self, thing: Any, kind: type) -> None:
        if id(thing) in self._named or not isinstance(thing, kind):
            raise UnsafePickle(f"puts items into {_shown(thing)}")

    def _check_items(self, thing: Any, keys: list[Any]) -> None:
        self._check_kind(thing, dict)
        if hasattr(type(thing), "__getattr__"):  # Bunch: its items are attributes
            _check_keys(thing, dict.fromkeys(key for key in keys if type(key) is str))

    def _replace(self, old: Any, new: Any) -> None:
        self.stack[-1] = new
        # The pickle refers to what was memoized before the state came, as a rule just before.
        for key in reversed(self.memo):
            if self.memo[key] is old:
                self.memo[key] = new
                break


def modern(module: str, name: str) -> tuple[str, str]:
    """The names of Python 3, which protocols 0 to 2 write as those of Python 2."""
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[module, name]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


def dtype(kind: str, *_: Any) -> np.dtype[Any]:
    """Make the dtype of a kind and size, such as "f8"; what a pickle says of it after that is for `rebuilt`."""
    if type(kind) is not str or len(kind) > 20 or "," in kind:
        raise UnsafePickle("makes a dtype of something else than its name")
    return np.dtype(kind)


def rebuilt(kind: np.dtype[Any], state: Any) -> np.dtype[Any]:
    """The dtype that *state* makes of *kind*.

    NumPy takes the state as it comes: it may say of pointers to objects that they are plain bytes, and the bytes of
    an array are then pointers of the pickle's own choice. What this returns NumPy has made from the description.

    Raises
    ------
    UnsafePickle
        If the state says anything else than the description does.
    """
    claimed = np.dtype(kind, copy=True)
    claimed.__setstate__(state)  # type: ignore[attr-defined]
    if claimed.fields is not None and claimed.names is not None:
        parts = [claimed.fields[name] for name in claimed.names]
        made = np.dtype(
            {
                "names": list(claimed.names),
                "formats": [part[0] for part in parts],
                "offsets": [part[1] for part in parts],
                "itemsize": claimed.itemsize,
            },
            align=claimed.isalignedstruct,
        )
    else:
        made = np.dtype(claimed.subdtype if claimed.subdtype is not None else claimed.str)
    if (made.flags, made.itemsize, made.alignment) != (claimed.flags, claimed.itemsize, claimed.alignment):
        raise UnsafePickle("holds a forged dtype")
    return made


def _encoded(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise UnsafePickle("encodes bytes by another encoding than latin1")
    return text.encode("latin1")


#: Of attributes in double underscores, those that functools and typing give to objects.
_HARMLESS = frozenset(
    {"__annotations__", "__doc__", "__module__", "__name__", "__orig_class__", "__qualname__", "__wrapped__"}
)

#: In place of what can do more than a pickle needs.
_OURS: dict[tuple[str, str], Any] = {("numpy", "dtype"): dtype, ("_codecs", "encode"): _encoded}


def _check_wrapper(state: Any) -> None:
    fields = ("subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes")
    if (
        not isinstance(state, dict)
        or any(key not in fields for key in state)
        or not isinstance(state.get("dtype"), np.dtype)
        or not isinstance(state.get("shape"), tuple)
        or any(type(length) is not int or length < 0 for length in state["shape"])
    ):
        raise UnsafePickle("holds a forged array")


def _check_slots(thing: Any, state: Any) -> None:
    """Refuse what `setattr` would give to a property, or take for the class."""
    slots = state[1] if isinstance(state, tuple) and len(state) == 2 else None
    for name in slots or ():
        if not isinstance(getattr(type(thing), name, None), MemberDescriptorType):
            raise UnsafePickle(f"sets {name!r} of {_shown(thing)}, which is no slot")


def _check_keys(thing: Any, attributes: Any) -> None:
    """Refuse names that are more than attributes to Python or NumPy: ``__array_interface__`` is an address."""
    if isinstance(attributes, dict):
        for name in attributes:
            if isinstance(name, str) and name.startswith("__") and name.endswith("__") and name not in _HARMLESS:
                raise UnsafePickle(f"sets {name[:40]!r} of {_shown(thing)}")


def _check_forwarding(thing: Any) -> None:
    """As `_check_keys`, for types that look attributes up in dictionaries that they hold, as layers do.

    Of all names only addresses are refused: such a dictionary may be a vocabulary.
    """
    for part in getattr(thing, "__dict__", {}).values():
        if isinstance(part, dict):
            _check_keys(thing, {name: ... for name in part if isinstance(name, str) and "_interface__" in name})


def _shown(thing: Any) -> str:
    kind = thing if isinstance(thing, type) else type(thing)
    return f"{kind.__module__}.{kind.__qualname__}"
