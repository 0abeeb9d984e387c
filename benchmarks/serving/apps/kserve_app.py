"""KServe's model server, with the body of its own scikit-learn server (the variant that answers probabilities)."""

import numpy as np
from kserve import Model, ModelServer
from kserve.utils.utils import get_predict_input, get_predict_response
from zoo import PORT, load


class Estimator(Model):
    def __init__(self) -> None:
        super().__init__("m")
        self.predict_proba = load()
        self.ready = True

    def predict(self, payload, headers=None):
        rows = np.asarray(get_predict_input(payload))
        return get_predict_response(payload, np.asarray(self.predict_proba(rows)), self.name)


if __name__ == "__main__":
    ModelServer(http_port=PORT, workers=1, enable_grpc=False).start([Estimator()])
