"""``mda serve``: the server of one values.yaml."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from .. import garbage, plugins, settings, threads
from ..errors import ServingError

CACHE_DIR = Path("~/.cache/model-deployment-app")


def serve(
    config: Annotated[
        Path,
        typer.Option(envvar="MODEL_CONFIG_FILE", help="A chart's values.yaml, or its config section alone."),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Port to listen on.")] = 8000,
    grpc_port: Annotated[
        int, typer.Option(envvar="GRPC_PORT", min=1, max=65535, help="Port for gRPC, if the config has grpc: true.")
    ] = 8001,
    model_path: Annotated[
        Path | None, typer.Option(help="Serve this file in place of the artifact that the config names.")
    ] = None,
    cache_dir: Annotated[
        Path, typer.Option(envvar="MODEL_CACHE_DIR", help="Where downloaded artifacts are kept.")
    ] = CACHE_DIR,
    api_keys_dir: Annotated[
        Path | None,
        typer.Option(envvar="API_KEYS_DIR", help="A mounted Secret whose every entry is an API key, beside API_KEYS."),
    ] = None,
    root_path: Annotated[
        str, typer.Option(envvar="ROOT_PATH", help="The path of the Ingress; routes are served with and without it.")
    ] = "",
    drain_seconds: Annotated[
        float,
        typer.Option(envvar="DRAIN_SECONDS", min=0, max=86_400, help="How long requests are taken after SIGTERM."),
    ] = 0.0,
    grace_seconds: Annotated[
        float,
        typer.Option(envvar="GRACE_SECONDS", min=0, max=86_400, help="How long those under way may take after that."),
    ] = 30.0,
) -> None:
    """Serve the model of a values.yaml."""
    # A container's first process has no handler of its own: without this one, a signal while we import is lost. An
    # exception could be, too: Python drops what is raised in a callback of its own, as its import system has them.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    threads.limit(os.environ, threads.available())
    with _lasting():
        threads.bound_joblib()
        from ..app import server  # the other verbs need no web framework
        from ..telemetry import logs
        from ._download import meter

    log_format: logs.LogFormat = "text"
    try:
        chosen = settings.read(config, model_path=model_path)
        log_format = chosen.log_format
        logs.configure(chosen.log_level, log_format)
        with _lasting():
            # Before anybody asks: requests and imports would wait for one another.
            for model in chosen.served:
                plugins.find("formats", model.model_type)
        status = server.run(
            chosen,
            host=host,
            port=port,
            cache_dir=cache_dir.expanduser(),
            meter=meter(sys.stderr),
            keys_dir=api_keys_dir,
            root_path=root_path,
            grpc_port=grpc_port,
            drain_s=drain_seconds,
            grace_s=grace_seconds,
        )
    except ServingError as error:
        server.report(error, log_format=log_format)
        status = 1
    raise typer.Exit(status)


@contextmanager
def _lasting() -> Iterator[None]:
    """Look for no garbage while modules are imported, nor in them ever after.

    They stay; to look through them is an eighth of the start, and a pause of 0.1 s while requests are answered.
    """
    with garbage.ignored():
        yield
        gc.freeze()
