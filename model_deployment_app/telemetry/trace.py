"""Which trace a request belongs to.

References
----------
W3C, "Trace Context Level 2", section 3.2, traceparent header.
"""

import random
import re
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NONE = ("0" * 32, "0" * 16)

#: The others are to be passed on as zeros.
_KNOWN_FLAGS = 0x03


@dataclass(frozen=True, slots=True)
class Trace:
    """Our part in a trace.

    Attributes
    ----------
    trace_id : str
        32 hexadecimal digits: the caller's, or made up here.
    span_id : str
        16 hexadecimal digits, of this request alone.
    flags : str
        Two hexadecimal digits; 01 where the caller records the trace, 02 where its id is random.
    """

    trace_id: str
    span_id: str
    flags: str

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def join(traceparent: str | None) -> Trace:
    """Take part in the trace of a caller, or begin one where the header is missing or not well-formed."""
    # Not os.urandom: at each call of the system, a model that computes may keep the event loop from its thread's turn.
    span_id = f"{random.getrandbits(64):016x}"
    if traceparent is not None and (found := _TRACEPARENT.fullmatch(traceparent)):
        version, trace_id, parent_id, flags, rest = found.groups()
        # Later versions may add fields; 00 has none, and ff is not a version.
        if version != "ff" and (version != "00" or rest is None) and trace_id != _NONE[0] and parent_id != _NONE[1]:
            return Trace(trace_id, span_id, f"{int(flags, 16) & _KNOWN_FLAGS:02x}")
    return Trace(f"{random.getrandbits(128):032x}", span_id, "00")
