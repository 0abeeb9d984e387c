"""What the Open Inference Protocol tells of a server and its models, over REST and gRPC alike."""

from importlib.metadata import version
from typing import Any

from ..engine.revision import Revision
from ..signature import TensorSpec
from ._datatypes import datatype_of
from ._infer import expected_shape
from ._instances import dumps

SERVER = "model-deployment-app"
SERVER_VERSION = version(SERVER)

#: Whatever the library, what is served is an estimator of scikit-learn's interface.
PLATFORM = "sklearn_estimator"

EXTENSIONS = ("binary_tensor_data",)

#: Where clients may load and unload models.
CONTROL_EXTENSIONS = ("model_repository",)


def model(revision: Revision) -> dict[str, Any]:
    """Name, versions, platform, inputs and outputs of one model."""
    return {
        "name": revision.name,
        "versions": [revision.version],
        "platform": PLATFORM,
        "inputs": [_tensor(spec) for spec in revision.signature.inputs],
        "outputs": [_tensor(spec) for spec in revision.signature.outputs],
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    tensor: dict[str, Any] = {
        "name": spec.name,
        "datatype": datatype_of(spec.dtype),
        "shape": list(expected_shape(spec)),
    }
    if spec.columns:
        tensor["parameters"] = {"columns": dumps(list(spec.columns)).decode()}
    return tensor
