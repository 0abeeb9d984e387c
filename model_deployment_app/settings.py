"""The ``config:`` section of a chart's values.yaml.

The founding keys (``modelType``, ``job``, ``model``, ``inputSize``) are contracts. The chart's
``values.schema.json`` is generated from these classes, so Helm refuses exactly what the server would refuse.
"""

import os
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel, to_snake

from . import helm_yaml
from .errors import InvalidConfig
from .locations import LocalModel, Strict
from .model_settings import ModelSettings, Name
from .protection import Batching, Limits

ENV_PREFIX = "MDA_"


def _environment() -> dict[str, Any]:
    """``MDA_LOG_LEVEL=debug``, ``MDA_MODEL__SHA256=…``: the path of a key in upper snake case."""
    document: dict[str, Any] = {}
    for variable, text in sorted(os.environ.items()):
        if (name := _FOUNDING.get(variable, variable)).startswith(ENV_PREFIX):
            *parents, key = (to_camel(part.lower()) for part in name.removeprefix(ENV_PREFIX).split("__"))
            section = document
            for parent in parents:
                section = section.setdefault(parent, {})
                if not isinstance(section, dict):
                    raise InvalidConfig(f"{name}: contradicts {ENV_PREFIX}{parent.upper()}; remove one of them")
            section[key] = _typed(text) if key in _TYPED else text
    return document


def _merged(document: Any, over: Any) -> Any:
    """*over* goes before *document*, key by key."""
    if not (isinstance(document, dict) and isinstance(over, dict)):
        return over
    return document | {key: _merged(document.get(key), value) for key, value in over.items()}


#: Keys that hold more than text.
_TYPED = (
    "accessLog",
    "docs",
    "example",
    "gpuMemoryFraction",
    "grpc",
    "hangSeconds",
    "inputSize",
    "loadUnload",
    "maxBodyBytes",
    "maxRows",
    "maxWaitMs",
    "queueBytes",
    "queueRows",
    "requestTimeoutMs",
    "requirePassport",
    "startupSeconds",
    "trustedTypes",
)

#: Variables that were there before ours.
_FOUNDING = {
    "BATCH_TIMEOUT_MS": f"{ENV_PREFIX}BATCHING__MAX_WAIT_MS",
    "GPU_MEMORY_FRACTION": f"{ENV_PREFIX}GPU_MEMORY_FRACTION",
    "LOG_FORMAT": f"{ENV_PREFIX}LOG_FORMAT",
    "MAX_BATCH_SIZE": f"{ENV_PREFIX}BATCHING__MAX_ROWS",
}


def _typed(text: str) -> Any:
    try:
        return helm_yaml.load(text)
    except (yaml.YAMLError, ValueError):
        return text  # the key's own type refuses it, by name


class Repository(Strict):
    """``config.repository``: what may be asked of the models of a server that runs."""

    load_unload: Annotated[
        bool, Field(description="Load and unload models by request, with a key for administration.")
    ] = False


class ServerSettings(Strict):
    """What is said once, however many models there are."""

    model_config = ConfigDict(protected_namespaces=())

    gpu_memory_fraction: Annotated[
        Annotated[float, Field(gt=0, le=1)] | None,
        Field(description="Of a GPU's memory, how much PyTorch may take; default: all."),
    ] = None
    require_passport: Annotated[
        bool, Field(description="Refuse an artifact that was published without a passport (mda pack, mda push).")
    ] = False
    startup_seconds: Annotated[
        int,
        Field(
            ge=1,
            le=86_400,
            description="How long fetching, loading and warming up may take; sizes probes and deadlines.",
        ),
    ] = 300
    batching: Annotated[Batching, Field(description="Which requests the model is asked together.")] = Batching()
    limits: Annotated[Limits, Field(description="What may wait for the model, and how long.")] = Limits()
    repository: Annotated[Repository, Field(description="What may be asked of a server that runs.")] = Repository()
    docs: Annotated[bool, Field(description="Serve /docs and /openapi.json.")] = True
    grpc: Annotated[
        bool, Field(description="Serve the Open Inference Protocol over gRPC too, on port 8001 in a pod.")
    ] = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Annotated[
        Literal["text", "json"], Field(description="Lines for grep and awk, or JSON for a log collector.")
    ] = "text"
    access_log: Annotated[bool, Field(description="A line for every request; else for those that fail.")] = True

    @property
    @abstractmethod
    def served(self) -> Sequence[ModelSettings]:
        """What is said of each model; the first answers where a request names none."""


