"""An exception in a line of the log: where it comes from, and what it says only where that may be known."""

import traceback

from ..errors import printable

#: The innermost calls of each exception; a recursion without end has a thousand.
_MAX_CALLS = 40


def told(error: BaseException, *, has_words: bool) -> str:
    """*error* and what has caused it, as Python prints them, the root first.

    Parameters
    ----------
    error : BaseException
    has_words : bool
        Whether to tell their messages. A model's may quote a row.
    """
    stacks: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        calls = traceback.format_tb(current.__traceback__, limit=-_MAX_CALLS)
        lines = [printable(line) for line in "".join(calls).splitlines()]
        # In one line: what follows could look like a line of the log.
        said = printable("".join(traceback.format_exception_only(current)).strip()) if has_words else _kind(current)
        stacks.append("\n".join(["Traceback (most recent call last):", *lines, said]))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n\n".join(reversed(stacks))


def _kind(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
