"""``mda smoke``: one look at a running server, from outside; what ``helm test`` runs in the cluster."""

import json
import os
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import typer

from .. import mounted, settings
from ..errors import InferenceError, InvalidConfig, ModelNotReady, WrongAnswers
from ..model_settings import ModelSettings

TIMEOUT_S = 10


def smoke(
    config: Annotated[
        Path,
        typer.Option(envvar="MODEL_CONFIG_FILE", help="The values.yaml or config that the server runs with."),
    ],
    url: Annotated[str, typer.Option(help="Address of the server.")] = "http://127.0.0.1:8000",
    api_keys_dir: Annotated[
        Path | None,
        typer.Option(envvar="API_KEYS_DIR", help="The server's folder of API keys, one of which is sent; or API_KEYS."),
    ] = None,
) -> None:
    """Check that a server is ready, serves each model of a config, and answers what their passports say."""
    chosen = settings.read(config)
    key = _key(os.environ, api_keys_dir)
    _get(f"{url}/readyz")
    health = _get(f"{url}/health")
    for model in chosen.served:
        _look_at(model, url, health, key)


def _look_at(chosen: ModelSettings, url: str, health: Any, key: bytes | None) -> None:
    if chosen.name not in health["models_loaded"]:
        raise ModelNotReady(f"{url} serves {', '.join(health['models_loaded'])}, not {chosen.name}")
    [model] = [each for each in health["models"] if each["name"] == chosen.name]
    if chosen.model.sha256 not in (None, model["sha256"]):
        raise ModelNotReady(f"{url} serves {model['sha256']}, but config.model.sha256 is {chosen.model.sha256}")
    print(f"{url} is ready and serves {chosen.name} ({model['sha256']})")
    address = f"{url}/v1/models/{chosen.name}"
    if model["verified"]:
        _ask_golden(address, key, is_label=chosen.output == "label")
    elif chosen.example is not None:
        [prediction] = _ask(address, key, [chosen.example])
        print(f"config.example -> {json.dumps(prediction)}")
    else:
        print("no passport, and config.example is not set: no prediction was asked for")


def _key(environment: Mapping[str, str], folder: Path | None) -> bytes | None:
    """A key that the server knows: for predictions, if there is one."""
    names = ("API_KEYS", "ADMIN_API_KEYS")
    keys = [key for name in names for key in environment.get(name, "").encode(errors="surrogateescape").split(b",")]
    if folder is not None:
        try:
            contents = mounted.read(folder).contents
        except OSError as error:
            raise InvalidConfig(f"{folder}: the API keys in this folder cannot be read: {error.strerror}") from error
        keys = [contents[name] for name in sorted(contents, key=lambda name: name.startswith("admin"))] + keys
    return next((key for key in map(bytes.strip, keys) if key and not set(key) & set(b"\r\n\0")), None)


def _ask_golden(address: str, key: bytes | None, *, is_label: bool) -> None:
    """The rows of the passport, which the server's pod was asked before it was ready, by the way that clients take."""
    import numpy as np

    from ..passport import Passport

    golden = Passport.model_validate(_get(f"{address}/passport", key)).golden
    predictions = _ask(address, key, golden.instances)
    # V1 answers probabilities, or what else there is; with several outputs, the list of them.
    names = ["labels"] if is_label else [name for name in golden.outputs if name != "labels"]
    names = names or list(golden.outputs)
    columns = [predictions] if len(names) == 1 else list(zip(*predictions, strict=True))
    answered = {name: np.array(column) for name, column in zip(names, columns, strict=True)}
    if (difference := golden.first_difference(answered)) is not None:
        row, name = difference
        raise WrongAnswers(
            f"{address}: row {row} of its passport: {name} were {golden.outputs[name][row]} when it was packed, and "
            f"are {answered[name][row].tolist()}"
        )
    print(f"{len(golden.instances)} row(s) of its passport -> the answers that were recorded")


def _ask(address: str, key: bytes | None, instances: list[Any]) -> list[Any]:
    answer = _get(f"{address}:predict", key, json.dumps({"instances": instances}).encode())
    predictions: list[Any] = answer["predictions"]
    if len(predictions) != len(instances):
        raise InferenceError(f"{address} gave {len(predictions)} predictions for {len(instances)} instance(s)")
    return predictions


def _get(url: str, key: bytes | None = None, body: bytes | None = None) -> Any:
    try:
        request = Request(url, data=body, headers={"Content-Type": "application/json"})
        if key is not None:
            # Not by redirects: the key is for this address.
            request.add_unredirected_header("X-Api-Key", key.decode("latin-1"))
        with urlopen(request, timeout=TIMEOUT_S) as response:
            return json.load(response)
    except HTTPError as error:
        raise ModelNotReady(f"{url} answered {error.code}: {error.read(500).decode(errors='replace')}") from error
    except (URLError, OSError, HTTPException, ValueError) as error:  # ValueError: no URL, or no JSON behind it
        raise ModelNotReady(f"{url} does not answer: {getattr(error, 'reason', error)}") from error
