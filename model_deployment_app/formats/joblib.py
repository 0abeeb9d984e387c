"""``modelType: joblib``: what ``joblib.dump`` wrote, compressed or not."""

from ._pickled import load

__all__ = ["load"]
