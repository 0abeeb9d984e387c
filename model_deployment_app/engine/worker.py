"""Runs a predictor off the event loop."""

import asyncio
import logging
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from ..errors import InferenceError, InvalidRequest
from ..predictor import Predictor
from ..tensors import Tensors

logger = logging.getLogger(__name__)


class Worker:
    """One thread that calls one predictor, so that the loop answers probes while the model computes."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict")

    async def run(self, inputs: Tensors, outputs: Collection[str]) -> Tensors:
        """Answer *inputs* with the named *outputs*.

        Raises
        ------
        InvalidTensor
            If the model refuses a value.
        InferenceError
            If the model raises anything else; its own words are logged, not sent.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._predict, inputs, outputs)

    def _predict(self, inputs: Tensors, outputs: Collection[str]) -> Tensors:
        # On the thread: not every exception can cross to the loop. A StopIteration would hang the request for ever.
        try:
            return self._predictor.predict(inputs, outputs)
        except InvalidRequest:
            logger.debug("the model refused a value", exc_info=True)  # debug: its words may quote the value
            raise
        except (Exception, SystemExit) as error:
            logger.exception("the model raised %s", type(error).__name__)
            raise InferenceError("the model raised an error; the server's log has it") from error
