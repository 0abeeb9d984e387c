"""How many threads this process computes with: as many as its container has CPUs, and not its node.

A thread more than the limit allows makes nothing faster: the kernel stops all of them for the rest of each period.

References
----------
Linux, "Control Group v2", cpu.max; "CFS Bandwidth Control", cpu.cfs_quota_us.
"""

import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path

#: What OpenMP (scikit-learn, PyTorch), the libraries of linear algebra, and joblib (``n_jobs``) read.
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


def limit(environment: MutableMapping[str, str], count: int) -> None:
    """Have libraries use *count* threads, but for those whose variable is set.

    They read it when they are loaded: call this before NumPy is imported.
    """
    for name in VARIABLES:
        environment.setdefault(name, str(count))


def available(*, mount: Path = Path("/sys/fs/cgroup"), groups: Path = Path("/proc/self/cgroup")) -> int:
    """The whole CPUs that this process may use at a time; at least one.

    Parameters
    ----------
    mount : Path
        Of the cgroups, version 1 or 2.
    groups : Path
        Which of them this process is in.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min([cpus, *_quotas(mount, groups)])))


def bound_joblib() -> None:
    """Have ``n_jobs`` of estimators mean threads of this process, and no more than it has CPUs.

    joblib's own default is a process each, with a copy of the model.
    """
    import joblib
    from joblib.parallel import SequentialBackend, ThreadingBackend

    most = joblib.cpu_count()

    class Bounded(ThreadingBackend):
        def effective_n_jobs(self, n_jobs: int | None) -> int:
            return min(super().effective_n_jobs(n_jobs), most)

        def get_nested_backend(self) -> tuple[SequentialBackend, None]:
            # An ensemble of ensembles would have the square of it.
            return SequentialBackend(nesting_level=self.nesting_level), None

    joblib.register_parallel_backend("bounded", Bounded, make_default=True)


def _quotas(mount: Path, groups: Path) -> Iterator[float]:
    """Of this process's group, and of those around it, in CPUs."""
    for folder in _folders(mount, groups):
        words = _read(folder / "cpu.max") or _read(folder / "cpu.cfs_quota_us") + _read(folder / "cpu.cfs_period_us")
        # "max" and -1 say that there is none.
        if len(words) == 2 and all(word.isdecimal() for word in words):
            yield int(words[0]) / int(words[1])


def _folders(mount: Path, groups: Path) -> Iterator[Path]:
    try:
        lines = groups.read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # A container often sees its own group as the root, under whatever path its host knows it.
        for root in {mount / controllers, mount / "cpu"} if controllers else {mount}:
            group = root / path.lstrip("/")
            yield from (each for each in (group, *group.parents) if each.is_relative_to(root))


def _read(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
