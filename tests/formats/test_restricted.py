"""Pickles that use nothing but allowed names, and put them to a use that no pickler would."""

import io
import pickle
import sys
import types

import joblib
import numpy as np
import pytest
import sklearn
from canaries import Call, Name, Raw, joblibbed, pickled
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer

from model_deployment_app.formats._restricted import UnknownName, UnsafePickle
from model_deployment_app.formats._unpickler import unpickle

MODEL = Name("sklearn.linear_model._logistic", "LogisticRegression")
THING = Name("sklearn.model_selection._split", "KFold")
FROZEN = Name("sklearn.frozen._frozen", "FrozenEstimator")  # looks attributes up elsewhere, as layers do
BUNCH = Name("sklearn.utils._bunch", "Bunch")
ACCURACY = Name("sklearn.metrics._classification", "accuracy_score")
RECONSTRUCT = Name("numpy._core.multiarray", "_reconstruct")
NEW = pickle.NEWOBJ
PUT, GET = b"r\x00\x01\x00\x00", b"j\x00\x01\x00\x00"  # 256 in the memo
ADDRESS = {"data": (0x1000, False), "shape": (4,), "typestr": "<f8", "version": 3}


def restricted(content: bytes, trusted=()):
    return unpickle(io.BytesIO(content), device="cpu", memory_fraction=None, trusted=trusted)


def made(thing, state=None):
    return Call(thing, (), NEW, state)


#: What is done, how, and words of the refusal.
FORGED = {
    "a class gets another method": (Raw(b"N}\x8c\x07predictK\x01s\x86b", (MODEL,)), "sets the state of"),
    "a class gets another state": (Raw(b"}b", (MODEL,)), "sets the state of"),
    "a function gets other defaults": (Raw(b"N}\x8c\x0c__defaults__)s\x86b", (ACCURACY,)), "sets the state"),
    "an object gets a second state": (Raw(b"}b", (made(THING, {"C": 1.0}),)), "has one already"),
    "an object gets __setstate__": (made(THING, {"__setstate__": ACCURACY}), "sets '__setstate__'"),
    "an object gets __array_interface__": (made(THING, {"__array_interface__": ADDRESS}), "sets '__array_interface__'"),
    "an object gets another class": (Raw(b"N}\x8c\x09__class__K\x01s\x86b", (made(THING),)), "which is no slot"),
    "a property is set": (Raw(b"N}\x8c\x08n_splitsK\x01s\x86b", (made(THING),)), "which is no slot"),
    "a list that is none": (Raw(b"(K\x01e", (made(THING, {"extend": ACCURACY}),)), "puts items into"),
    "a list that is none, by one": (Raw(b"K\x01a", (made(THING, {"append": ACCURACY}),)), "puts items into"),
    "a set that is none": (Raw(b"(K\x01\x90", (made(THING, {"add": ACCURACY}),)), "puts items into"),
    "a dict that is none": (Raw(b"K\x01K\x01s", (made(THING, {}),)), "puts items into"),
    "items of an array": (Raw(b"(K\x00K\x01u", (np.arange(3),)), "puts items into"),
    "items of a Bunch": (Raw(b"(\x8c\x13__array_interface__}u", (made(BUNCH),)), "sets '__array_interface__'"),
    "an instance is called": (Call(make_scorer(accuracy_score), (1, 2, 3)), "calls sklearn.metrics._scorer._Scorer"),
    "an instance is a class": (made(made(THING, {"C": 1})), "calls"),
    "an instance is a class, with keywords": (Raw(b")}\x92", (made(THING),)), "calls"),
    "Python 2's instance": (Raw(b"(iposix\nsystem\n"), "posix.system"),
    "Python 2's object": (Raw(b"(cposix\nsystem\no"), "posix.system"),
    "a string is called": (Call("text"), "calls builtins.str"),
    "an array with content gets a state": (
        Raw(b"(K\x01K\x01\x85\x8c\x02f8\x89U\x00tb", (Call(RECONSTRUCT, (Name("numpy", "ndarray"), (5,), "f8")),)),
        "an array that has content",
    ),
    "an extension code": (Raw(b"\x82\x01"), "extension code"),
    "a persistent id": (Raw(b"P1\n"), "persistent"),
    "a buffer from elsewhere": (Raw(b"\x97"), "out-of-band"),
    "bytes of a codec": (Call(Name("_codecs", "encode"), ("text", "idna")), "another encoding"),
    "a dtype of an object": (Call(Name("numpy", "dtype"), (made(THING),)), "something else than its name"),
    "pointers called bytes": (
        Call(Name("numpy", "dtype"), ("O8", False, True), pickle.REDUCE, (3, "|", None, None, None, -1, -1, 0)),
        "forged dtype",
    ),
    "numbers called pointers": (
        Call(Name("numpy", "dtype"), ("f8", False, True), pickle.REDUCE, (3, "<", None, None, None, -1, -1, 63)),
        "forged dtype",
    ),
    "fields of pointers": (
        Call(
            Name("numpy", "dtype"),
            ("V8", False, True),
            pickle.REDUCE,
            (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0),
        ),
        "forged dtype",
    ),
    "fields beyond the end": (
        Call(
            Name("numpy", "dtype"),
            ("V8", False, True),
            pickle.REDUCE,
            (3, "|", None, ("a",), {"a": (np.dtype("f8"), 8)}, 8, 1, 0),
        ),
        "requires 16 bytes",
    ),
    "an array that reads itself": (
        made(
            Name("joblib.numpy_pickle", "NumpyArrayWrapper"),
            {"dtype": np.dtype("f8"), "shape": (1,), "order": "C", "read": ACCURACY},
        ),
        "forged array",
    ),
    "an array of minus one": (
        made(Name("joblib.numpy_pickle", "NumpyArrayWrapper"), {"dtype": np.dtype("f8"), "shape": (-1,), "order": "C"}),
        "forged array",
    ),
}


