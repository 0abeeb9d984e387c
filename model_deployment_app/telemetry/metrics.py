"""What Prometheus scrapes; every label takes its values from a set that no client can widen."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: Of a label that does not apply, such as the model of a request for one that there is not.
NONE = "-"

#: Seconds; from what a small linear model takes to what a client still waits for.
_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The series of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "model_serving_requests",
            "Predictions asked for, by the status that was answered.",
            ["model", "version", "protocol", "code"],
            registry=self._registry,
        )
        self._request_s = Histogram(
            "model_serving_request_duration_seconds",
            "From the first byte of a request for a prediction to its answer.",
            ["model", "protocol"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._predict_s = Histogram(
            "model_serving_predict_duration_seconds",
            "What the model itself took for one call.",
            ["model"],
            buckets=_BUCKETS_S,
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
            "1 for the artifact that a model answers with.",
            ["model", "version", "sha256", "verified"],
            registry=self._registry,
        )
        self._loaded.set(0)

    def answered(self, *, model: str, version: str, protocol: str, code: str, seconds: float) -> None:
        """Count one request for a prediction; *model* is the name of one that there is, or `NONE`."""
        self._requests.labels(model, version, protocol, code).inc()
        self._request_s.labels(model, protocol).observe(seconds)

    def rejected(self, reason: str) -> None:
        self._rejected.labels(reason).inc()

    def used(self, key_id: str) -> None:
        self._by_key.labels(key_id).inc()

    def predicted(self, model: str, seconds: float) -> None:
        self._predict_s.labels(model).observe(seconds)

    def loaded(
        self, *, model: str, version: str, sha256: str, is_verified: bool, seconds: Mapping[str, float], count: int
    ) -> None:
        """Tell of a model that has just become ready, or has another artifact; *count* are ready."""
        self._load_s.remove_by_labels({"model": model})
        for phase, phase_s in seconds.items():
            self._load_s.labels(model, phase).set(phase_s)
        self._artifact.remove_by_labels({"model": model})
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
