"""Tries again what a store does not answer."""

import logging
import random
import time
from collections.abc import Callable

import stamina

from .errors import ArtifactUnavailable

logger = logging.getLogger(__name__)

#: With less time, an attempt would end at its own deadline, and hide what the store said at the one before.
SHORTEST_ATTEMPT_S = 0.3


def until_available(load: Callable[[float], object], *, budget_s: float, first_wait_s: float) -> None:
    """Call *load* until the store answers.

    Parameters
    ----------
    load : callable
        Is told how many seconds it has.
    budget_s : float
        For all attempts and waits together.
    first_wait_s : float
        Before the second attempt; twice as long before each that follows, up to ten seconds.

    Raises
    ------
    ArtifactUnavailable
        If there was no answer until then.
    LoadError
        What no further attempt would heal.
    """
    started = time.monotonic()
    attempts = 0

    def pause_s(error: Exception) -> float | bool:
        """How long before the next attempt; False where no time is left for one, or none would help."""
        if not isinstance(error, ArtifactUnavailable):
            return False
        remaining_s = started + budget_s - time.monotonic()
        # Pods that fail together must not come back together.
        wait_s = random.uniform(0.5, 1.0) * min(10.0, first_wait_s * 2 ** (attempts - 1))
        if error.wait_s is not None and error.wait_s < remaining_s:
            wait_s = max(wait_s, error.wait_s)
        if wait_s + SHORTEST_ATTEMPT_S > remaining_s:
            return False
        logger.warning("attempt %d failed, the next in %.1f s: %s", attempts, wait_s, error)
        return wait_s

    try:
        for attempt in stamina.retry_context(on=pause_s, attempts=None, timeout=None):
            with attempt:
                attempts += 1
                load(started + budget_s - time.monotonic())
    except ArtifactUnavailable as error:
        passed_s = time.monotonic() - started
        raise ArtifactUnavailable(f"{error} (attempts: {attempts}, in {passed_s:.0f} s)") from error
