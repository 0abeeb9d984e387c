"""What ``mda pack`` records of a model, and what loading verifies: ``<artifact>.passport.json``."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from .errors import ArtifactRejected, LoadError, ServingError, VersionSkew, WrongAnswers
from .predictor import Predictor
from .tensors import from_instances

#: Appended to an artifact's name.
SUFFIX = ".passport.json"

#: They get into messages, and from there into somebody's shell.
Distribution = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9.!+_-]{1,99}$")]

VersionPolicy = Literal["exact", "compatible", "warn"]

#: Leading numbers of a version that have to agree: what these libraries change between them breaks pickles.
_COMPATIBLE = {"scikit-learn": 2, "numpy": 1, "torch": 1}


#: With more, wrong answers would pass for right ones.
MOST_RTOL = 0.1


class _Record(BaseModel):
    # A later version of the application may write keys that this one does not know.
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class Tensor(_Record):
    """One named input or output: NumPy's dtype; None in the shape is the number of rows."""

    name: Annotated[str, Field(description="A column's name, or input-0 where the columns have none.")]
    dtype: Annotated[str, Field(description="float64, str, or what NumPy calls it; object: numbers and strings.")]
    shape: Annotated[list[int | None], Field(description="null is the number of rows.")]
    columns: Annotated[list[str], Field(description="What its second axis is called, where that is known.")] = []


class Golden(_Record):
    """Rows, and what the model answered to them when it was packed."""

    instances: Annotated[list[JsonValue], Field(min_length=1, description="As the V1 protocol takes them.")]
    outputs: Annotated[dict[str, list[JsonValue]], Field(description="By name; one entry a row.")]
    rtol: Annotated[float, Field(ge=0, le=MOST_RTOL, description="Relative tolerance; labels must be equal.")]
    atol: Annotated[float, Field(ge=0, allow_inf_nan=False, description="Absolute tolerance.")]

    @model_validator(mode="after")
    def _answers_are_one_a_row(self) -> "Golden":
        if not self.outputs or any(len(answers) != len(self.instances) for answers in self.outputs.values()):
            raise ValueError("expected one answer for each instance")
        return self

    def first_difference(self, answered: Mapping[str, np.ndarray]) -> tuple[int, str] | None:
        """Row and output of the first answer, among the outputs of *answered*, that is not the recorded one."""
        for row in range(len(self.instances)):
            for name, array in answered.items():
                if not self._agree(array[row], self.outputs[name][row]):
                    return row, name
        return None

    def _agree(self, got: Any, expected: JsonValue) -> bool:
        if getattr(got, "dtype", np.dtype(object)).kind != "f":
            return as_json(got) == expected
        try:
            wanted = np.array(expected, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):  # of text, of arrays of unequal lengths, of huge integers
            return False
        return wanted.shape == got.shape and np.allclose(got, wanted, rtol=self.rtol, atol=self.atol)


class Feature(_Record):
    """What the training rows hold in one column."""

    dtype: Annotated[str, Field(description="As pandas writes it.")]
    missing: Annotated[int, Field(ge=0, description="Rows without a value.")]
    minimum: Annotated[float | None, Field(description="Of the numbers; null where there are none.")] = None
    maximum: Annotated[float | None, Field(description="Of the numbers.")] = None
    mean: Annotated[float | None, Field(description="Of the numbers.")] = None
    deviation: Annotated[float | None, Field(description="Standard deviation.")] = None
    values: Annotated[dict[str, int] | None, Field(description="The most frequent ones, with their rows.")] = None


class Training(_Record):
    """What the model was trained on, in summary."""

    rows: Annotated[int, Field(description="How many.")]
    features: Annotated[dict[str, Feature], Field(description="By column.")]