class Settings(ModelSettings, ServerSettings):
    """A server of one model, whose keys stand beside the server's."""

    name: Name = "model"

    @property
    def served(self) -> Sequence[ModelSettings]:
        return [self]


class SeveralModels(ServerSettings):
    """A server of several models, each with keys of its own."""

    models: Annotated[list[ModelSettings], Field(min_length=1, description="What is served, each by its name.")]

    @field_validator("models")
    @classmethod
    def _names_are_unique(cls, models: list[ModelSettings]) -> list[ModelSettings]:
        names = [model.name for model in models]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two are named {twice}: give each a name of its own")
        return models

    @property
    def served(self) -> Sequence[ModelSettings]:
        return self.models


def read(file: Path, *, model_path: Path | None = None) -> Settings | SeveralModels:
    """Read a chart's values.yaml, its ``config:`` section alone, or the JSON of a ConfigMap.

    Parameters
    ----------
    file : Path
        The document. Without ``name``, a chart's own name is taken from the Chart.yaml beside it.
    model_path : Path, optional
        Serve this artifact in place of the one that ``model`` names; not for several models.

    Raises
    ------
    InvalidConfig
        One line with every fault: the path of the key, what is wrong, what was expected.
    """
    document = _merged(_document(file), _environment())
    try:
        if "models" in document:
            if model_path is not None:
                raise InvalidConfig(f"{file}: has config.models: --model-path is for a config of one model")
            return SeveralModels(**document)
        chart = file.parent / "Chart.yaml"
        if "name" not in document and chart.is_file():
            document["name"] = _document(chart).get("name")
        settings = Settings(**document)
        if model_path is None:
            return settings
        # Last: what is typed goes before the environment too.
        model = LocalModel(method="LOCAL", path=str(model_path))
        kept = {key: getattr(settings.model, key) for key in ("pickle", "trusted_types", "versions")}
        return settings.model_copy(update={"model": model.model_copy(update=kept)})
    except ValidationError as error:
        faults = "; ".join(_faults(error))
        raise InvalidConfig(f"{file}: {faults}") from error


def _document(file: Path) -> dict[str, Any]:
    try:
        document = helm_yaml.load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidConfig(f"{file}: no such file; give --config or MODEL_CONFIG_FILE a chart's values.yaml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{file}: cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidConfig(f"{file}: not YAML: {' '.join(str(error).split())}") from error
    where = f"{file}"
    if isinstance(document, dict) and "config" in document:
        where, document = f"{file}: config", document["config"]
    if not isinstance(document, dict):
        got = "nothing" if document is None else f"a {type(document).__name__}"
        raise InvalidConfig(f"{where}: expected a mapping with modelType, job and model, got {got}")
    if odd := [key for key in document if not isinstance(key, str)]:
        raise InvalidConfig(f"{file}: config.{odd[0]}: unknown key")
    return document


#: Where a key of one model stands that was left beside ``config.models``.
_OF_ONE_MODEL = [(to_camel(name),) for name in ModelSettings.model_fields]


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors():
        # A discriminated union puts its tag into the path: model.GCS.bucketName is model.bucketName to the user.
        parts = [str(part) for part in fault["loc"] if part not in ("GCS", "LOCAL")]
        variable = ENV_PREFIX + "__".join(to_snake(part).upper() for part in parts)
        given = [name for name in os.environ if _FOUNDING.get(name, name) == variable]
        key = given[0] if given else ".".join(["config", *parts])
        match fault["type"]:
            case "extra_forbidden" if error.title == "SeveralModels" and fault["loc"] in _OF_ONE_MODEL:
                yield f"{key}: is of one model: beside config.models, it stands in an entry of it"
            case "extra_forbidden":
                yield f"{key}: unknown key"
            case "missing":
                yield f"{key}: missing"
            case "union_tag_invalid":
                yield f"{key}.method: expected one of {fault['ctx']['expected_tags']}, got {fault['ctx']['tag']!r}"
            case "union_tag_not_found":
                yield f"{key}.method: missing"
            case _:
                message = fault["msg"].removeprefix("Value error, ")
                got = "" if fault["type"] == "value_error" else f", got {fault['input']!r}"
                yield f"{key}: {message[0].lower()}{message[1:]}{got}"
