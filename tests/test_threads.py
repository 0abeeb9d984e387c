import json
import os
import subprocess
import sys

import pytest

from model_deployment_app import threads

V1 = "4:memory:/docker/b7\n2:cpu,cpuacct:/docker/b7\n1:cpuset:/\n"


@pytest.fixture
def available(tmp_path, monkeypatch):
    """The CPUs of a machine that has 64, with the given groups and files of cgroups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)

    def ask(groups, files):
        for name, content in files.items():
            file = tmp_path / "mount" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        (tmp_path / "groups").write_text(groups)
        return threads.available(mount=tmp_path / "mount", groups=tmp_path / "groups")

    return ask


@pytest.mark.parametrize(
    ("limit", "count"),
    [
        ("400000 100000\n", 4),
        ("250000 100000\n", 2),
        ("50000 100000\n", 1),
        ("max 100000\n", 64),
        ("9900000 100000\n", 64),
        ("", 64),
        ("garbage\n", 64),
    ],
)
def test_version_2_limits_to_whole_cpus_and_at_least_one(available, limit, count):
    assert available("0::/\n", {"cpu.max": limit}) == count


def test_the_tightest_of_the_groups_around_a_process_counts(available):
    files = {
        "cpu.max": "max 100000\n",
        "kubepods/cpu.max": "300000 100000\n",
        "kubepods/pod7/cpu.max": "800000 100000\n",
    }

    assert available("0::/kubepods/pod7\n", files) == 3


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct", "cpu,cpuacct/docker/b7"])
@pytest.mark.parametrize(("quota", "count"), [("350000\n", 3), ("20000\n", 1), ("-1\n", 64)])
def test_version_1_limits_under_each_path_that_a_container_may_see(available, folder, quota, count):
    files = {f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": "100000\n"}

    assert available(V1, files) == count


def test_without_cgroups_it_is_what_the_process_may_run_on(tmp_path):
    count = threads.available(mount=tmp_path / "none", groups=tmp_path / "none either")

    assert count == len(os.sched_getaffinity(0))


def test_what_somebody_has_set_stays():
    environment = {"OMP_NUM_THREADS": "7"}

    threads.limit(environment, 2)

    assert environment.pop("OMP_NUM_THREADS") == "7"
    assert set(environment.values()) == {"2"}


COMPUTES = """
import json, os, sys
from model_deployment_app import cli, threads
is_early = "numpy" not in sys.modules
threads.limit(os.environ, 1)
import sklearn.ensemble, torch, threadpoolctl
pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
print(json.dumps([is_early, pools, torch.get_num_threads()]))
"""

ENSEMBLES = """
import json, os, threading, time
from model_deployment_app import threads
threads.limit(os.environ, 2)
os.environ["LOKY_MAX_CPU_COUNT"] = "2"
threads.bound_joblib()
import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor

pids, names = set(), set()

class Told(DummyRegressor):
    def predict(self, rows):
        pids.add(os.getpid()), names.add(threading.current_thread().name)
        Parallel(n_jobs=9)(delayed(time.sleep)(0.001) for _ in range(9))
        time.sleep(0.01)
        return super().predict(rows)

rows = np.zeros((20, 2))
for model in (BaggingRegressor(Told(), 16, n_jobs=-1), BaggingRegressor(Told(), 16, n_jobs=16)):
    model.fit(rows, rows[:, 0]).predict(rows)
forest = RandomForestRegressor(16, n_jobs=16).fit(rows, rows[:, 0])
forest.predict(rows)
print(json.dumps([pids == {os.getpid()}, len(names), effective_n_jobs(-1), effective_n_jobs(16)]))
"""


def run(script):
    variables = {name: value for name, value in os.environ.items() if name not in threads.VARIABLES}
    return json.loads(subprocess.check_output([sys.executable, "-c", script], env=variables, text=True))


def test_every_library_that_computes_keeps_to_the_limit():
    is_early, pools, of_torch = run(COMPUTES)

    # NumPy's library reads the variable once, when it is loaded.
    assert is_early
    assert pools
    assert set(pools) == {1}
    assert of_torch == 1


def test_n_jobs_means_threads_of_this_process_and_no_more_than_its_cpus():
    are_in_process, count_threads, of_all, of_sixteen = run(ENSEMBLES)

    assert are_in_process
    # Two for each of the two ensembles.
    assert count_threads <= 4
    assert (of_all, of_sixteen) == (min(2, os.cpu_count()), min(2, os.cpu_count()))
