"""Pickles that do harm: each leaves a marker behind if anything of it runs."""

import io
import marshal
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from unittest import mock

import joblib
import numpy as np
from joblib.numpy_pickle import NumpyPickler
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler


@dataclass(frozen=True)
class Name:
    """Something that is imported, whether it exists or not."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """The result of a call: by REDUCE, or by NEWOBJ; with a state, by BUILD."""

    function: Any
    arguments: tuple[Any, ...] = ()
    opcode: bytes = pickle.REDUCE
    state: Any = None


@dataclass(frozen=True)
class Raw:
    """Opcodes as they are, after what they work on."""

    opcodes: bytes
    after: tuple[Any, ...] = ()


class _Writes:
    """What a pickler needs to write the above."""

    def save(self, thing: Any, *rest: Any, **options: Any) -> None:
        match thing:
            case Name(module, name) if self.proto >= 4:
                self.save(module)
                self.save(name)
                self.write(pickle.STACK_GLOBAL)
            case Name(module, name):
                self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
            case Call(function, arguments, opcode, state):
                self.save(function)
                self.save(arguments)
                self.write(opcode)
                if state is not None:
                    self.save(state)
                    self.write(pickle.BUILD)
            case Raw(opcodes, after):
                for part in after:
                    self.save(part)
                self.write(opcodes)
            case _:
                super().save(thing, *rest, **options)


class PickleWriter(_Writes, pickle._Pickler):
    pass


class JoblibWriter(_Writes, NumpyPickler):
    dispatch = NumpyPickler.dispatch.copy()


def pickled(thing: Any, protocol: int = 4) -> bytes:
    stream = io.BytesIO()
    PickleWriter(stream, protocol).dump(thing)
    return stream.getvalue()


def joblibbed(thing: Any) -> bytes:
    def dump(inner: Any, file: BinaryIO, protocol: int) -> None:
        PickleWriter(file, protocol).dump(inner)

    stream = io.BytesIO()
    with mock.patch("joblib.numpy_pickle.pickle.dump", dump):  # writes what is inside arrays of objects
        JoblibWriter(stream, protocol=4).dump(thing)
    return stream.getvalue()


def _object_array(thing: Any) -> np.ndarray:
    array = np.empty(2, dtype=object)
    array[:] = [thing, "text"]
    return array


def _compressed(content: bytes) -> bytes:
    stream = io.BytesIO()
    with joblib.compressor._COMPRESSORS["gzip"].compressor_file(stream, 3) as file:
        file.write(content)
    return stream.getvalue()


def _pipeline(thing: Any) -> Pipeline:
    return Pipeline([("scale", StandardScaler()), ("predict", LogisticRegression())], memory=thing)


def _in_storage(thing: Any) -> Call:
    return Call(Name("torch.storage", "_load_from_bytes"), (pickled(thing, 2),))


#: How a canary travels: from an object to an artifact.
CARRIERS: dict[str, Callable[[Any], bytes]] = {
    **{f"protocol-{protocol}": lambda thing, p=protocol: pickled(thing, p) for protocol in range(6)},
    "gzip": lambda thing: _compressed(pickled(thing)),
    "joblib": joblibbed,
    "joblib-gzip": lambda thing: _compressed(joblibbed([np.arange(3), thing])),
    "joblib-object-array": lambda thing: joblibbed(_object_array(thing)),
    "object-array": lambda thing: pickled(_object_array(thing)),
    "pipeline": lambda thing: pickled(_pipeline(thing)),
    "joblib-pipeline": lambda thing: joblibbed(_pipeline(thing)),
    "torch-storage": lambda thing: pickled(_in_storage(thing)),
    "torch-storage-joblib": lambda thing: joblibbed(_pipeline(_in_storage(thing))),
}


def calls(folder: Path) -> dict[str, Call]:
    """Calls of what is not on the list, by name; each makes *folder*/marker, as far as this host has what it calls."""
    marker = str(folder / "marker")
    shell = f"touch {marker}"
    code = f"open({marker!r}, 'w').close()"
    script, array, evil = folder / "script.py", folder / "evil.npy", folder / "evil.pkl"
    script.write_text(code)
    system = Name("os", "system")
    evil.write_bytes(pickled(Call(system, (shell,))))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    array.write_bytes(header.getvalue() + pickled(Call(system, (shell,)), 3))
    path = Call(Name("pathlib", "PurePosixPath"), (marker,))
    open_path = Call(Name("pathlib", "PosixPath"), (marker,))
    compiled = marshal.dumps(compile(code, "canary", "exec"))
    plain: dict[str, tuple[Any, ...]] = {
        "os.system": (shell,),
        "posix.system": (shell,),
        "nt.system": (shell,),
        "os.popen": (shell,),
        "os.mkdir": (marker,),
        "os.open": (marker, 65),
        "subprocess.Popen": (["touch", marker],),
        "subprocess.run": (["touch", marker],),
        "subprocess.check_output": (["touch", marker],),
        "subprocess.getoutput": (shell,),
        "builtins.eval": (code,),
        "builtins.exec": (code,),
        "builtins.open": (marker, "w"),
        "builtins.__import__": ("canary_module",),
        "importlib.import_module": ("canary_module",),
        "runpy.run_path": (str(script),),
        "runpy._run_code": (code, {}),
        "timeit.timeit": ("pass", code),
        "cProfile.run": (code, str(folder / "profile")),
        "code.interact": (),
        "pty.spawn": (["true"],),
        "pydoc.pipepager": ("", f"cat && {shell}"),
        "shutil.copyfile": (str(script), marker),
        "logging.FileHandler": (marker,),
        "zipfile.ZipFile": (marker, "w"),
        "sqlite3.connect": (marker,),
        "urllib.request.urlretrieve": (script.as_uri(), marker),
        "atexit.register": (system, shell),
        "_thread.start_new_thread": (system, (shell,)),
        "weakref.finalize": (Name("builtins", "set"), system, shell),
        "ctypes.CDLL": ("libc.so.6",),
        "builtins.getattr": (Name("builtins", "open"), "__call__"),
        "builtins.type": ("Model", (), {}),
        "functools.reduce": (system, [shell]),
        "pickle.loads": (evil.read_bytes(),),
        "numpy.load": (str(array), None, True),
        "numpy.savetxt": (marker, [1.0]),
        "numpy.memmap": (marker, "u1", "w+", 0, (1,)),
        "numpy.testing._private.utils.runstring": (code, {}),
        "joblib.load": (str(evil),),
        "joblib.numpy_pickle.load": (str(evil),),
        "joblib.dump": ({}, marker),
        "joblib.memory.Memory": (marker,),
        "sklearn.datasets.dump_svmlight_file": ([[1.0]], [1], marker),
        "sklearn.datasets._svmlight_format_io.dump_svmlight_file": ([[1.0]], [1], marker),
        "scipy.io.savemat": (marker, {}, False),
        "pandas.read_pickle": (str(evil),),
        "pandas.io.pickle.to_pickle": ({}, marker),
        "torch.save": ({}, marker),
        "torch.load": (str(evil),),
        "torch.jit.load": (str(evil),),
        "torch._tensor._rebuild_from_type_v2": (system, Name("builtins", "set"), (shell,), {}),
        "cloudpickle.loads": (evil.read_bytes(),),
    }
    canaries = {full: Call(Name(*full.rsplit(".", 1)), arguments) for full, arguments in plain.items()}
    distribution = {"_parse_arg_template": code, "numargs": 0}
    return canaries | {
        "a name alone": Call(Name("canary_module", "Model")),
        "dotted": Call(Name("joblib", "os.system"), (shell,)),
        "dotted method": Call(Name("pathlib", "Path.touch"), (open_path,)),
        "Python 2's eval": Call(Name("__builtin__", "eval"), (code,)),
        "Python 2's commands": Call(Name("commands", "getoutput"), (shell,)),
        "partial": Call(Call(Name("functools", "partial"), (system, shell))),
        "methodcaller": Call(Call(Name("operator", "methodcaller"), ("touch",)), (open_path,)),
        "attrgetter": Call(Call(Name("operator", "attrgetter"), ("name",)), (path,)),
        "map": Call(Name("builtins", "list"), (Call(Name("builtins", "map"), (system, [shell])),)),
        "resolve_name": Call(Call(Name("pkgutil", "resolve_name"), ("os:system",)), (shell,)),
        "marshal": Call(Call(Name("types", "FunctionType"), (Call(Name("marshal", "loads"), (compiled,)), {}))),
        "distribution": Call(Name("scipy.stats._continuous_distns", "uniform_gen"), (), pickle.NEWOBJ, distribution),
        "joblib's old array": Call(
            Name("joblib.numpy_pickle_compat", "NDArrayWrapper"), (), pickle.NEWOBJ, {"filename": str(array)}
        ),
        "joblib's old compressed array": Call(
            Name("joblib.numpy_pickle", "ZNDArrayWrapper"), (), pickle.NEWOBJ, {"filename": str(array)}
        ),
    }
