import re

import pytest

from model_deployment_app.telemetry import trace

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
GIVEN = f"00-{TRACE_ID}-{PARENT_ID}-01"


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        (GIVEN, "01"),
        (f"00-{TRACE_ID}-{PARENT_ID}-00", "00"),
        (f"00-{TRACE_ID}-{PARENT_ID}-03", "03"),
        # What no version knows yet is passed on as zeros.
        (f"00-{TRACE_ID}-{PARENT_ID}-fd", "01"),
        # A later version may have more fields.
        (f"01-{TRACE_ID}-{PARENT_ID}-01", "01"),
        (f"cc-{TRACE_ID}-{PARENT_ID}-01-what-comes-later", "01"),
    ],
)
def test_a_trace_is_joined_with_a_span_of_our_own(given, flags):
    joined = trace.join(given)

    assert (joined.trace_id, joined.flags) == (TRACE_ID, flags)
    assert joined.span_id != PARENT_ID
    assert joined.traceparent == f"00-{TRACE_ID}-{joined.span_id}-{flags}"


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "00",
        GIVEN.upper(),
        f"00-{'0' * 32}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"ff-{TRACE_ID}-{PARENT_ID}-01",
        f"{GIVEN}-more",
        f"{GIVEN}-",
        f"cc-{TRACE_ID}-{PARENT_ID}-01more",
        f"0-{TRACE_ID}-{PARENT_ID}-01",
        f"00-{TRACE_ID[1:]}-{PARENT_ID}-01",
        f"00-{TRACE_ID}0-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{PARENT_ID[1:]}-01",
        f"00-{TRACE_ID}-{PARENT_ID}-1",
        f"00-{TRACE_ID}-{PARENT_ID}-0x",
        f"00_{TRACE_ID}_{PARENT_ID}_01",
        f"{GIVEN}\n",
        f" {GIVEN}",
        f"{GIVEN},{GIVEN}",
        f"00-{TRACE_ID[:-1]}٣-{PARENT_ID}-01",
        f"00-{TRACE_ID[:-1]}ÿ-{PARENT_ID}-01",
        GIVEN * 10_000,
    ],
)
def test_what_is_not_well_formed_begins_a_trace(given):
    begun = trace.join(given)

    assert re.fullmatch("00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-00", begun.traceparent)
    assert begun.trace_id != TRACE_ID
    assert begun.trace_id != trace.join(given).trace_id
