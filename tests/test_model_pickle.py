"""Pickles of ``PyTorchEstimator``: made on any device, loaded on any other, for ever."""

import copy
import json
import pickle
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from forged import tagged_as
from numpy.testing import assert_allclose, assert_array_equal
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from model_deployment_app.formats._unpickler import unpickle
from model_deployment_app.model import PyTorchEstimator

FIXTURES = Path(__file__).parent / "fixtures" / "pytorch"
ROWS = np.random.default_rng(0).normal(size=(20, 4))


def net() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 3))


class Tied(torch.nn.Module):
    """Shares one weight between two layers, and holds tensors that PyTorch does not know of."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = torch.nn.Linear(4, 4)
        self.decode = torch.nn.Linear(4, 4)
        self.decode.weight = self.encode.weight
        self.register_buffer("scale", torch.ones(4))
        self.shifts = {"first": [torch.zeros(4)]}

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(rows)) * self.scale + self.shifts["first"][0]


def fake_cuda(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor that says it is on a GPU, on a host without one."""
    faked = FakeTensor(FakeTensorMode(), tensor.detach().to("meta"), torch.device("cuda:0"))
    return torch.nn.Parameter(faked, tensor.requires_grad) if isinstance(tensor, torch.nn.Parameter) else faked


# ---------------------------------------------------------------- the state


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_answers_as_the_estimator_does(protocol):
    estimator = PyTorchEstimator(net(), classes=["a", "b", "c"], n_features_in=4, batch_size=7)

    loaded = pickle.loads(pickle.dumps(estimator, protocol=protocol))

    assert_array_equal(loaded.predict_proba(ROWS), estimator.predict_proba(ROWS))
    assert_array_equal(loaded.classes_, ["a", "b", "c"])
    assert loaded.batch_size == 7


def test_the_state_of_a_module_on_a_gpu_is_on_the_cpu_and_the_module_stays():
    module = Tied()
    module.encode.weight = module.decode.weight = fake_cuda(module.encode.weight)
    module.scale = fake_cuda(module.scale)
    module.shifts["first"][0] = fake_cuda(module.shifts["first"][0])

    state = PyTorchEstimator(module, device="cuda:0").__getstate__()["module"]

    in_state = [*state.parameters(), *state.buffers(), state.shifts["first"][0]]
    assert {tensor.device.type for tensor in in_state} == {"cpu"}
    assert state.encode.weight is state.decode.weight
    assert isinstance(state.encode.weight, torch.nn.Parameter)
    assert module.encode.weight is module.decode.weight
    assert {tensor.device.type for tensor in (module.encode.weight, module.scale, module.shifts["first"][0])} == {
        "cuda"
    }


def test_tied_weights_stay_tied():
    loaded = pickle.loads(pickle.dumps(PyTorchEstimator(Tied())))

    assert loaded.module.encode.weight is loaded.module.decode.weight


def test_a_module_that_knows_its_parent_is_pickled():
    module = net()
    module.child = torch.nn.Linear(1, 1)
    module.child.parent = [module]  # a list, or PyTorch would register it

    loaded = pickle.loads(pickle.dumps(PyTorchEstimator(module)))

    assert loaded.module.child.parent[0] is loaded.module


def test_a_compiled_module_is_pickled_as_it_was_before():
    module = net()

    loaded = pickle.loads(pickle.dumps(PyTorchEstimator(torch.compile(module, backend="eager"))))

    assert type(loaded.module) is torch.nn.Sequential
    assert_array_equal(loaded.predict_proba(ROWS), PyTorchEstimator(module).predict_proba(ROWS))


def test_a_data_parallel_module_is_pickled_without_its_devices():
    module = net()

    loaded = pickle.loads(pickle.dumps(PyTorchEstimator(torch.nn.DataParallel(module))))

    assert type(loaded.module) is torch.nn.Sequential


def test_a_device_that_is_not_here_is_found_anew():
    state = pickle.dumps(PyTorchEstimator(net(), device=torch.device("cuda:5")))

    loaded = pickle.loads(state)

    assert loaded.device == "auto"
    assert len(loaded.predict(ROWS)) == 20


def test_a_device_that_is_here_is_kept():
    assert pickle.loads(pickle.dumps(PyTorchEstimator(net(), device="cpu"))).device == "cpu"


