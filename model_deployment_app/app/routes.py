"""Which predict route a path is, and whom it asks."""

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import unquote

import httptools

from ..protocols import Endpoint
from . import prefix

Route = tuple[Endpoint, str | None, str | None]

#: Longer targets are not remembered: a client can send as many as it likes.
_MAX_KNOWN_BYTES = 256


class Routes:
    """Looks the predict routes up.

    Parameters
    ----------
    endpoints : sequence of Endpoint
    root_path : str
        As `PathPrefix` takes it.
    """

    def __init__(self, endpoints: Sequence[Endpoint], *, root_path: str = "") -> None:
        self._prefix = prefix.normal(root_path)
        self._known = lru_cache(maxsize=256)(self._at)
        self._fixed: dict[str, Route] = {
            endpoint.path: (endpoint, None, None) for endpoint in endpoints if "{" not in endpoint.path
        }
        named = [endpoint for endpoint in endpoints if "{" in endpoint.path]
        # The longest first: the path with a version looks like a name with slashes to the one without.
        named.sort(key=lambda endpoint: len(endpoint.path), reverse=True)
        self._named = [(_pattern(endpoint.path), endpoint) for endpoint in named]

    def at(self, url: bytes) -> tuple[str, Route] | None:
        """The path of a request's target, without the prefix, and the route that it is; None if it is none."""
        return self._known(url) if len(url) <= _MAX_KNOWN_BYTES else self._at(url)

    def find(self, path: str) -> Route | None:
        """The endpoint of *path*, with the name and the version of a model that it holds."""
        if (fixed := self._fixed.get(path)) is not None:
            return fixed
        for pattern, endpoint in self._named:
            if (found := pattern.fullmatch(path)) is not None:
                parts = found.groupdict()
                return endpoint, parts["name"], parts.get("version")
        return None

    def _at(self, url: bytes) -> tuple[str, Route] | None:
        try:
            path = prefix.without(self._prefix, unquote(httptools.parse_url(url).path.decode("ascii")))
        except (httptools.HttpParserInvalidURLError, AttributeError, UnicodeDecodeError):
            return None
        route = self.find(path)
        return None if route is None else (path, route)


def _pattern(path: str) -> re.Pattern[str]:
    # A name may hold what it likes, slashes too: it is looked up, and then is not found.
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(path)), re.DOTALL)
