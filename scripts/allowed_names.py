"""Print the names that pickles of scikit-learn's estimators and PyTorch's layers may hold: formats/_allowed.txt.

The rest of the list, which a person has read, is in formats/_allowed.py.
"""

from collections.abc import Iterator
from importlib import import_module

import torch

# Makes them public: they are estimators too.
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils import all_estimators

#: Modules of which every class is a part of estimators: state and arithmetic, no more.
FAMILIES = (
    "sklearn._loss._loss",
    "sklearn._loss.link",
    "sklearn._loss.loss",
    "sklearn.gaussian_process.kernels",
    "sklearn.linear_model._sgd_fast",
    "sklearn.metrics._dist_metrics",
    "sklearn.model_selection._split",
)


def names() -> Iterator[str]:
    for _, estimator in all_estimators():
        yield f"{estimator.__module__}.{estimator.__name__}"
    for family in FAMILIES:
        for name, member in vars(import_module(family)).items():
            if isinstance(member, type) and member.__module__ == family:
                yield f"{family}.{name}"
    for scorer in get_scorer_names():
        metric = get_scorer(scorer)._score_func
        yield f"{metric.__module__}.{metric.__name__}"
    for member in [*vars(torch.nn).values(), torch.nn.modules.linear.NonDynamicallyQuantizableLinear]:
        # Beside the layers, torch.nn has what spreads a module over devices and processes.
        if (
            isinstance(member, type)
            and issubclass(member, torch.nn.Module)
            and member.__module__.startswith("torch.nn.modules.")
        ):
            yield f"{member.__module__}.{member.__name__}"


if __name__ == "__main__":
    print("\n".join(sorted(set(names()))))