class Passport(_Record):
    """One artifact, as it was when it was packed."""

    passport_version: Annotated[
        Literal[1], Field(description="Is raised when a key changes its meaning; keys may be added without.")
    ] = 1
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the artifact.")]
    size_bytes: Annotated[int, Field(description="Of the artifact.")]
    format: Annotated[str, Field(description="config.modelType.")]
    job: Annotated[Literal["classification", "regression"], Field(description="config.job.")]
    output: Annotated[
        Literal["probabilities", "label"] | None, Field(description="config.output, if it was given.")
    ] = None
    estimator: Annotated[str, Field(description="The class of the pickled object.")]
    created_at: Annotated[datetime, Field(description="When it was packed, in UTC.")]
    python: Annotated[str, Field(description="Version that it was packed with.")]
    libraries: Annotated[dict[Distribution, Version], Field(description="Version by distribution.")]
    imports: Annotated[list[str], Field(description="Modules that unpickling needs.")]
    pickle: Annotated[
        Literal["restricted", "trusted"],
        Field(description="trusted: it holds code, or names that can do anything, which loading it runs."),
    ] = "restricted"
    trusted_types: Annotated[list[str], Field(description="Names it uses beyond those that are known to be harmless.")]
    inputs: Annotated[list[Tensor], Field(description="What a request holds.")]
    outputs: Annotated[list[Tensor], Field(description="What an answer holds.")]
    classes: Annotated[list[list[JsonValue]], Field(description="Labels by output, as columns of probabilities.")] = []
    golden: Annotated[Golden, Field(description="What every pod must answer before it is ready.")]
    training: Annotated[Training | None, Field(description="mda pack --data.")] = None
    metadata: Annotated[dict[str, JsonValue], Field(description="mda pack --meta.")] = {}

    def to_json(self) -> str:
        """As it is written to a file, and as `read` reads it."""
        return self.model_dump_json(by_alias=True, indent=1) + "\n"

    def check_versions(self, policy: VersionPolicy) -> list[str]:
        """Compare the libraries that the model was packed with to those that are here.

        Parameters
        ----------
        policy : {"exact", "compatible", "warn"}
            Every version the same; scikit-learn's minor, NumPy's and PyTorch's major version the same; or anything.

        Returns
        -------
        list of str
            The differences that *policy* allows, for the log.

        Raises
        ------
        VersionSkew
            If it does not allow them: the message names them and the ways out.
        """
        differences = list(self._differences())
        refused = [text for name, text, is_compatible in differences if policy == "exact" or not is_compatible]
        if policy == "warn" or not refused:
            return [text for _, text, _ in differences]
        pins = " ".join(f"'{name}=={self._pin(name, policy)}'" for name, text, _ in differences if text in refused)
        raise VersionSkew(
            f"packed with {'; '.join(refused)}: build an image with `pip install {pins}` (docs/IMAGES.md), save and "
            "pack the model again with the versions here, or set config.model.versions: warn"
        )

    def _differences(self) -> Iterator[tuple[str, str, bool]]:
        for name, packed in self.libraries.items():
            here = installed(name)
            if here != packed:
                numbers = _COMPATIBLE.get(name, 0)
                is_compatible = here is not None and _leading(here, numbers) == _leading(packed, numbers)
                yield name, f"{name} {packed} ({f'here {here}' if here else 'not here'})", is_compatible

    def _pin(self, name: str, policy: VersionPolicy) -> str:
        numbers = _COMPATIBLE.get(name, 0)
        if policy == "exact" or not numbers:
            return self.libraries[name]
        return ".".join([*_leading(self.libraries[name], numbers), "*"])

    def check_answers(self, predictor: Predictor) -> None:
        """Ask *predictor* the golden rows.

        Raises
        ------
        WrongAnswers
            If it does not answer what is recorded: the message names the first row that differs.
        """
        # Of a passport with probabilities, config.output: label leaves the labels.
        names = [spec.name for spec in predictor.signature.outputs if spec.name in self.golden.outputs]
        if not names:
            expected, given = sorted(self.golden.outputs), sorted(spec.name for spec in predictor.signature.outputs)
            raise WrongAnswers(
                f"the model answers {', '.join(given)}, its passport {', '.join(expected)}: pack it again, with the "
                "job and the output of its chart"
            )
        classes = [as_json(list(labels)) for labels in predictor.signature.classes]
        if self.classes and classes != self.classes:
            raise WrongAnswers(
                f"its classes were {_shortened(self.classes)} when it was packed, and are {_shortened(classes)}"
            )
        try:
            answered = predictor.predict(predictor.signature.check(from_instances(self.golden.instances)), names)
        except LoadError:
            raise
        except Exception as error:
            words = str(error) if isinstance(error, ServingError) else f"{type(error).__name__}: {error}"
            raise WrongAnswers(
                f"the model does not answer the rows of its passport: {words}; {self._origin()}"
            ) from error
        if (difference := self.golden.first_difference(answered)) is not None:
            row, name = difference
            raise WrongAnswers(
                f"row {row} of its passport: {name} were {_shortened(self.golden.outputs[name][row])} when it was "
                f"packed, and are {_shortened(as_json(answered[name][row]))} here; {self._origin()}"
            )

    def _origin(self) -> str:
        changed = [text for _, text, _ in self._differences()]
        hint = f"it was packed with {'; '.join(changed)}" if changed else "the libraries are those it was packed with"
        return f"{hint}: serve the artifact that was packed, or pack it again if these answers are right"


def read(content: bytes, *, where: str) -> Passport:
    """Parse a passport.

    Raises
    ------
    ArtifactRejected
        If it is none, or of a version that this application does not know.
    """
    try:
        return Passport.model_validate_json(content)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"])
        words = " ".join(f"{key}: {fault['msg']}".removeprefix(": ").split())[:300]
        raise ArtifactRejected(
            f"{where}: no passport that this version can read ({words}): pack the model again (mda pack)"
        ) from error


def installed(distribution: str) -> str | None:
    """The version of a distribution here, without its local part (2.13.0+cpu is 2.13.0)."""
    try:
        return version(distribution).partition("+")[0]
    except PackageNotFoundError:
        return None


def as_json(value: Any) -> Any:
    """An array, or one element of it, as a passport holds it: what JSON has no word for becomes a string."""
    plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    if isinstance(plain, list):
        return [as_json(each) for each in plain]
    return plain if plain is None or isinstance(plain, bool | int | float | str) else str(plain)


def _leading(text: str, numbers: int) -> list[str]:
    return text.split(".")[:numbers]


def _shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:119]}…"
