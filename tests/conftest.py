import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def helm() -> str:
    """The helm that make has chosen, or would choose."""
    chosen = os.environ.get("HELM") or shutil.which("helm") or ".tools/node_modules/.bin/helm"
    # make's is relative to the repository; a test may run it elsewhere.
    binary = shutil.which(chosen) or shutil.which(ROOT / chosen)
    assert binary, f"no helm at {chosen}: run make install"
    return str(Path(binary).absolute())


@pytest.fixture(scope="session", autouse=True)
def _nothing_leaks() -> Iterator[None]:
    """What only the collector frees is freed while its warnings still fail a test: pytest-xdist hears no later ones."""
    yield
    gc.collect()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
