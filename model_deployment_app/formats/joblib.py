"""``modelType: joblib``: what ``joblib.dump`` wrote, compressed or not."""

from ._pickled import load, survey

__all__ = ["load", "survey"]
