import os
import shutil
from pathlib import Path

import pytest

OURS = Path(__file__).parents[1] / ".tools/node_modules/.bin/helm"


@pytest.fixture(scope="session")
def helm() -> str:
    """The helm that make has chosen, or would choose; its whole path, since a test may run it elsewhere."""
    binary = os.environ.get("HELM") or shutil.which("helm") or (str(OURS) if OURS.exists() else None)
    assert binary, "no helm: run make install"
    return str(Path(shutil.which(binary) or binary).absolute())
