"""Three models that every server gets, trained once with fixed seeds, and what they answer."""

import pickle
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from model_deployment_app.model import PyTorchEstimator


@dataclass(frozen=True, slots=True)
class Model:
    """One of them.

    Attributes
    ----------
    name : str
    title : str
        For people.
    theirs, ours : Path
        The artifact that the other servers load, and the one that `mda serve` loads.
    features : int
    datatype : {"FP64", "FP32"}
        Of its inputs, in V2's words.
    """

    name: str
    title: str
    theirs: Path
    ours: Path
    features: int
    datatype: str

    def rows(self, count: int) -> np.ndarray:
        """*count* made-up rows of real measures; six digits, as JSON of real clients has them."""
        data = load_iris() if self.features == 4 else load_breast_cancer()
        random = np.random.default_rng(0)
        picked = data.data[random.integers(0, len(data.data), count)]
        noisy = picked * (1 + 0.01 * random.standard_normal(picked.shape))
        return np.array([float(f"{value:.6g}") for value in noisy.flat]).reshape(noisy.shape)

    def answers(self, rows: np.ndarray) -> np.ndarray:
        """What `predict_proba` says in this process, of shape (rows, classes)."""
        estimator = pickle.loads(self.ours.read_bytes()) if self.ours.suffix == ".pkl" else joblib.load(self.ours)
        return np.asarray(estimator.predict_proba(rows))


def network() -> torch.nn.Module:
    """30-256-256-2, of PyTorch's own classes alone: every server can unpickle it."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(30, 256), torch.nn.ReLU(), torch.nn.Linear(256, 256), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(256, 2)).eval()


def train(folder: Path) -> list[Model]:
    """Write the artifacts into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    flowers, cells = load_iris(return_X_y=True), load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(random_state=0)).fit(*flowers)
    forest = RandomForestClassifier(n_estimators=100, random_state=0, n_jobs=1).fit(*cells)
    module = network()
    with torch.no_grad():
        module[0].weight /= torch.tensor(cells[0].std(axis=0)).float()
    joblib.dump(pipeline, folder / "pipeline.joblib")
    joblib.dump(forest, folder / "forest.joblib")
    # PyTorchEstimator makes probabilities of what a module answers; the others take what it answers.
    torch.save(torch.nn.Sequential(*module, torch.nn.Softmax(dim=1)).eval(), folder / "network.pt")
    (folder / "network.pkl").write_bytes(pickle.dumps(PyTorchEstimator(module, classes=[0, 1])))
    files = {name: folder / f"{name}.joblib" for name in ("pipeline", "forest")}
    return [
        Model("pipeline", "StandardScaler + LogisticRegression, 4 features", *[files["pipeline"]] * 2, 4, "FP64"),
        Model("forest", "RandomForest, 100 trees, 30 features", *[files["forest"]] * 2, 30, "FP64"),
        Model("network", "PyTorch 30-256-256-2", folder / "network.pt", folder / "network.pkl", 30, "FP32"),
    ]
