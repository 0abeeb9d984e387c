"""`make demo`: a scikit-learn pipeline that tells three species of iris apart, in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import joblib
from demo_model import Store, Trained
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

STORE = "a local store"
READY = "digest verified, audited, loaded, golden answers verified"
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
        sample=test_rows.to_dict("records"),
        input_size=len(instance),
        example=instance,
        questions={
            "/predict": {"instances": [instance]},
            "/v1/predict": {"columns": {name: [value] for name, value in instance.items()}},
            "/v1/models/iris:predict": {"instances": [list(instance.values())]},
        },
        expected=model.predict_proba(test_rows[:1]),
    )


def save(model: Trained, folder: Path) -> Path:
    file = folder / "iris.joblib"
    joblib.dump(model.estimator, file, compress=3)
    return file


@contextmanager
def store(folder: Path) -> Iterator[Store]:
    """A folder in *folder*."""
    (folder / "store/iris").mkdir(parents=True, exist_ok=True)
    yield Store(f"{folder.name}/store/iris/", {"method": "LOCAL"})
