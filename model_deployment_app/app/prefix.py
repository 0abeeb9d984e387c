"""The path that an Ingress sends a model's requests under, whether it takes it off again or not."""

from starlette.types import ASGIApp, Receive, Scope, Send


class PathPrefix:
    """Serves every route under a prefix and without it; links point to where the prefix is.

    Parameters
    ----------
    app : ASGI application
    prefix : str
        ``/iris``; empty for none.
    """

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        self._app = app
        self._prefix = normal(prefix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._prefix and scope["type"] == "http":
            # ASGI: the path includes the root path.
            path = self._prefix + without(self._prefix, scope["path"])
            scope = {**scope, "root_path": self._prefix, "path": path}
        await self._app(scope, receive, send)


def normal(prefix: str) -> str:
    """With one slash in front and none behind; empty for none."""
    bare = prefix.strip("/")
    return f"/{bare}" if bare else ""


def without(prefix: str, path: str) -> str:
    """*path* as it is served, whether it came with *prefix* or not."""
    if path == prefix:
        return "/"
    return path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path
