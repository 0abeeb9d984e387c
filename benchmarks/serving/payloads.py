"""The same rows in the words of each dialect, and the numbers of an answer in any of them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from models import Model


@dataclass(frozen=True, slots=True)
class Payload:
    """One request, as a file that wrk reads.

    Attributes
    ----------
    body : Path
    media_type : str
    header_length : str
        Of V2's binary extension; empty for JSON.
    """

    body: Path
    media_type: str = "application/json"
    header_length: str = ""

    @property
    def headers(self) -> dict[str, str]:
        length = {"Inference-Header-Content-Length": self.header_length} if self.header_length else {}
        return {"Content-Type": self.media_type, **length}


def write(model: Model, rows: np.ndarray, dialect: str, output: str, folder: Path) -> Payload:
    """The request of *rows* in *dialect* (v1, v2, v2-binary); *output* is what the server calls its answer."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{model.name}-{len(rows)}-{dialect}-{output}"
    tensor = {"name": "input-0", "shape": list(rows.shape), "datatype": model.datatype}
    if dialect == "v1":
        file.write_text(json.dumps({"instances": rows.tolist()}))
        return Payload(file)
    if dialect == "v2":
        content_type = {"content_type": "np"}  # MLServer's own hint; others ignore it
        data = {**tensor, "parameters": content_type, "data": rows.ravel().tolist()}
        file.write_text(json.dumps({"inputs": [data], "outputs": [{"name": output}]}))
        return Payload(file)
    raw = rows.astype({"FP64": np.float64, "FP32": np.float32}[model.datatype]).tobytes()
    data = {**tensor, "parameters": {"binary_data_size": len(raw)}}
    wanted = {"name": output, "parameters": {"binary_data": True}}
    header = json.dumps({"inputs": [data], "outputs": [wanted]}).encode()
    file.write_bytes(header + raw)
    return Payload(file, "application/octet-stream", str(len(header)))


def numbers(body: bytes, header_length: str | None) -> np.ndarray:
    """The probabilities in an answer, whichever dialect it is in."""
    message = json.loads(body[: int(header_length)] if header_length else body)
    if isinstance(message, list):
        return np.array(message)
    if "outputs" not in message:
        return np.array(message["predictions"])
    [output] = message["outputs"]
    if header_length:
        dtype = {"FP64": np.float64, "FP32": np.float32}[output["datatype"]]
        return np.frombuffer(body, dtype, offset=int(header_length)).reshape(output["shape"])
    return np.array(output["data"]).reshape(output["shape"])
