"""Runs a predictor off the event loop."""

import asyncio
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from ..errors import InferenceError, InvalidRequest
from ..predictor import Predictor
from ..tensors import Tensors


class Worker:
    """One thread that calls one predictor, so that the loop answers probes while the model computes.

    Parameters
    ----------
    predictor : Predictor
    on_predicted : callable
        Is told the seconds of each call, on that thread.
    """

    def __init__(self, predictor: Predictor, *, on_predicted: Callable[[float], None]) -> None:
        self._predictor = predictor
        self._on_predicted = on_predicted
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict")

    async def run(self, inputs: Tensors, outputs: Collection[str]) -> Tensors:
        """Answer *inputs* with the named *outputs*.

        Raises
        ------
        InvalidTensor
            If the model refuses a value.
        InferenceError
            If the model raises anything else; its own words are the error's cause, and are not for clients.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._predict, inputs, outputs)

    async def close(self) -> None:
        """Answer what has come, then end the thread."""
        await asyncio.to_thread(self._thread.shutdown)

    def _predict(self, inputs: Tensors, outputs: Collection[str]) -> Tensors:
        started = time.perf_counter()
        # On the thread: not every exception can cross to the loop. A StopIteration would hang the request for ever.
        try:
            return self._predictor.predict(inputs, outputs)
        except InvalidRequest:
            raise
        except (Exception, SystemExit) as error:
            raise InferenceError("the model raised an error; the server's log has it") from error
        finally:
            self._on_predicted(time.perf_counter() - started)
