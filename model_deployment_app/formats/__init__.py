"""Path -> Predictor: one module for each ``config.modelType``."""
