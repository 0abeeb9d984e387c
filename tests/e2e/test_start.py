"""What a server imports until it answers: each library more is time and memory of every pod."""

import re
from pathlib import Path

from .estimators import Trained
from .servers import START_S, running

#: What is installed, and is for other verbs, other stores, other models, or prettier text.
NEEDLESS = {"attr", "cookiecutter", "google.cloud", "grpc", "pygments", "requests", "ruamel.yaml", "torch", "urllib3"}


def test_a_server_imports_what_it_needs_before_it_listens_and_nothing_else(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    config = trained["iris"].publish(tmp_path)

    with running(config, tmp_path, environment={"PYTHONPROFILEIMPORTTIME": "1"}) as server:
        server.until(server.is_ready)
        answer = server.client.post("/predict", json=trained["iris"].bodies()["rows"])

    assert answer.status_code == 200
    before, started, after = server.log.read_text().partition("Started server process")
    imported = [set(re.findall(r"^import time: .*\| +(\S+)$", part, re.MULTILINE)) for part in (before, after)]
    assert started
    assert "sklearn.pipeline" in imported[0]
    assert not (imported[0] | imported[1]) & NEEDLESS


#: Stands in for what scikit-learn imports if it can. Python drops what is raised in the callback of a weak reference.
SIGNALLING = """
import os, signal, weakref

class Referent: pass

referent = Referent()
reference = weakref.ref(referent, lambda _: os.kill(os.getpid(), signal.SIGTERM))
del referent
raise ImportError
"""


def test_a_signal_in_the_midst_of_importing_is_not_lost(trained: dict[str, Trained], tmp_path: Path) -> None:
    config = trained["iris"].publish(tmp_path)
    (tmp_path / "imported").mkdir()
    (tmp_path / "imported/pandas.py").write_text(SIGNALLING)

    with running(config, tmp_path, environment={"PYTHONPATH": f"{tmp_path}/imported"}) as server:
        status = server.process.wait(START_S)

    assert status == 0
    assert "Started server process" not in (tmp_path / "server.log").read_text()
