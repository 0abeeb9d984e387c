"""``mda smoke``: one look at a running server, from outside; what ``helm test`` runs in the cluster."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import typer

from .. import settings
from ..errors import InferenceError, ModelNotReady, WrongAnswers
from ._options import ApiKeysDir

TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class _Server:
    """A running server, and the key that it asks for, if it does."""

    url: str
    key: str | None

    def ask(self, name: str, instances: list[Any]) -> list[Any]:
        path = f"/v1/models/{name}:predict"
        predictions: list[Any] = self.get(path, json.dumps({"instances": instances}).encode())["predictions"]
        if len(predictions) != len(instances):
            raise InferenceError(
                f"{self.url}{path} gave {len(predictions)} predictions for {len(instances)} instance(s)"
            )
        return predictions

    def get(self, path: str, body: bytes | None = None) -> Any:
        url = f"{self.url}{path}"
        headers = {"Content-Type": "application/json"} | ({"x-api-key": self.key} if self.key else {})
        try:
            with urlopen(Request(url, data=body, headers=headers), timeout=TIMEOUT_S) as response:
                return json.load(response)
        except HTTPError as error:
            raise ModelNotReady(f"{url} answered {error.code}: {error.read(500).decode(errors='replace')}") from error
        except (URLError, OSError, HTTPException, ValueError) as error:  # ValueError: no URL, or no JSON behind it
            raise ModelNotReady(f"{url} does not answer: {getattr(error, 'reason', error)}") from error


def smoke(
    config: Annotated[
        Path,
        typer.Option(envvar="MODEL_CONFIG_FILE", help="The values.yaml or config that the server runs with."),
    ],
    url: Annotated[str, typer.Option(help="Address of the server.")] = "http://127.0.0.1:8000",
    api_keys_dir: ApiKeysDir = None,
) -> None:
    """Check that a server is ready, serves the model of a config, and answers what its passport says."""
    chosen = settings.read(config)
    server = _Server(url, next(keys(os.environ, api_keys_dir), None))
    server.get("/readyz")
    health = server.get("/health")
    if chosen.name not in health["models_loaded"]:
        raise ModelNotReady(f"{url} serves {', '.join(health['models_loaded'])}, not {chosen.name}")
    [model] = [each for each in health["models"] if each["name"] == chosen.name]
    if chosen.model.sha256 not in (None, model["sha256"]):
        raise ModelNotReady(f"{url} serves {model['sha256']}, but config.model.sha256 is {chosen.model.sha256}")
    print(f"{url} is ready and serves {chosen.name} ({model['sha256']})")
    if model["verified"]:
        _ask_golden(server, chosen.name, is_label=chosen.output == "label")
    elif chosen.example is not None:
        [prediction] = server.ask(chosen.name, [chosen.example])
        print(f"config.example -> {json.dumps(prediction)}")
    else:
        print("no passport, and config.example is not set: no prediction was asked for")


def keys(environment: Mapping[str, str], folder: Path | None) -> Iterator[str]:
    """The API keys that the server beside this knows, those for predictions first."""
    files = [] if folder is None else [file for file in folder.iterdir() if not file.name.startswith(".")]
    for file in sorted(files, key=lambda file: (file.name.startswith("admin"), file.name)):
        if key := file.read_text(encoding="latin-1").strip():
            yield key
    for variable in ("API_KEYS", "ADMIN_API_KEYS"):
        yield from filter(None, (key.strip() for key in environment.get(variable, "").split(",")))


def _ask_golden(server: _Server, name: str, *, is_label: bool) -> None:
    """The rows of the passport, which the server's pod was asked before it was ready, by the way that clients take."""
    import numpy as np

    from ..passport import Passport

    golden = Passport.model_validate(server.get(f"/v1/models/{name}/passport")).golden
    predictions = server.ask(name, golden.instances)
    # V1 answers probabilities, or what else there is; with several outputs, the list of them.
    outputs = ["labels"] if is_label else [output for output in golden.outputs if output != "labels"]
    outputs = outputs or list(golden.outputs)
    columns = [predictions] if len(outputs) == 1 else list(zip(*predictions, strict=True))
    answered = {output: np.array(column) for output, column in zip(outputs, columns, strict=True)}
    if (difference := golden.first_difference(answered)) is not None:
        row, output = difference
        raise WrongAnswers(
            f"{server.url} serves {name}: row {row} of its passport: {output} were {golden.outputs[output][row]} when "
            f"it was packed, and are {answered[output][row].tolist()}"
        )
    print(f"{len(golden.instances)} row(s) of its passport -> the answers that were recorded")
