"""Writes MLServer's settings for ``MODEL_FILE`` into a folder of its own, and becomes MLServer."""

import json
import os
import sys
from pathlib import Path

from zoo import PORT

file = Path(os.environ["MODEL_FILE"])
folder = Path(os.environ["WORK"])
folder.mkdir(parents=True, exist_ok=True)
server = {"host": "127.0.0.1", "http_port": PORT, "grpc_port": PORT + 1000, "metrics_endpoint": None, "debug": False}
model = {
    "name": "m",
    "implementation": "mlserver_torch.Estimator" if file.suffix == ".pt" else "mlserver_sklearn.SKLearnModel",
    "parameters": {"uri": str(file)},
}
if os.environ.get("BATCH"):
    model |= {"max_batch_size": 64, "max_batch_time": 0.002}
(folder / "settings.json").write_text(json.dumps({**server, "parallel_workers": int(os.environ["WORKERS"])}))
(folder / "model-settings.json").write_text(json.dumps(model))
os.chdir(folder)
command = Path(sys.executable).with_name("mlserver")
os.execv(command, [str(command), "start", "."])
