"""`make demo`: a scikit-learn pipeline that tells three species of iris apart, in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import joblib
from demo_model import Published, Trained
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

STORE = "a local store"
READY = "loaded, digest verified, warmed up"
NEXT = "make serve MODEL=iris starts it from the committed chart k8s_dev/iris."


def train() -> Trained:
    iris = load_iris(as_frame=True)
    rows, labels = iris.data, iris.target_names[iris.target]
    train_rows, test_rows, train_labels, test_labels = train_test_split(rows, labels, random_state=0, stratify=labels)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train_rows, train_labels)
    print(
        f"   StandardScaler + LogisticRegression on {len(train_rows)} of the {len(rows)} irises that scikit-learn ships"
    )
    print(f"   accuracy on the other {len(test_rows)}: {model.score(test_rows, test_labels):.3f}")
    instance = dict(zip(test_rows.columns, test_rows.iloc[0].tolist(), strict=True))
    return Trained(
        name="iris",
        description="Tells three species of iris apart",
        estimator=model,
        input_size=len(instance),
        example=instance,
        questions={
            "/predict": {"instances": [instance]},
            "/v1/predict": {"columns": {name: [value] for name, value in instance.items()}},
            "/v1/models/iris:predict": {"instances": [list(instance.values())]},
        },
        expected=model.predict_proba(test_rows[:1]),
    )


@contextmanager
def published(model: Trained, folder: Path) -> Iterator[Published]:
    """Save *model* into *folder*."""
    artifact = folder / "store/iris/iris.joblib"
    artifact.parent.mkdir(parents=True, exist_ok=True)
    part = artifact.with_suffix(".partial")
    joblib.dump(model.estimator, part, compress=3)
    part.replace(artifact)
    yield Published(
        str(artifact.relative_to(folder.parent)),
        artifact.read_bytes(),
        {"method": "LOCAL", "model_path": str(artifact)},
    )
