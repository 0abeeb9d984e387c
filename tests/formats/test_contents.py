import io
import pickle
import sys
import tracemalloc

import canaries
import joblib
import numpy as np
import pytest
from canaries import CARRIERS, Call, Name, Raw, joblibbed, pickled
from sklearn.linear_model import LogisticRegression

from model_deployment_app.formats import _contents

MODEL = LogisticRegression().fit([[0.0], [1.0], [2.0]], ["a", "b", "b"])
SYSTEM = Call(Name("os", "system"), ("true",))


def read(content: bytes) -> _contents.Contents:
    return _contents.read(io.BytesIO(content))


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_is_described(protocol):
    contents = read(pickle.dumps([MODEL, np.zeros(5)], protocol))

    assert contents.is_whole
    assert "sklearn.linear_model._logistic.LogisticRegression" in contents.names
    assert contents.sklearn_version == MODEL.__getstate__()["_sklearn_version"]
    assert contents.arrays >= 5
    assert contents.array_bytes >= 40


@pytest.mark.parametrize("compress", [0, 3, ("xz", 3)])
def test_a_joblib_file_is_described(compress):
    stream = io.BytesIO()
    array = np.arange(100_000.0)
    joblib.dump([array, array.astype(object)[:3], MODEL, np.zeros((2, 3), "f4")], stream, compress=compress)

    contents = read(stream.getvalue())

    assert contents.is_whole
    assert list(contents.names)[:2] == ["joblib.numpy_pickle.NumpyArrayWrapper", "numpy.ndarray"]
    assert contents.array_bytes >= 800_000 + 24


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("size", [1000, 100_000])
def test_a_long_array_is_counted_to_the_byte(protocol, size):
    array = np.random.default_rng(0).integers(0, 255, size).astype("u1")

    contents = read(pickle.dumps(array, protocol))

    assert (contents.arrays, contents.array_bytes, contents.is_whole) == (1, size, True)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_what_is_hidden_in_a_carrier_is_named(carrier):
    contents = read(CARRIERS[carrier](SYSTEM))

    assert "os.system" in contents.names


def test_tensors_are_named_and_counted():
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(200, 200)

    contents = read(pickle.dumps(layer))

    assert contents.is_whole
    assert {"torch.nn.modules.linear.Linear", "torch.storage._load_from_bytes", "torch.FloatStorage"} <= set(
        contents.names
    )
    assert contents.unlisted() == []
    assert contents.arrays == 2
    assert contents.array_bytes > 4 * 200 * 200


def test_nothing_is_imported_or_run(tmp_path, monkeypatch):
    (tmp_path / "canary_module.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    every = canaries.calls(tmp_path)

    for name, canary in every.items():
        for packed in (pickled, joblibbed):
            contents = read(packed(canary))
            assert contents.names, name

    assert "canary_module" not in sys.modules
    assert not (tmp_path / "marker").exists()


def test_of_a_pickle_that_is_cut_short_the_beginning_is_known():
    contents = read(pickle.dumps(MODEL)[:-20])

    assert not contents.is_whole
    assert "sklearn.linear_model._logistic.LogisticRegression" in contents.names


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        b"<html>",
        b"\x80\x05\x8e" + b"\xff" * 7 + b"\x0f" + b"few",  # BINBYTES8
        b"\x80\x05\x96" + b"\xff" * 7 + b"\x0f" + b"few",  # BYTEARRAY8
        b"\x80\x05\x8d" + b"\xff" * 7 + b"\x0f" + b"few",  # BINUNICODE8
        b"\x80\x05B\xff\xff\xff\xfffew",
        b"\x80\x02T\xff\xff\xff\x7ffew",
        b"\x80\x05\x95" + b"\xff" * 7 + b"\x0f" + b"few",  # FRAME
        b"L" + b"9" * 1_000_000 + b"L\n.",
        b"(" * 1_000_000,
        b"]" + b"\x85" * 1_000_000 + b".",
        b"N" + b"2\x86" * 60 + b"Ns.",
        b"N" + b"2\x86" * 60 + b"(0\x91.",
        b"\x82\x01.",
        b"P1\n.",
        b"\x97.",
        b"h\x05.",
        b"R.",
        b"b.",
        b"s.",
        b"c\nname\n.",
    ],
    ids=lambda content: repr(content[:12]),
)
def test_a_hostile_stream_costs_little_and_raises_nothing(content):
    tracemalloc.start()
    contents = read(content)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert contents.names == {} or list(contents.names) == [".name"]
    assert peak_bytes < 150_000_000


def test_an_array_that_says_it_is_huge_is_not_made():
    wrapper = Name("joblib.numpy_pickle", "NumpyArrayWrapper")
    state = {"dtype": np.dtype("f8"), "shape": (10**9, 10**9), "order": "C"}

    contents = read(pickled(Call(wrapper, (), pickle.NEWOBJ, state)))

    assert not contents.is_whole


def test_arrays_in_arrays_without_end_are_given_up():
    wrapper = Call(Name("joblib.numpy_pickle", "NumpyArrayWrapper"), (), pickle.NEWOBJ)
    level = pickled(Raw(b"b", (wrapper, {"dtype": np.dtype("O"), "shape": (1,), "order": "C"})))[:-1]

    contents = read(level * 3000)

    assert not contents.is_whole
