import asyncio
import threading

import pytest

from model_deployment_app.app.conversion import MAX_INLINE_BYTES, Conversion
from model_deployment_app.errors import DeadlineExceeded

LARGE = MAX_INLINE_BYTES + 1


@pytest.mark.parametrize(("longest_s", "timeout_s"), [(0.05, None), (0.05, 60.0), (60.0, 0.05)])
def test_what_waits_too_long_is_refused_and_never_done(longest_s, timeout_s):
    gate, done = threading.Event(), []

    async def ask() -> None:
        conversion = Conversion(longest_s)
        first = asyncio.ensure_future(conversion.run(gate.wait, size_bytes=LARGE, timeout_s=timeout_s))
        await asyncio.sleep(0)
        late = conversion.run(lambda: done.append("late"), size_bytes=LARGE, timeout_s=timeout_s)
        with pytest.raises(DeadlineExceeded, match="within 50 ms"):
            await late
        gate.set()
        await asyncio.wait([first])
        await conversion.run(lambda: done.append("next"), size_bytes=LARGE)

    asyncio.run(ask())

    assert done == ["next"]
