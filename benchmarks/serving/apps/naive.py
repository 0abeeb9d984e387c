"""What everybody writes first: FastAPI, pydantic, a sync endpoint."""

import numpy as np
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from zoo import PORT, load

app = FastAPI()
predict_proba = load()


class Request(BaseModel):
    instances: list[list[float]]


@app.post("/predict")
def predict(request: Request) -> JSONResponse:
    return JSONResponse({"predictions": predict_proba(np.array(request.instances)).tolist()})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning", access_log=False)
