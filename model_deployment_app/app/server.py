"""One server process: from settings to exit status."""

import logging
import os
import signal
import sys
from pathlib import Path

import uvicorn

from ..artifacts import Meter
from ..errors import InvalidConfig, ServingError
from ..settings import ServerSettings
from . import create_app
from .keys import Keys

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
) -> int:
    """Serve until a signal or a refusal.

    Parameters
    ----------
    settings : Settings
    host, port
        To listen on.
    cache_dir, meter, root_path
        As `create_app` takes them.
    keys_dir : Path or None
        Of API keys, beside those of the environment (see `Keys`).

    Returns
    -------
    int
        Exit status: 0 after SIGTERM or SIGINT, 1 if the only model can never be served or the port cannot be had.
    """
    refusals: list[ServingError] = []

    def refuse(error: ServingError) -> None:
        report(error)
        refusals.append(error)
        server.should_exit = True

    app = create_app(
        settings,
        cache_dir=cache_dir,
        on_refusal=refuse,
        meter=meter,
        keys=Keys(os.environ, keys_dir),
        root_path=root_path,
    )
    config = uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, server_header=False)
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    # Before uvicorn's own handlers are in place, and when it raises the signal again once it has drained.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        server.run()
    except SystemExit:  # how uvicorn says that it cannot have the port; its own line above has the system's reason
        report(InvalidConfig(f"{host}:{port} cannot be listened on; if another process has it, give another --port"))
        return 1
    finally:
        # A second signal while the interpreter is on its way out changes nothing.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
    return 1 if refusals else 0


def report(error: ServingError) -> None:
    """Say in one line, on standard error and in the termination log, why this server ends."""
    line = f"mda: {error.code}: {' '.join(str(error).split())}"
    sys.stderr.write(line + "\n")
    path = Path(os.environ.get("TERMINATION_LOG", TERMINATION_LOG))
    if path.exists():
        try:
            path.write_text(line + "\n", encoding="utf-8")
        except OSError as failure:
            logger.warning("%s cannot be written: %s", path, failure.strerror)
