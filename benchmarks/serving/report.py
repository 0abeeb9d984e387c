"""docs/PERFORMANCE.md and its picture, from what one run has measured."""

import platform
import statistics
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

NAIVE = "naive FastAPI"

#: What was aimed at: load, whose requests per second, how many times the best of the others with JSON.
TARGETS = [
    (("pipeline", 64, 1), "ours, V1", 8.0),
    (("forest", 64, 1), "ours, V1", 3.0),
    (("pipeline", 8, 100), "ours, V1", 5.0),
    (("network", 2, 10_000), "ours, V1", 2.0),
    (("network", 2, 10_000), "ours, V2 binary", 3.0),
]

Cell = dict[str, list[dict]]


def write(lines: list[dict], folder: Path) -> None:
    """Write ``PERFORMANCE.md`` and ``performance.svg`` into *folder*."""
    loads: dict[tuple[str, int, int], Cell] = {}
    for line in lines:
        if "repetition" in line:
            cell = loads.setdefault((line["model"], line["clients"], line["rows"]), {})
            cell.setdefault(line["server"], []).append(line)
    starts = {(line["model"], line["server"]): line for line in lines if "cold_s" in line}
    parts = [_HEAD.format(machine=_machine(), targets=_targets(loads, starts))]
    for (model, clients, rows), cell in loads.items():
        parts.append(f"## {model}, {_count(clients, 'client')}, {_count(rows, 'row')} a request\n\n{_table(cell)}")
    parts.append(f"## Start and memory\n\nWith the pipeline, before any load.\n\n{_starts(starts)}")
    (folder / "PERFORMANCE.md").write_text("\n".join(parts))
    _draw(loads, folder / "performance.svg")


_HEAD = """# Performance

Written by `make benchmark`; do not edit. This server and others, on the same models, rows and core, in one run.

{machine}

The server's processes are pinned to one core, `wrk` to the other; the log of requests is off everywhere; one thread for
BLAS. All servers run at once and are frozen but for the one that is measured, in turn, so that they share the machine's
moods. Each figure is the median of all repetitions, with the smallest and the largest behind it. Answers were compared
with `predict_proba` first. *CPU* is the server's own time for one request, *memory* what is resident of it after the
load; what several processes of a server share counts once. A shared virtual machine: believe the ratios, not the
absolute figures.

![requests per second](performance.svg)

## Targets

{targets}
"""


def _machine() -> str:
    [model, *_] = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ] or ["unknown processor"]
    return f"Machine: {model}, {platform.system()} {platform.release()}, Python {platform.python_version()}."


def _targets(loads: dict[tuple[str, int, int], Cell], starts: dict[tuple[str, str], dict]) -> str:
    rows = ["| what | aimed at | reached | |", "| --- | --- | --- | --- |"]
    for load, server, times in TARGETS:
        if load in loads:
            cell = loads[load]
            best = max((name for name in _others(cell) if "binary" not in name), key=lambda name: _rate(cell, name))
            reached = _rate(cell, server) / _rate(cell, best)
            model, clients, count = load
            what = f"{server}: {model}, {_count(clients, 'client')}, {_count(count, 'row')}, against {best}"
            rows.append(_target(what, f"{times:g} x", f"{reached:.1f} x", reached >= times))
    for load in [load for load in loads if load[1] == 1]:
        cell = loads[load]
        ours, best = _middle(cell["ours, V1"], "p50_ms"), min(_middle(cell[name], "p50_ms") for name in _others(cell))
        rows.append(_target(f"p50 with one client: {load[0]}", f"below {best:.2f} ms", f"{ours:.2f} ms", ours < best))
    for key, unit in (("cold_s", "s"), ("memory_mb", "MB")):
        ours, naive = (starts["pipeline", name][key] for name in ("ours, V1", NAIVE))
        what = {"cold_s": "from the start to the first answer", "memory_mb": "memory after the start"}[key]
        rows.append(_target(what, f"at most {naive:.1f} {unit} (naive)", f"{ours:.1f} {unit}", ours <= naive))
    return "\n".join(rows)


def _target(what: str, aimed: str, reached: str, is_reached: bool) -> str:
    return f"| {what} | {aimed} | {reached} | {'reached' if is_reached else '**missed**'} |"


def _others(cell: Cell) -> list[str]:
    return [name for name in cell if not name.startswith("ours") and name != NAIVE]


def _table(cell: Cell) -> str:
    rows = [
        "| server | requests/s | x naive | p50 ms | p99 ms | CPU µs | memory MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in sorted(cell, key=lambda name: -_rate(cell, name)):
        lines = cell[name]
        rates = [line["requests_s"] for line in lines]
        rows.append(
            f"| {name} | {_rate(cell, name):,.0f} ({min(rates):,.0f}-{max(rates):,.0f}) "
            f"| {_rate(cell, name) / _rate(cell, NAIVE):.1f} | {_middle(lines, 'p50_ms'):.2f} "
            f"| {_middle(lines, 'p99_ms'):.2f} | {_middle(lines, 'cpu_us'):,.0f} | {_middle(lines, 'memory_mb'):.0f} |"
        )
    return "\n".join(rows) + "\n"


def _starts(starts: dict[tuple[str, str], dict]) -> str:
    rows = ["| server | to the first answer, s | memory MB |", "| --- | --- | --- |"]
    for (model, server), line in starts.items():
        if model == "pipeline":
            rows.append(f"| {server} | {line['cold_s']:.1f} | {line['memory_mb']:.0f} |")
    return "\n".join(rows) + "\n"


def _draw(loads: dict[tuple[str, int, int], Cell], file: Path) -> None:
    """One panel for each load: requests per second, on an axis of its own."""
    figure, panels = plt.subplots(len(loads), 1, figsize=(9, 2.9 * len(loads)), layout="constrained")
    for panel, ((model, clients, rows), cell) in zip(panels, loads.items(), strict=True):
        names = sorted(cell, key=lambda name: _rate(cell, name))
        rates = [_rate(cell, name) for name in names]
        bars = panel.barh(names, rates, color=["#d1495b" if name.startswith("ours") else "#8d99ae" for name in names])
        panel.bar_label(bars, labels=[f"{rate:,.0f}" for rate in rates], padding=3, fontsize=8)
        panel.set_title(
            f"{model}: {_count(clients, 'client')}, {_count(rows, 'row')} a request", loc="left", fontsize=10
        )
        panel.set_xlabel("requests/s", fontsize=8)
        panel.tick_params(labelsize=8)
        panel.margins(x=0.12)
        panel.spines[["top", "right"]].set_visible(False)
    # The same run gives the same file.
    plt.rcParams["svg.hashsalt"] = "performance"
    figure.savefig(file, metadata={"Date": None})


def _rate(cell: Cell, name: str) -> float:
    return _middle(cell[name], "requests_s")


def _middle(lines: list[dict], key: str) -> float:
    return statistics.median(line[key] for line in lines)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' if number != 1 else ''}"
