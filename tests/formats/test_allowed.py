import subprocess
import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
from sklearn.utils import all_estimators

from model_deployment_app import formats
from model_deployment_app.formats._allowed import ALLOWED, is_allowed, is_program

ROOT = Path(__file__).parents[2]


def test_the_generated_list_is_what_the_script_gives():
    pytest.importorskip("torch")

    result = subprocess.run(
        [sys.executable, "-W", "ignore", ROOT / "scripts/allowed_names.py"], capture_output=True, text=True, check=True
    )

    committed = Path(formats.__file__).with_name("_allowed.txt").read_text(encoding="utf-8")
    assert committed == result.stdout, "run make allowed-names"


def test_every_estimator_is_on_the_list():
    missing = [name for name, kind in all_estimators() if not is_allowed(kind.__module__, kind.__name__, ())]

    assert missing == []


def test_every_name_on_the_list_is_there_and_none_is_a_module():
    wrong = []

    for full in sorted(ALLOWED):
        module, _, name = full.rpartition(".")
        if find_spec(module.partition(".")[0]) is None or name == "PyTorchEstimator":
            continue  # PyTorch is optional
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(getattr(import_module(module), name, sys), ModuleType):
                wrong.append(full)

    assert wrong == []


@pytest.mark.parametrize(
    "full",
    [
        "os.system",
        "posix.system",
        "builtins.eval",
        "builtins.getattr",
        "builtins.type",
        "functools.partial",
        "joblib.load",
        "joblib.numpy_pickle.load",
        "joblib.numpy_pickle.NDArrayWrapper",
        "joblib.numpy_pickle_compat.NDArrayWrapper",
        "numpy.load",
        "numpy.memmap",
        "numpy.testing._private.utils.runstring",
        "scipy.stats._continuous_distns.uniform_gen",
        "sklearn.datasets._openml.fetch_openml",
        "torch.load",
        "torch._tensor._rebuild_from_type_v2",
        "torch.nn.parallel.distributed.DistributedDataParallel",
        "sklearn",
        "",
    ],
)
def test_what_can_run_or_read_is_not_on_the_list(full):
    module, _, name = full.rpartition(".")

    assert not is_allowed(module, name, ())


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sklearn.linear_model", "_logistic.LogisticRegression"),
        ("sklearn", "linear_model._logistic.LogisticRegression"),
        ("their_package", "Model.Inner"),
    ],
)
def test_a_name_with_a_dot_is_never_allowed(module, name):
    assert not is_allowed(module, name, {f"{module}.{name}"})


def test_a_line_allows_a_model_and_no_program():
    assert is_allowed("their_package", "Model", {"their_package.Model"})
    assert not is_allowed("os", "system", {"os.system"})
    assert not is_program("functools", "partial")
    assert is_program("torch.jit._serialization", "load")
    assert not is_program("torchvision.models", "ResNet")
    assert not is_program("numpyro", "load")