def test_a_gpu_that_fails_keeps_nobody_from_loading(monkeypatch):
    def fail() -> int:
        raise RuntimeError("no kernel image is available")

    contents = [pickle.dumps(PyTorchEstimator(torch.nn.Linear(4, 3), device=device)) for device in ("auto", "cuda")]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "current_device", fail)

    loaded = [pickle.loads(content) for content in contents]

    assert [estimator.device for estimator in loaded] == ["auto", "auto"]
    with pytest.raises(ValueError, match="device='cuda' asked, host cannot use it: no kernel image"):
        loaded[0].predict(np.zeros((1, 4)))


def test_the_state_of_an_earlier_version_gets_what_has_come_since():
    state = PyTorchEstimator(net()).__getstate__()
    del state["batch_size"], state["dtype"]
    loaded = PyTorchEstimator.__new__(PyTorchEstimator)

    loaded.__setstate__(state)

    assert (loaded.batch_size, loaded.dtype) == (1024, "float32")


def test_a_deep_copy_has_a_module_of_its_own():
    estimator = PyTorchEstimator(net())

    copied = copy.deepcopy(estimator)

    assert copied.module is not estimator.module
    assert_array_equal(copied.predict_proba(ROWS), estimator.predict_proba(ROWS))


# ---------------------------------------------------------------- for ever


@pytest.mark.parametrize("name", ["estimator.pkl", "estimator-cuda.joblib"])
def test_the_pickles_of_november_2026_load_for_ever(name):
    published = json.loads((FIXTURES / "answers.json").read_text())
    with (FIXTURES / name).open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a scikit-learn that is newer than the scaler's
        loaded = unpickle(file, device="auto", memory_fraction=None, trusted=())

    assert_allclose(loaded.predict_proba(published["rows"]), published["probabilities"], rtol=1e-5)


def test_the_path_of_the_class_is_the_one_that_every_pickle_names():
    assert (
        f"{PyTorchEstimator.__module__}.{PyTorchEstimator.__qualname__}"
        == "model_deployment_app.model.PyTorchEstimator"
    )


# ---------------------------------------------------------------- where it computes


def test_a_device_that_the_host_has_not_is_one_clear_line():
    with pytest.raises(ValueError, match="device='cuda:3' asked, host has 0 CUDA devices"):
        PyTorchEstimator(net(), device="cuda:3").predict(ROWS)


def test_inputs_follow_the_module_to_its_device():
    estimator = PyTorchEstimator(net(), device="meta")

    # Both are there: had one been left behind, PyTorch would speak of two devices.
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
        estimator.predict(ROWS)


def test_a_device_that_cannot_be_used_is_one_line_too():
    with pytest.raises(ValueError, match="device='xpu' asked, host cannot use it") as caught:
        PyTorchEstimator(net(), device="xpu").predict(ROWS)

    assert "\n" not in str(caught.value)


@pytest.mark.gpu
def test_a_module_computes_on_the_gpu_and_is_pickled_off_it(tmp_path):
    on_cpu = PyTorchEstimator(net(), device="cpu")
    on_gpu = PyTorchEstimator(net(), device="cuda")
    expected = on_cpu.predict_proba(ROWS)

    answered = on_gpu.predict_proba(ROWS)
    joblib.dump(on_gpu, tmp_path / "gpu.joblib")
    loaded = joblib.load(tmp_path / "gpu.joblib")

    assert_allclose(answered, expected, rtol=1e-4)
    assert {weight.device.type for weight in on_gpu.module.parameters()} == {"cuda"}
    assert {weight.device.type for weight in loaded.module.parameters()} == {"cpu"}
    assert_allclose(loaded.set_params(device="cuda:0").predict_proba(ROWS), expected, rtol=1e-4)


@pytest.mark.gpu
def test_what_was_on_a_gpu_is_loaded_onto_the_gpu(tmp_path):
    path = tmp_path / "tensor.pkl"
    with tagged_as("cuda:7"):
        path.write_bytes(pickle.dumps([torch.ones(3), torch.zeros(2)]))

    with path.open("rb") as file:
        loaded = unpickle(file, device="cuda:0", memory_fraction=0.5, trusted=None)

    assert {tensor.device for tensor in loaded} == {torch.device("cuda:0")}
