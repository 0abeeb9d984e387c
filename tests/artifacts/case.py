"""A fault and what must come of it."""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .bench import READY, Act, Bench, Outcome, bench, model, sha256

SKIPPED = "skipped"


class CannotBeHad(Exception):
    """This machine does not let us make the fault."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a case ended, the files that it has left, and what is wrong with that."""

    outcome: Outcome
    left: str
    wrong: list[str]


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table.

    Attributes
    ----------
    name : str
    expected : str
        ``ready`` or the code of the refusal.
    words : sequence of str
        What the refusal says.
    faults : dict
        As `fake_gcs` takes them.
    source : dict
        As `Bench` takes it.
    budget_s, within_s : float
        For the start; for its end, whatever happens.
    loaded : bytes
        What must have been loaded.
    keeps_part : bool
        Whether what came stays for the next attempt.
    act : callable
    """

    name: str
    expected: str
    words: Sequence[str] = ()
    faults: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    budget_s: float = 5.0
    within_s: float = 5.0
    loaded: bytes = field(default_factory=model)
    keeps_part: bool = False
    act: Act = Bench.start

    def run(self) -> Result:
        with bench(**self.faults) as here:
            here.source.update(self.source)
            try:
                outcome = self.act(here, self.budget_s)
            except CannotBeHad as reason:
                return Result(Outcome(SKIPPED, str(reason), 0.0), "", [])
            except (AssertionError, subprocess.SubprocessError) as failure:
                return Result(Outcome("failed", str(failure), 0.0), "", [str(failure)])
            left = here.left()
            told = ", ".join(f"{len(files)} in {folder}" for folder, files in left.items() if files)
            return Result(outcome, told or "nothing", list(self._wrong(outcome, left)))

    def _wrong(self, outcome: Outcome, left: dict[str, list[Path]]) -> Iterator[str]:
        if outcome.code != self.expected:
            yield f"expected {self.expected}, got {outcome.code}"
        if outcome.passed_s > self.within_s:
            yield f"took {outcome.passed_s:.1f} s"
        if "\n" in outcome.said or len(outcome.said) > 600:
            yield "says more than a line"
        yield from (f"does not say {words!r}" for words in self.words if words not in outcome.said)
        if outcome.code == READY and outcome.sha256 != sha256(self.loaded):
            yield "loaded other bytes"
        if any(path.name != sha256(path.read_bytes()) for path in left["sha256"]):
            yield "a file is not what its name says"
        if (outcome.code == READY) != bool(left["sha256"]):
            yield "an artifact too many or too few in the cache"
        if bool(left["partial"]) != self.keeps_part:
            yield "a part was left" if left["partial"] else "nothing was left to go on with"
