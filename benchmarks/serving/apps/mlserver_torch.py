"""MLServer has no runtime for PyTorch: one of its custom models."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, NumpyRequestCodec
from mlserver.types import InferenceRequest, InferenceResponse
from zoo import load


class Estimator(MLModel):
    async def load(self) -> bool:
        self.predict_proba = load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = self.decode_request(payload, default_codec=NumpyRequestCodec)
        output = NumpyCodec.encode_output("predict_proba", np.asarray(self.predict_proba(rows)))
        return InferenceResponse(model_name=self.name, outputs=[output])
