from collections.abc import Iterator

import pytest
from fake_gcs import FakeGCS, fake_gcs

from .fetching import BYTES


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGCS]:
    """A store that enforces generations, with one blob."""
    with fake_gcs() as store:
        store.put("models/iris", BYTES, generation=7)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", store.address)
        yield store
