"""A model is replaced again and again while clients ask it: no answer is lost, and none is of two models."""

import hashlib
import re
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from constants import publish, publish_corrupt

from .servers import running

SWAPS, CLIENTS = 50, 4
BALLAST_BYTES = 4_000_000
ADMIN, CLIENT = {"Authorization": "Bearer root"}, {"Authorization": "Bearer user"}


@dataclass
class Clients:
    """What *CLIENTS* threads have been told, until `stop`."""

    url: str
    answered: list[tuple[str, str, float]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads

    def _ask(self) -> None:
        with httpx2.Client(base_url=self.url, headers=CLIENT, timeout=10, trust_env=False) as http:
            while not self.is_over.is_set():
                try:
                    response = http.post("/predict", json={"instances": [[0.0]]})
                    response.raise_for_status()
                except httpx2.HTTPError as error:
                    self.lost.append(repr(error))
                    continue
                answer = response.json()
                said = (response.headers["x-model-sha256"], answer["model"]["sha256"], answer["predictions"][0])
                self.answered.append(said)


def resident_bytes(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


def test_fifty_swaps_under_load_lose_and_mix_nothing(tmp_path: Path) -> None:
    path = tmp_path / "swapped.joblib"
    numbers: dict[str, int] = {}

    def publish_next(number: int) -> None:
        publish(number, path, ballast_bytes=BALLAST_BYTES)
        numbers[hashlib.sha256(path.read_bytes()).hexdigest()] = number

    publish_next(0)
    config = {
        "name": "swapped",
        "modelType": "joblib",
        "job": "regression",
        "model": {"method": "LOCAL", "path": str(path)},
        "repository": {"loadUnload": True},
        "logLevel": "warning",
    }
    with running(config, tmp_path, environment={"API_KEYS": "user", "ADMIN_API_KEYS": "root"}) as server:
        server.until(server.is_ready)
        clients = Clients(server.url)
        threads = clients.start()
        statuses, probes, resident = [], [], []
        try:
            for number in range(1, SWAPS + 1):
                is_corrupt = number % 5 == 0
                publish_corrupt(path) if is_corrupt else publish_next(number)
                loaded = server.client.post("/v1/models/swapped/load", headers=ADMIN)
                statuses.append((loaded.status_code, is_corrupt))
                probes.append(server.client.get("/readyz").status_code)
                resident.append(resident_bytes(server.process.pid))
        finally:
            clients.is_over.set()
            for thread in threads:
                thread.join()
        health = server.client.get("/health").json()

    grown_bytes = resident[-1] - resident[9]
    sys.stdout.write(
        f"\n{SWAPS} swaps, {len(clients.answered)} answers by {len({said[0] for said in clients.answered})} versions, "
        f"{len(clients.lost)} lost; {BALLAST_BYTES / 1e6:.0f} MB a model, "
        f"RSS {resident[9] / 1e6:.0f} MB after 10 swaps, {resident[-1] / 1e6:.0f} MB after {SWAPS}: "
        f"{grown_bytes / 1e6 / (SWAPS - 10):+.2f} MB a swap\n"
    )
    mixed = [said for said in clients.answered if said[0] != said[1] or abs(numbers[said[0]] - said[2]) > 1e-9]
    assert clients.lost == []
    assert mixed == []
    assert statuses == [(422 if number % 5 == 0 else 200, number % 5 == 0) for number in range(1, SWAPS + 1)]
    assert set(probes) == {200}
    assert len({said[0] for said in clients.answered}) > SWAPS / 4
    assert health["generation"] == SWAPS - SWAPS // 5
    # Every fourth that stays would be more.
    assert grown_bytes < 10 * BALLAST_BYTES
