"""What the ``config:`` section says of one model; ``config.models`` is a list of these."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from .locations import GCSModel, LocalModel, Strict

Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
        description="The model's name in URLs.",
    ),
]


class ModelSettings(Strict):
    """One model of a server."""

    model_config = ConfigDict(
        protected_namespaces=(),
        json_schema_extra={
            "if": {"properties": {"job": {"const": "regression"}}},
            "then": {"properties": {"output": {"const": None}}},
        },
    )

    name: Name
    version: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9._-]{1,63}$",
            description="Given in answers; default: the start of the artifact's digest.",
        ),
    ] = None
    model_type: Annotated[Literal["pkl", "joblib"], Field(description="How the artifact is encoded.")]
    job: Annotated[Literal["regression", "classification"], Field(description="What the model returns.")]
    model: Annotated[GCSModel | LocalModel, Field(discriminator="method", description="Where the artifact is.")]
    input_size: Annotated[
        Annotated[int, Field(ge=1)] | None,
        Field(description="Features per row; checked against the estimator."),
    ] = None
    output: Annotated[
        Literal["probabilities", "label"] | None,
        Field(description="What classification answers; default: probabilities."),
    ] = None
    example: Annotated[
        list[JsonValue] | dict[str, JsonValue] | str | None,
        Field(
            description="One instance: warms the model up and is shown in /docs. Default: made up from the estimator."
        ),
    ] = None
    device: Annotated[
        str,
        Field(
            pattern=r"^(auto|cpu|cuda(:[0-9]{1,2})?)$",
            description="Where PyTorch computes; auto: on a GPU where there is one, else on the CPU.",
        ),
    ] = "auto"

    @model_validator(mode="after")
    def _output_is_for_classification(self) -> "ModelSettings":
        if self.job == "regression" and self.output is not None:
            raise ValueError("output is for job: classification; remove it")
        return self
