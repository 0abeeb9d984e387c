"""Compares this server with others on the same models and rows, side by side in one run: `make benchmark`.

Every server is pinned to one core, wrk to another. All servers of a model are started, then frozen, and thawed one at
a time in turn, repetition by repetition, so that a machine whose speed drifts is slow for all of them. Answers are
compared with those of the estimator in this process before anything is measured.
"""

import argparse
import compileall
import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import payloads
import report
from models import Model, train
from payloads import Payload
from servers import BENCH, CLIENT_CPU, HERE, ROOT, SERVERS, Running, Server


@dataclass(frozen=True, slots=True)
class Load:
    """How a model is asked: *clients* at once, each with *rows* rows a request."""

    model: str
    clients: int
    rows: int


LOADS = [
    Load("pipeline", 64, 1),
    Load("pipeline", 1, 1),
    Load("pipeline", 8, 100),
    Load("forest", 64, 1),
    Load("forest", 1, 1),
    Load("network", 64, 1),
    Load("network", 2, 10_000),
]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=5)
    options.add_argument("--seconds", type=int, default=3, help="of each measurement, after one of warm-up")
    options.add_argument("--only", default="", help="servers whose names hold this, and ours")
    options.add_argument("--report", type=Path, help="write docs/PERFORMANCE.md and its picture below this folder")
    chosen = options.parse_args()
    results = BENCH / "results.jsonl"
    servers = [server for server in SERVERS if server.is_ours or chosen.only in server.name]
    # As pip does for the others: this server runs from its sources.
    compileall.compile_dir(ROOT / "model_deployment_app", quiet=1)
    with results.open("w") as file:
        models = train(BENCH / "models")
        _warm(models[0], servers)
        for model in models:
            for line in _compare(model, servers, repetitions=chosen.repetitions, seconds=chosen.seconds):
                file.write(json.dumps(line) + "\n")
                file.flush()
                print("  ".join(f"{key}={value}" for key, value in line.items()), flush=True)
    if chosen.report:
        report.write([json.loads(line) for line in results.read_text().splitlines()], chosen.report)


def _free_ports() -> Iterator[int]:
    """Ports that nobody listens on; MLServer takes the one a thousand above as well."""
    for port in range(18_100, 19_000):
        with contextlib.suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1000))
            first.close()
            second.close()
            yield port


def _start(server: Server, model: Model, port: int) -> Running:
    first = payloads.write(model, model.rows(1), server.dialect, server.output, BENCH / "payloads")
    return Running(server, model, port, first)


def _warm(model: Model, servers: list[Server]) -> None:
    """Start and end each once, so that of every environment the same lies in the memory for files."""
    for server, port in zip(servers, _free_ports(), strict=False):
        with _start(server, model, port):
            pass


def _compare(model: Model, servers: list[Server], *, repetitions: int, seconds: int) -> Iterator[dict]:
    """Start all *servers* with *model*, and yield a line for each that is known of them."""
    ports = _free_ports()
    with contextlib.ExitStack() as stack:
        started: list[Running] = []
        for server in servers:
            running = stack.enter_context(_start(server, model, next(ports)))
            started.append(running)
            yield {
                "model": model.name,
                "server": server.name,
                "cold_s": running.cold_s,
                "memory_mb": running.memory_mb(),
            }
            running.freeze()
        for load in [each for each in LOADS if each.model == model.name]:
            rows = model.rows(load.rows)
            bodies = {
                each.name: payloads.write(model, rows, each.dialect, each.output, BENCH / "payloads")
                for each in servers
            }
            for repetition in range(repetitions):
                for running in started:
                    payload = bodies[running.server.name]
                    running.thaw()
                    if repetition == 0:
                        _check(running, payload, model.answers(rows))
                    measured = _measure(running, payload, load.clients, seconds)
                    measured["memory_mb"] = running.memory_mb()
                    running.freeze()
                    yield {"server": running.server.name, **asdict(load), "repetition": repetition, **measured}


def _check(running: Running, payload: Payload, expected: np.ndarray) -> None:
    got = payloads.numbers(*running.ask(payload))
    # Theirs may compute in single precision what ours computes in double, and the other way round.
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6, err_msg=running.server.name)


def _measure(running: Running, payload: Payload, clients: int, seconds: int) -> dict[str, float]:
    _wrk(running.url, payload, clients, 1)
    cpu_s, began = running.cpu_s(), time.monotonic()
    counted = _wrk(running.url, payload, clients, seconds)
    assert counted["errors"] == 0, (
        f"{running.server.name}: {counted['errors']} errors\n{running.log.read_text()[-2000:]}"
    )
    return {
        "requests_s": counted["requests"] / counted["us"] * 1e6,
        "p50_ms": counted["p50_us"] / 1000,
        "p99_ms": counted["p99_us"] / 1000,
        "cpu_us": (running.cpu_s() - cpu_s) / max(counted["requests"], 1) * 1e6,
        "wall_s": time.monotonic() - began,
    }


def _wrk(url: str, payload: Payload, clients: int, seconds: int) -> dict[str, float]:
    command = ["taskset", "-c", CLIENT_CPU, "wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s"]
    answer = subprocess.run(
        [*command, "-s", str(HERE / "post.lua"), url],
        env={
            **os.environ,
            "BODY": str(payload.body),
            "MEDIA_TYPE": payload.media_type,
            "HEADER_LENGTH": payload.header_length,
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    [line] = [line for line in answer.splitlines() if line.startswith("JSON ")]
    return json.loads(line.removeprefix("JSON "))


if __name__ == "__main__":
    main()
