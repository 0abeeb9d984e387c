"""``mda smoke``: one look at a running server, from outside; what ``helm test`` runs in the cluster."""

import json
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import typer

from .. import settings
from ..errors import InferenceError, ModelNotReady

TIMEOUT_S = 10


def smoke(
    config: Annotated[
        Path,
        typer.Option(envvar="MODEL_CONFIG_FILE", help="The values.yaml or config that the server runs with."),
    ],
    url: Annotated[str, typer.Option(help="Address of the server.")] = "http://127.0.0.1:8000",
) -> None:
    """Check that a server is ready, serves the model of a config, and answers its example."""
    chosen = settings.read(config)
    _get(f"{url}/readyz")
    loaded = _get(f"{url}/health")["models_loaded"]
    if chosen.name not in loaded:
        raise ModelNotReady(f"{url} serves {', '.join(loaded)}, not {chosen.name}")
    print(f"{url} is ready and serves {chosen.name}")
    if chosen.example is None:
        print("config.example is not set: no prediction was asked for")
        return
    body = json.dumps({"instances": [chosen.example]}).encode()
    answer = _get(f"{url}/v1/models/{chosen.name}:predict", body)
    if len(answer["predictions"]) != 1:
        raise InferenceError(f"{url} gave {len(answer['predictions'])} predictions for one instance")
    print(f"config.example -> {json.dumps(answer['predictions'][0])}")


def _get(url: str, body: bytes | None = None) -> Any:
    try:
        request = Request(url, data=body, headers={"Content-Type": "application/json"})
        with urlopen(request, timeout=TIMEOUT_S) as response:
            return json.load(response)
    except HTTPError as error:
        raise ModelNotReady(f"{url} answered {error.code}: {error.read(500).decode(errors='replace')}") from error
    except (URLError, OSError, HTTPException, ValueError) as error:  # ValueError: no URL, or no JSON behind it
        raise ModelNotReady(f"{url} does not answer: {getattr(error, 'reason', error)}") from error
