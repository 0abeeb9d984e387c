"""One server process: from settings to exit status."""

import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path

import uvicorn

from ..artifacts import Meter
from ..errors import InvalidConfig, ServingError, printable
from ..settings import ServerSettings
from ..telemetry.logs import LogFormat
from . import create_app
from .drain import Drain, DrainingServer
from .keys import Keys
from .predicting_protocol import PredictingProtocol

logger = logging.getLogger(__name__)

#: Kubernetes shows what is written here as the reason why a container ended.
TERMINATION_LOG = "/dev/termination-log"


def run(
    settings: ServerSettings,
    *,
    host: str,
    port: int,
    cache_dir: Path,
    meter: Meter,
    keys_dir: Path | None = None,
    root_path: str = "",
    grpc_port: int = 8001,
    drain_s: float = 0.0,
    grace_s: float = 30.0,
) -> int:
    """Serve until a signal or a refusal.

    Parameters
    ----------
    settings : ServerSettings
    host, port
        To listen on.
    cache_dir, meter, root_path, grpc_port
        As `create_app` takes them.
    keys_dir : Path or None
        Of API keys, beside those of the environment (see `Keys`).
    drain_s : float
        How long requests are taken after SIGTERM.
    grace_s : float
        How long those that are under way may take after that, or after SIGINT.

    Returns
    -------
    int
        Exit status: 0 after SIGTERM or SIGINT, of which a second one ends the process at once; 1 if the only model can
        never be served or a port cannot be had.
    """
    refusals: list[ServingError] = []

    def refuse(error: ServingError) -> None:
        report(error, log_format=settings.log_format)
        refusals.append(error)
        server.should_exit = True

    drain = Drain()
    app = create_app(
        settings,
        cache_dir=cache_dir,
        on_refusal=refuse,
        meter=meter,
        keys=Keys(os.environ, keys_dir),
        root_path=root_path,
        host=host,
        drain=drain,
        grpc_port=grpc_port,
        grpc_grace_s=grace_s,
    )
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        http=partial(PredictingProtocol, routes=app.routes_to_predict, service=app.service),  # type: ignore[arg-type]
        # What they say of a client, nobody here asks.
        proxy_headers=False,
        # Longer than proxies keep a connection idle (ingress-nginx 60 s, Google's balancer 600 s): else they use it
        # just when it closes.
        timeout_keep_alive=620,
        # Without WebSockets, the request that asks for one is a request like any other: it needs a key.
        ws="none",
        timeout_graceful_shutdown=grace_s,  # type: ignore[arg-type]  # as `asyncio.wait_for` takes it
    )
    server = DrainingServer(config, drain, drain_s=drain_s)

    def stop(*_: object) -> None:
        server.should_exit = True

    # Before the server's own handlers are in place, and after.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        server.run()
    except SystemExit:  # how uvicorn says that it cannot have the port; its own line above has the system's reason
        refusal = InvalidConfig(f"{host}:{port} cannot be listened on; if another process has it, give another --port")
        report(refusal, log_format=settings.log_format)
        return 1
    finally:
        # A second signal while the interpreter is on its way out changes nothing.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
    return 1 if refusals else 0


def report(error: ServingError, *, log_format: LogFormat = "text") -> None:
    """Say in one line, on standard error and in the termination log, why this server ends.

    A collector of JSON gets it as an event; by default, it is for people, since no config has been read yet.
    """
    line = printable(f"mda: {error.code}: {' '.join(str(error).split())}")
    if log_format == "json":
        logger.error("%s", line, extra={"error_code": error.code})
    else:
        sys.stderr.write(line + "\n")
    path = Path(os.environ.get("TERMINATION_LOG", TERMINATION_LOG))
    if path.exists():
        try:
            path.write_text(line + "\n", encoding="utf-8")
        except OSError as failure:
            logger.warning("%s cannot be written: %s", path, failure.strerror)
