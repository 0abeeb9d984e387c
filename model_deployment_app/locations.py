"""``config.model``: where an artifact is, what pins it, and what it may do while it is loaded."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

Sha256 = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the artifact, checked before it is unpickled."),
]
NonEmpty = Annotated[str, Field(min_length=1)]
Pickle = Annotated[
    Literal["restricted", "trusted"],
    Field(
        description="restricted: only names that scikit-learn needs, and trustedTypes; trusted: loading may run code."
    ),
]
TrustedTypes = Annotated[
    list[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$")]],
    Field(description="Exact names, package.module.Class, that the artifact may use beside those."),
]

#: Helm holds a number as float64: a larger one would reach the pod as its neighbour.
EXACT_IN_HELM = 2**53 - 1
DIGITS = r"^[1-9][0-9]{0,18}$"


def _generation(value: object) -> int:
    is_digits = isinstance(value, str) and re.match(DIGITS, value)
    if is_digits or (type(value) is int and 1 <= value <= EXACT_IN_HELM):
        return int(value)  # type: ignore[call-overload]
    raise ValueError(f"expected up to 19 digits, in quotes if they are more than 16, got {value!r}")


Generation = Annotated[
    int,
    BeforeValidator(_generation),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": EXACT_IN_HELM},
                {"type": "string", "pattern": DIGITS},
            ],
            "description": "Version of the blob in the store; another one is refused.",
        }
    ),
]


class Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, validate_by_alias=True
    )


class _Model(Strict):
    """What is said of an artifact wherever it is."""

    sha256: Sha256 | None = None
    pickle: Pickle = "restricted"
    trusted_types: TrustedTypes = []
    versions: Annotated[
        Literal["exact", "compatible", "warn"],
        Field(
            description="How far libraries may be from those the model was packed with; compatible: the same minor "
            "version of scikit-learn, the same major one of NumPy and PyTorch."
        ),
    ] = "compatible"


class GCSModel(_Model):
    """An artifact in Google Cloud Storage."""

    method: Literal["GCS"]
    project_name: NonEmpty
    bucket_name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")]
    blob_dir: Annotated[
        str,
        Field(
            pattern=r"^[^/\x00-\x1f][^\x00-\x1f]*$", description="A blob, or a folder that holds exactly one artifact."
        ),
    ]
    generation: Generation | None = None

    @property
    def uri(self) -> str:
        return f"gs://{self.bucket_name}/{self.blob_dir}"


class LocalModel(_Model):
    """An artifact on a mounted volume or on this machine."""

    method: Literal["LOCAL"]
    path: Annotated[
        str, Field(pattern=r"^[^\x00-\x1f]+$", description="A file, or a folder that holds exactly one artifact.")
    ]

    @property
    def uri(self) -> str:
        return Path(self.path).absolute().as_uri()
