"""What is done to a cache, a disk, a process or credentials, around a start."""

import contextlib
import gc
import gzip
import json
import os
import shutil
import signal
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from fake_gcs import Ask, FakeGCS, Reply, well

from .bench import GENERATION, READY, Act, Bench, Outcome, environment, model, outcome_of, sha256
from .case import CannotBeHad
from .faults import CUT, HALF, all_of, lacking, with_reply, without

RACERS = 8
KILLS = 4


def after_damage(damage: Callable[[Bench], None]) -> Act:
    """A second start, once the cache that the first has left was damaged."""

    def act(bench: Bench, budget_s: float) -> Outcome:
        first = bench.start(budget_s)
        assert first.code == READY, first.said
        damage(bench)
        return bench.start(budget_s)

    return act


def cut_artifact(bench: Bench) -> None:
    os.truncate(bench.left()["sha256"][0], HALF)


def flipped_artifact(bench: Bench) -> None:
    [path] = bench.left()["sha256"]
    path.chmod(0o600)
    path.write_bytes(b"\0" + path.read_bytes()[1:])


def folder_for_artifact(bench: Bench) -> None:
    [path] = bench.left()["sha256"]
    path.unlink()
    (path / "within").mkdir(parents=True)


def garbled_index(bench: Bench) -> None:
    [path] = bench.left()["index"]
    path.write_bytes(b"\xff\0 \xff")


def file_for_folder(bench: Bench) -> None:
    [path] = bench.left()["sha256"]
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file in the folder's place")


def unreachable_store(bench: Bench) -> None:
    os.environ["STORAGE_EMULATOR_HOST"] = "http://127.0.0.1:9"


def stored_compressed(bench: Bench, budget_s: float) -> Outcome:
    content = gzip.compress(model(), mtime=0)
    bench.store.put("models/iris/iris.joblib", content, generation=GENERATION, encoding="gzip")
    return bench.start(budget_s)


def garbage_first(bench: Bench, budget_s: float) -> Outcome:
    """What a former process has left is not what the blob begins with."""
    bench.store.sending = [CUT, well]
    outcome_of(bench.process())
    [part] = bench.left()["partial"]
    part.write_bytes(b"x" * HALF)
    return bench.start(budget_s)


def cache_gone(bench: Bench, budget_s: float) -> Outcome:
    def remove(store: FakeGCS, ask: Ask, reply: Reply) -> None:
        shutil.rmtree(bench.cache_dir)

    bench.store.sending = [remove]
    return bench.start(budget_s)


def racing(bench: Bench, budget_s: float) -> Outcome:
    processes = [bench.process() for _ in range(RACERS)]
    outcomes = [outcome_of(process) for process in processes]
    assert {outcome.sha256 for outcome in outcomes} == {sha256(model())}, outcomes
    assert len(bench.store.of("send")) == 1, "one download serves all"
    return max(outcomes, key=lambda outcome: outcome.passed_s)


def killed(bench: Bench, budget_s: float) -> Outcome:
    """SIGKILL in mid-download, again and again; each time what came stays, and only the rest is asked for."""
    step = len(model()) // (KILLS + 1)
    bench.store.sending = [*[with_reply(stall_at=step)] * KILLS, well]
    for kills in range(1, KILLS + 1):
        process = bench.process()
        until(lambda kills=kills: sum(path.stat().st_size for path in bench.left()["partial"]) >= kills * step)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    outcome = bench.start(budget_s)
    assert bench.store.sent_bytes == len(model()), "no byte is sent twice"
    return outcome


def until(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.005)


def without_room(bench: Bench, budget_s: float) -> Outcome:
    """Files may not grow beyond half of the artifact: to a writer, the same as a disk that fills up (EFBIG)."""
    return outcome_of(
        bench.process(before=f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({HALF}, {HALF}))\n")
    )


def on_a_full_disk(bench: Bench, budget_s: float) -> Outcome:
    """A small file system, whose room a neighbour takes before the first byte of unknown many comes (ENOSPC)."""

    def fill(store: FakeGCS, ask: Ask, reply: Reply) -> None:
        with contextlib.suppress(OSError), (bench.cache_dir / "neighbour").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    bench.store.describing = [lacking("size")]
    bench.store.sending = [all_of(without("Content-Length"), fill)]
    bench.cache_dir.mkdir()
    with small_disk(bench.cache_dir):
        return bench.start(budget_s)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", folder]
    try:
        subprocess.run(mount, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotBeHad(f"no tmpfs can be mounted: {getattr(error, 'stderr', error)}") from None
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def with_credentials(file: str | None) -> Act:
    """A file of credentials, or none, in place of the emulator's anonymity; no machine's own are found."""

    def act(bench: Bench, budget_s: float) -> Outcome:
        folder = bench.cache_dir.parent
        federated = {
            "type": "external_account",
            # One that names a project would have it looked up.
            "audience": "//iam.googleapis.com/locations/global/workforcePools/pool/providers/cluster",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{bench.store.address}/token",
            "credential_source": {"file": str(folder / "subject")},
        }
        (folder / "federated.json").write_text(json.dumps(federated))
        (folder / "subject").write_text("a pod's own token")
        (folder / "broken.json").write_text("{")
        (folder / "list.json").write_text("[]")
        variables = {
            "STORAGE_EMULATOR_HOST": None,
            "API_ENDPOINT_OVERRIDE": bench.store.address,
            "GOOGLE_APPLICATION_CREDENTIALS": file and str(folder / file),
            "CLOUDSDK_CONFIG": str(folder),
            "NO_GCE_CHECK": "true",
        }
        with environment(variables), warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # Google's library leaves its own connections open
            outcome = bench.start(budget_s)
            gc.collect()
        return outcome

    return act
