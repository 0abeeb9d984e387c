"""Which predict route a path is, and whom it asks."""

import re
from collections.abc import Sequence

from ..protocols import Endpoint

Route = tuple[Endpoint, str | None, str | None]


class Routes:
    """Looks the predict routes up.

    Parameters
    ----------
    endpoints : sequence of Endpoint
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._fixed: dict[str, Route] = {
            endpoint.path: (endpoint, None, None) for endpoint in endpoints if "{" not in endpoint.path
        }
        named = [endpoint for endpoint in endpoints if "{" in endpoint.path]
        # The longest first: the path with a version looks like a name with slashes to the one without.
        named.sort(key=lambda endpoint: len(endpoint.path), reverse=True)
        self._named = [(_pattern(endpoint.path), endpoint) for endpoint in named]

    def find(self, path: str) -> Route | None:
        """The endpoint of *path*, with the name and the version of a model that it holds."""
        if (fixed := self._fixed.get(path)) is not None:
            return fixed
        for pattern, endpoint in self._named:
            if (found := pattern.fullmatch(path)) is not None:
                parts = found.groupdict()
                return endpoint, parts["name"], parts.get("version")
        return None


def _pattern(path: str) -> re.Pattern[str]:
    # A name may hold what it likes, slashes too: it is looked up, and then is not found.
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(path)), re.DOTALL)
