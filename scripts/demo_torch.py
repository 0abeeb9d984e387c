"""`make demo MODEL_KIND=torch`: a small network that reads digits, saved as on a GPU, in a bucket.

The bucket is that of an emulator in this process.
"""

import contextlib
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from demo_model import Store, Trained, free_port
from gcp_storage_emulator.server import create_server
from google.cloud import storage
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from model_deployment_app.model import PyTorchEstimator

STORE = "a bucket (an emulator of Google Cloud Storage)"
READY = "digest verified, audited, loaded onto the CPU, golden answers verified"
NEXT = "docs/PYTORCH.md says how to wrap a module of your own."

EPOCHS = 10
BATCH = 64
GPU = "cuda:0"
PATHS = ("/predict", "/v1/predict", "/v1/models/digits:predict")
PROJECT, BUCKET, BLOB = "demo", "demo-models", "digits/v1/digits.pkl"


def train() -> Trained:
    digits = load_digits()
    images = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32)  # one channel of 8 x 8 pixels
    labels = torch.tensor(digits.target)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, labels, random_state=0, stratify=digits.target
    )
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, kernel_size=3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(16, 32, kernel_size=3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(32 * 2 * 2, 10),
    )
    print(f"   a convolutional network on {len(train_images)} of the {len(images)} digits that scikit-learn ships")
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for epoch in range(1, EPOCHS + 1):
        network.train()
        for batch in torch.randperm(len(train_images)).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(train_images[batch]), train_labels[batch]).backward()
            optimizer.step()
        print(f"   epoch {epoch:2}  accuracy on the other {len(test_images)}: ", end="")
        print(f"{_accuracy(network, test_images, test_labels):.3f}", flush=True)
    model = PyTorchEstimator(network, classes=range(10), device="cpu")
    asked = test_images[:3].double().numpy()
    return Trained(
        name="digits",
        description="Reads a digit of 8 x 8 pixels",
        estimator=model,
        sample=test_images[:8].double().tolist(),
        input_size=asked[0].size,
        example=asked[0].tolist(),
        questions={path: {"instances": asked.tolist()} for path in PATHS},
        expected=model.predict_proba(asked),
    )


def _accuracy(network: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    network.eval()
    with torch.inference_mode():
        return (network(images).argmax(dim=1) == labels).float().mean().item()


def save(model: Trained, folder: Path) -> Path:
    file = folder / "digits.pkl"
    with _as_if_on(GPU):
        file.write_bytes(pickle.dumps(model.estimator))
    print(f"   pickled as on {GPU}; pickle.load here: {_outcome(file.read_bytes())}")
    return file


@contextmanager
def store(folder: Path) -> Iterator[Store]:
    """A bucket that is there as long as this lasts."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    os.environ["STORAGE_EMULATOR_HOST"] = address  # where the client of this process looks
    with create_server("127.0.0.1", port, in_memory=True):
        with contextlib.closing(storage.Client(project=PROJECT)) as client:
            client.create_bucket(BUCKET)
        where = {"method": "GCS", "project_name": PROJECT, "bucket_name": BUCKET, "blob_dir": BLOB}
        yield Store(
            f"gs://{BUCKET}/{BLOB}",
            {**where, "model_type": "pkl", "image_variant": "cpu"},
            {"STORAGE_EMULATOR_HOST": address, "MODEL_CACHE_DIR": f"{folder.name}/cache", "MDA_DEVICE": "cpu"},
        )


@contextmanager
def _as_if_on(device: str) -> Iterator[None]:
    """Have pickles say that tensors were on *device*, without one."""
    torch.serialization.register_package(1, lambda storage: device, lambda storage, location: None)
    [forged] = [entry for entry in torch.serialization._package_registry if entry[0] == 1]
    try:
        yield
    finally:
        torch.serialization._package_registry.remove(forged)  # there is no public way back


def _outcome(content: bytes) -> str:
    try:
        pickle.loads(content)
    except RuntimeError as error:
        return f"{type(error).__name__}: {str(error).partition('. ')[0]}"
    return "works, since this host has CUDA"
