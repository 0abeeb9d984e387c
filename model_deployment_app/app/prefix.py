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
        self._prefix = f"/{prefix.strip('/')}" if prefix.strip("/") else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._prefix and scope["type"] == "http":
            path = scope["path"]
            if path != self._prefix and not path.startswith(f"{self._prefix}/"):
                path = self._prefix + path
            # ASGI: the path includes the root path.
            scope = {**scope, "root_path": self._prefix, "path": f"{path}/" if path == self._prefix else path}
        await self._app(scope, receive, send)