#: What pickle itself refuses.
_NOT_OURS = ("a persistent id", "a buffer from elsewhere", "fields beyond the end")


@pytest.mark.parametrize("case", FORGED)
@pytest.mark.parametrize("packed", [pickled, joblibbed])
def test_what_no_pickler_writes_is_refused(case, packed):
    forged, words = FORGED[case]
    before = dict(vars(LogisticRegression)), accuracy_score.__defaults__, dict(vars(accuracy_score))

    with pytest.raises(Exception, match=words) as raised:
        restricted(packed(forged))

    assert (dict(vars(LogisticRegression)), accuracy_score.__defaults__, dict(vars(accuracy_score))) == before
    assert isinstance(raised.value, UnsafePickle | UnknownName) or case in _NOT_OURS


def test_fields_that_change_after_their_dtype_was_made_do_not_change_it():
    _, arguments, state = np.dtype([("a", "f8")]).__reduce__()
    fields = Raw(PUT, (state[4],))
    kind = Call(Name("numpy", "dtype"), arguments, pickle.REDUCE, (*state[:4], fields, *state[5:]))
    change = Raw(b"s", (Raw(GET), "a", (np.dtype("O"), 0)))

    loaded = restricted(pickled([kind, change]))

    assert loaded[0] == np.dtype([("a", "f8")])
    assert loaded[1]["a"] == (np.dtype("O"), 0)


def test_a_layer_does_not_pass_addresses_on():
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(1, 1)
    forwarded = torch.nn.Sequential(layer)
    forwarded._modules["__array_interface__"] = ADDRESS

    with pytest.raises(UnsafePickle, match="sets '__array_interface__'"):
        restricted(pickled(forwarded))


def test_a_layer_that_is_changed_after_it_was_made_does_not_pass_addresses_on():
    layers = Raw(PUT, ({"a": 1},))
    change = Raw(b"s", (Raw(GET), "__array_interface__", ADDRESS))

    with pytest.raises(UnsafePickle, match="sets '__array_interface__'"):
        restricted(pickled([made(FROZEN, {"_modules": layers, "_sklearn_version": sklearn.__version__}), change]))


def test_a_vocabulary_of_dunder_words_is_no_forgery():
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(1, 1)
    layer.vocabulary = {"__pad__": 0, "__init__": 1}

    loaded = restricted(pickle.dumps(layer))

    assert loaded.vocabulary == layer.vocabulary


DTYPES = [
    "f8", ">f8", "i1", "?", "c16", "g", "O", "S3", "U5", "V4", "M8[D]", "m8[25s]", "f4, i8, O", "(2,3)f4",
    [("a", "f8"), ("b", [("c", "O"), ("d", "U2")])],
    np.dtype([("a", "i1"), ("b", "f8")], align=True),
    np.dtype({"names": ["a", "b"], "formats": ["i1", "O"], "offsets": [0, 16], "itemsize": 32}),
]  # fmt: skip


@pytest.mark.parametrize("kind", DTYPES, ids=str)
def test_arrays_of_every_dtype_are_read_as_they_were_written(kind):
    dtype = np.dtype(kind)
    array = np.zeros(3, dtype)
    artifacts = [pickle.dumps({"a": array, "b": [dtype, array]}, protocol) for protocol in range(6)]
    stream = io.BytesIO()
    joblib.dump({"a": array, "b": [dtype, array]}, stream)

    for content in [*artifacts, stream.getvalue()]:
        loaded = restricted(content)

        for read in (loaded["a"], loaded["b"][1]):
            assert read.dtype == array.dtype.newbyteorder("=") or read.dtype == array.dtype
            assert read.dtype.isalignedstruct == array.dtype.isalignedstruct
            assert read.tolist() == array.tolist()
        assert loaded["b"][0] == dtype


def test_what_is_trusted_by_name_is_exactly_that(monkeypatch):
    package = types.ModuleType("their_package")
    package.Model, package.Other = type("Model", (), {"Inner": object}), object
    monkeypatch.setitem(sys.modules, "their_package", package)
    trusted = {"their_package.Model"}

    loaded = restricted(pickled(made(Name("their_package", "Model"), {"a": 1})), trusted)

    assert (type(loaded).__name__, loaded.a) == ("Model", 1)
    for module, name in [
        ("their_package", "Other"),
        ("their_package", "Model.Inner"),
        ("their_package.Model", "Inner"),
        ("their_package", "model"),
        ("their_package", "Model "),
    ]:
        with pytest.raises(UnknownName):
            restricted(pickled(made(Name(module, name))), trusted)
