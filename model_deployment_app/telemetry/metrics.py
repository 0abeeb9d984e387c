"""What Prometheus scrapes; every label takes its values from a set that no client can widen."""

from collections.abc import Callable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE

__all__ = ["CONTENT_TYPE", "NONE", "Metrics"]

#: Of a label that does not apply, such as the model of a request for one that there is not.
NONE = "-"

#: Seconds; from what a small linear model takes to what a client still waits for.
_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

#: Rows, up to what is asked at once.
_BUCKETS_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)


class ModelMetrics:
    """What the engine tells of one model; the series are found once, and not for each request."""

    def __init__(
        self, *, predict_s: Histogram, batch_rows: Histogram, queue_s: Histogram, queue_rows: Gauge, fallbacks: Counter
    ) -> None:
        self._predict_s = predict_s
        self._batch_rows = batch_rows
        self._queue_s = queue_s
        self._queue_rows = queue_rows
        self._fallbacks = fallbacks

    def predicted(self, rows: int, seconds: float) -> None:
        """Count one call of the model."""
        self._batch_rows.observe(rows)
        self._predict_s.observe(seconds)

    def waited(self, seconds: float) -> None:
        """Count one request that the model is now asked."""
        self._queue_s.observe(seconds)

    def fell_back(self) -> None:
        """Count one batch that failed, and is asked again in parts."""
        self._fallbacks.inc()

    def watch_queue(self, rows: Callable[[], float]) -> None:
        """Ask *rows* at each scrape how many wait."""
        self._queue_rows.set_function(rows)


class Metrics:
    """The series of one server, in a registry of their own."""

    def __init__(self) -> None:
        # One more series beside each of a counter's and a histogram's, which nobody asks for.
        disable_created_metrics()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "model_serving_requests",
            "Requests for a prediction, by what was answered: an HTTP status, 499 where the client had gone.",
            ["model", "version", "protocol", "code"],
            registry=self._registry,
        )
        self._request_s = Histogram(
            "model_serving_request_duration_seconds",
            "From the headers of a request for a prediction to the end of its answer, the model's part included.",
            ["model", "protocol"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._predict_s = Histogram(
            "model_serving_predict_duration_seconds",
            "What the model alone took for one call, whether it answered or failed.",
            ["model"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._batch_rows = Histogram(
            "model_serving_batch_size",
            "Rows that the model was asked in one call.",
            ["model"],
            buckets=_BUCKETS_ROWS,
            registry=self._registry,
        )
        self._queue_s = Histogram(
            "model_serving_queue_duration_seconds",
            "How long a request waited before the model was asked.",
            ["model"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._queue_rows = Gauge(
            "model_serving_queue_rows",
            "Rows of requests that have no answer yet.",
            ["model"],
            registry=self._registry,
        )
        self._fallbacks = Counter(
            "model_serving_batch_fallback",
            "Batches that failed, and were asked again in parts.",
            ["model"],
            registry=self._registry,
        )
        self._rejected = Counter(
            "model_serving_rejected",
            "Requests that were refused or failed, by the code of docs/TROUBLESHOOTING.md.",
            ["reason"],
            registry=self._registry,
        )
        self._by_key = Counter(
            "model_serving_key_requests",
            "Requests by the API key that they came with: the start of its digest.",
            ["key_id"],
            registry=self._registry,
        )
        self._loaded = Gauge("model_serving_models_loaded", "Models that are ready to answer.", registry=self._registry)
        self._load_s = Gauge(
            "model_serving_model_load_seconds",
            "What the last load of a model took, by phase.",
            ["model", "phase"],
            registry=self._registry,
        )
        self._artifact = Gauge(
            "model_serving_artifact_info",
            "1 for the artifact that a model answers with, and whether it gave the answers of its passport.",
            ["model", "version", "sha256", "verified"],
            registry=self._registry,
        )
        # Looked up by its labels, a series costs more than to count: there are as many here as are scraped.
        self._answered: dict[tuple[str, str, str, str], tuple[Counter, Histogram]] = {}

    def answered(self, *, model: str, version: str, protocol: str, code: str, seconds: float) -> None:
        """Count one request for a prediction; *model* is the name of one that there is, or `NONE`."""
        labels = model, version, protocol, code
        series = self._answered.get(labels)
        if series is None:
            series = self._requests.labels(*labels), self._request_s.labels(model, protocol)
            self._answered[labels] = series
        series[0].inc()
        series[1].observe(seconds)

    def rejected(self, reason: str) -> None:
        self._rejected.labels(reason).inc()

    def used(self, key_id: str) -> None:
        self._by_key.labels(key_id).inc()

    def of(self, model: str) -> ModelMetrics:
        """The series of *model* that the engine writes."""
        return ModelMetrics(
            predict_s=self._predict_s.labels(model),
            batch_rows=self._batch_rows.labels(model),
            queue_s=self._queue_s.labels(model),
            queue_rows=self._queue_rows.labels(model),
            fallbacks=self._fallbacks.labels(model),
        )

    def loaded(
        self, *, model: str, version: str, sha256: str, is_verified: bool, seconds: Mapping[str, float], count: int
    ) -> None:
        """Tell of a model that has just become ready, or has another artifact; *count* are ready."""
        for series in (self._load_s, self._artifact):
            series.remove_by_labels({"model": model})
        for phase, phase_s in seconds.items():
            self._load_s.labels(model, phase).set(phase_s)
        self._artifact.labels(model, version, sha256, "yes" if is_verified else "no").set(1)
        self._loaded.set(count)

    def unloaded(self, *, model: str, count: int) -> None:
        """Tell of a model that answers no more; *count* still do."""
        self._load_s.remove_by_labels({"model": model})
        self._artifact.remove_by_labels({"model": model})
        self._loaded.set(count)

    def text(self) -> bytes:
        """In the text format that Prometheus and OpenMetrics scrapers both read."""
        return generate_latest(self._registry)
