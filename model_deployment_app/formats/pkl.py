"""``modelType: pkl``: what ``pickle.dump`` wrote, compressed or not, or ``joblib.dump`` to a .pkl file."""

from ._pickled import load, survey

__all__ = ["load", "survey"]
