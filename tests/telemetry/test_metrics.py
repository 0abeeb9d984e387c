import pytest
from prometheus_client.parser import text_string_to_metric_families

from model_deployment_app.telemetry.metrics import NONE, Metrics

ARTIFACT = {"model": "iris", "version": "1", "sha256": "ab" * 32, "is_verified": True, "count": 1}


def families(metrics):
    return {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}


def values(metrics, name):
    """Value by labels, of the samples of that very name."""
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for family in families(metrics).values()
        for sample in family.samples
        if sample.name == name
    }


@pytest.fixture
def used():
    """Metrics in which everything has happened once."""
    metrics = Metrics()
    metrics.loaded(seconds={"download": 0.5, "unpickle": 0.25}, **ARTIFACT)
    metrics.answered(model="iris", version="1", protocol="v1", code="200", seconds=0.003)
    metrics.of("iris").predicted(3, 0.002)
    metrics.rejected("InvalidTensor")
    metrics.used("0a1b2c3d")
    return metrics


def test_every_series_has_its_name_its_type_and_a_help_text(used):
    found = {name: family.type for name, family in families(used).items() if not name.startswith("process_")}

    assert found == {
        "model_serving_requests": "counter",
        "model_serving_request_duration_seconds": "histogram",
        "model_serving_predict_duration_seconds": "histogram",
        "model_serving_batch_size": "histogram",
        "model_serving_queue_duration_seconds": "histogram",
        "model_serving_queue_rows": "gauge",
        "model_serving_batch_fallback": "counter",
        "model_serving_rejected": "counter",
        "model_serving_key_requests": "counter",
        "model_serving_models_loaded": "gauge",
        "model_serving_model_load_seconds": "gauge",
        "model_serving_artifact_info": "gauge",
    }
    assert all(family.documentation for family in families(used).values())
    assert b"_created" not in used.text()


def test_a_request_is_counted_by_what_was_answered_and_timed(used):
    used.answered(model=NONE, version=NONE, protocol="v1", code="404", seconds=0.0001)

    assert values(used, "model_serving_requests_total") == {
        (("code", "200"), ("model", "iris"), ("protocol", "v1"), ("version", "1")): 1,
        (("code", "404"), ("model", "-"), ("protocol", "v1"), ("version", "-")): 1,
    }
    assert values(used, "model_serving_request_duration_seconds_sum") == {
        (("model", "iris"), ("protocol", "v1")): 0.003,
        (("model", "-"), ("protocol", "v1")): 0.0001,
    }


def test_a_call_of_the_model_is_timed_and_its_rows_counted(used):
    assert values(used, "model_serving_predict_duration_seconds_sum") == {(("model", "iris"),): 0.002}
    assert values(used, "model_serving_batch_size_sum") == {(("model", "iris"),): 3}
    assert values(used, "model_serving_batch_size_count") == {(("model", "iris"),): 1}


def test_models_are_counted_once_they_are_ready():
    metrics = Metrics()
    before = values(metrics, "model_serving_models_loaded")

    metrics.loaded(seconds={}, **ARTIFACT)

    assert (before, values(metrics, "model_serving_models_loaded")) == ({(): 0}, {(): 1})


def test_a_second_load_leaves_nothing_of_the_first(used):
    used.loaded(seconds={"download": 2.0}, **(ARTIFACT | {"version": "2", "sha256": "cd" * 32, "is_verified": False}))

    labels = (("model", "iris"), ("sha256", "cd" * 32), ("verified", "no"), ("version", "2"))
    assert values(used, "model_serving_artifact_info") == {labels: 1}
    assert values(used, "model_serving_model_load_seconds") == {(("model", "iris"), ("phase", "download")): 2}


def test_two_servers_of_one_process_share_nothing(used):
    assert values(Metrics(), "model_serving_requests_total") == {}
