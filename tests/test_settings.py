import json

import pytest

from model_deployment_app.errors import InvalidConfig
from model_deployment_app.settings import Settings, read

LOCAL = {"modelType": "joblib", "job": "classification", "model": {"method": "LOCAL", "path": "/models/iris.joblib"}}
GCS = {"method": "GCS", "projectName": "project", "bucketName": "bucket", "blobDir": "models/iris"}


@pytest.fixture
def config(tmp_path):
    def write(document: object, name: str = "config.json"):
        file = tmp_path / name
        file.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return file

    return write


def test_a_values_file_its_config_section_and_a_config_map_say_the_same(config):
    as_values = read(
        config(
            "replicaCount: 1\nconfig:\n  modelType: pkl\n  job: regression\n"
            "  model: {method: LOCAL, path: /m.pkl}\n  inputSize: 4\n",
            "values.yaml",
        )
    )
    as_section = read(config("modelType: pkl\njob: regression\nmodel: {method: LOCAL, path: /m.pkl}\ninputSize: 4\n"))
    as_json = read(
        config(
            {"modelType": "pkl", "job": "regression", "model": {"method": "LOCAL", "path": "/m.pkl"}, "inputSize": 4}
        )
    )

    assert as_values == as_section == as_json


def test_the_name_of_a_chart_is_the_name_of_its_model(config, tmp_path):
    (tmp_path / "Chart.yaml").write_text("name: iris\n")

    assert read(config(LOCAL)).name == "iris"
    assert read(config({**LOCAL, "name": "own"})).name == "own"


def test_a_gcs_model_is_addressed_by_bucket_and_blob(config):
    settings = read(config({**LOCAL, "model": GCS}))

    assert settings.model.uri == "gs://bucket/models/iris"


def test_a_local_path_may_hold_blanks_and_non_ascii(config):
    settings = read(config({**LOCAL, "model": {"method": "LOCAL", "path": "/models/été 1.joblib"}}))

    assert settings.model.uri == "file:///models/%C3%A9t%C3%A9%201.joblib"


def test_a_model_path_takes_the_place_of_the_model(config, tmp_path, monkeypatch):
    monkeypatch.setenv("MDA_MODEL__SHA256", "1" * 64)

    settings = read(config({**LOCAL, "model": {**GCS, "sha256": "0" * 64}}), model_path=tmp_path / "own.joblib")

    assert settings.model.path == str(tmp_path / "own.joblib")
    assert settings.model.sha256 is None


def test_a_model_path_is_trusted_as_the_model_is(config, tmp_path):
    model = {**GCS, "pickle": "trusted", "trustedTypes": ["their_package.Model"]}

    settings = read(config({**LOCAL, "model": model}), model_path=tmp_path / "own.joblib")

    assert (settings.model.pickle, settings.model.trusted_types) == ("trusted", ["their_package.Model"])


def test_a_pickle_is_restricted_and_nothing_is_trusted_unless_the_config_says_so(config, monkeypatch):
    by_default = read(config(LOCAL)).model
    monkeypatch.setenv("MDA_MODEL__TRUSTED_TYPES", '["their_package.Model"]')

    by_environment = read(config(LOCAL)).model

    assert (by_default.pickle, by_default.trusted_types) == ("restricted", [])
    assert by_environment.trusted_types == ["their_package.Model"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"modelTyp": "pkl"}, "config.modelTyp: unknown key"),
        ({"inputsize": 4}, "config.inputsize: unknown key"),
        ({"logLEVEL": "debug"}, "config.logLEVEL: unknown key"),
        ({"model": {"method": "LOCAL", "path": "/a\0b"}}, "config.model.path: string should match pattern"),
        ({"model": {"method": "LOCAL", "path": "/a\nb"}}, "config.model.path: string should match pattern"),
        ({"model": {**GCS, "blobDir": "/"}}, "config.model.blobDir: string should match pattern"),
        ({"startupSeconds": 10**6}, "config.startupSeconds: input should be less"),
        ({"model": {**GCS, "bucket": "b"}}, "config.model.bucket: unknown key"),
        ({"model": {"method": "LOCAL"}}, "config.model.path: missing"),
        ({"model": {"method": "S3"}}, "config.model.method: expected one of 'GCS', 'LOCAL', got 'S3'"),
        ({"model": {}}, "config.model.method: missing"),
        (
            {"model": {**GCS, "pickle": "safe"}},
            "config.model.pickle: input should be 'restricted' or 'trusted', got 'safe'",
        ),
        ({"model": {**GCS, "trustedTypes": "a.B"}}, "config.model.trustedTypes: input should be a valid list"),
        ({"model": {**GCS, "trustedTypes": ["their.*"]}}, "config.model.trustedTypes.0: string should match pattern"),
        ({"model": {**GCS, "trustedTypes": ["Model"]}}, "config.model.trustedTypes.0: string should match pattern"),
        ({"modelType": "onnx"}, "config.modelType: input should be 'pkl' or 'joblib', got 'onnx'"),
        ({"inputSize": "4"}, "config.inputSize: input should be a valid integer, got '4'"),
        ({"inputSize": True}, "config.inputSize: input should be a valid integer, got True"),
        ({"inputSize": 0}, "config.inputSize: input should be greater than or equal to 1, got 0"),
        ({"model": {**LOCAL["model"], "sha256": "ab"}}, "config.model.sha256: string should match pattern"),
        ({"model": {**GCS, "generation": 10**18}}, "config.model.generation: expected up to 19 digits, in quotes if"),
        ({"model": {**GCS, "generation": "v1"}}, "config.model.generation: expected up to 19 digits, in quotes if"),
        ({"model": {**LOCAL["model"], "generation": 1}}, "config.model.generation: unknown key"),
        ({"name": "a/b"}, "config.name: string should match pattern"),
        ({"version": "v 1"}, "config.version: string should match pattern"),
        ({"docs": "yes"}, "config.docs: input should be a valid boolean, got 'yes'"),
        ({"logLevel": "loud"}, "config.logLevel: input should be 'debug'"),
        ({"device": "gpu"}, "config.device: string should match pattern"),
        ({"device": "cuda:x"}, "config.device: string should match pattern"),
        ({"gpuMemoryFraction": 0}, "config.gpuMemoryFraction: input should be greater than 0, got 0"),
        ({"gpuMemoryFraction": 95}, "config.gpuMemoryFraction: input should be less than or equal to 1, got 95"),
        ({"startupSeconds": 0}, "config.startupSeconds: input should be greater"),
        ({"output": "labels"}, "config.output: input should be 'probabilities' or 'label', got 'labels'"),
        ({"job": "regression", "output": "label"}, "config: output is for job: classification; remove it"),
    ],
)
def test_a_fault_is_named_by_the_path_of_its_key(config, change, line):
    file = config({**LOCAL, **change})

    with pytest.raises(InvalidConfig) as raised:
        read(file)

    assert str(raised.value).startswith(f"{file}: {line}")


def test_all_faults_are_told_at_once_in_one_line(config):
    with pytest.raises(InvalidConfig) as raised:
        read(config({"job": "clustering", "colour": "red"}))

    message = str(raised.value)
    assert "\n" not in message
    assert all(key in message for key in ("config.job", "config.colour", "config.modelType", "config.model:"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1, 2]",
        "a: [",
        "just words",
        "config: 3",
        "config:",
        "config: []",
        "\x00",
        "&a [*a]",
        "{1: 2}",
        "{model: {1: 2}}",
    ],
)
def test_what_is_no_config_is_refused_in_one_line(config, text):
    with pytest.raises(InvalidConfig) as raised:
        read(config(text))

    assert "\n" not in str(raised.value)


def test_a_missing_file_is_refused_with_what_to_give(tmp_path):
    with pytest.raises(InvalidConfig, match="no such file; give --config or MODEL_CONFIG_FILE"):
        read(tmp_path / "values.yaml")


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("MDA_LOG_LEVEL", "debug", "log_level", "debug"),
        ("MDA_STARTUP_SECONDS", "20", "startup_seconds", 20),
        ("MDA_INPUT_SIZE", "7", "input_size", 7),
        ("MDA_DOCS", "false", "docs", False),
        ("MDA_ACCESS_LOG", "false", "access_log", False),
        ("LOG_FORMAT", "json", "log_format", "json"),
        ("MDA_GRPC", "true", "grpc", True),
        ("MDA_VERSION", "20261121", "version", "20261121"),
        ("MDA_EXAMPLE", "[1.5, 2]", "example", [1.5, 2]),
        ("MDA_DEVICE", "cuda:1", "device", "cuda:1"),
        ("MDA_GPU_MEMORY_FRACTION", "0.5", "gpu_memory_fraction", 0.5),
        ("GPU_MEMORY_FRACTION", "0.95", "gpu_memory_fraction", 0.95),
    ],
)
def test_the_environment_overrides_the_file(config, monkeypatch, name, text, key, value):
    monkeypatch.setenv(name, text)

    assert getattr(read(config({**LOCAL, "inputSize": 4})), key) == value


def test_the_environment_reaches_into_the_model(config, monkeypatch):
    monkeypatch.setenv("MDA_MODEL__PATH", "/elsewhere.joblib")

    assert read(config(LOCAL)).model.path == "/elsewhere.joblib"


@pytest.mark.parametrize(
    ("name", "text", "section", "key", "value"),
    [
        ("MAX_BATCH_SIZE", "64", "batching", "max_rows", 64),
        ("MDA_BATCHING__MAX_ROWS", "64", "batching", "max_rows", 64),
        ("BATCH_TIMEOUT_MS", "5", "batching", "max_wait_ms", 5),
        ("BATCH_TIMEOUT_MS", "0.5", "batching", "max_wait_ms", 0.5),
        ("MDA_LIMITS__MAX_BODY_BYTES", "9", "limits", "max_body_bytes", 9),
        ("MDA_LIMITS__QUEUE_ROWS", "9", "limits", "queue_rows", 9),
        ("MDA_LIMITS__QUEUE_BYTES", "9", "limits", "queue_bytes", 9),
        ("MDA_LIMITS__REQUEST_TIMEOUT_MS", "9", "limits", "request_timeout_ms", 9),
        ("MDA_LIMITS__HANG_SECONDS", "9", "limits", "hang_seconds", 9),
    ],
)
def test_the_environment_overrides_one_key_of_a_section(config, monkeypatch, name, text, section, key, value):
    monkeypatch.setenv(name, text)

    settings = read(config({**LOCAL, "batching": {"maxRows": 3, "maxWaitMs": 3}, "limits": {"queueRows": 3}}))

    assert getattr(getattr(settings, section), key) == value
    assert {settings.batching.max_rows, settings.batching.max_wait_ms, settings.limits.queue_rows} >= {3}


def test_a_generation_is_the_same_number_with_quotes_without_and_from_the_environment(config, monkeypatch):
    plain = read(config({**LOCAL, "model": {**GCS, "generation": 1700000000123457}}))
    quoted = read(config({**LOCAL, "model": {**GCS, "generation": "1700000000123457"}}))
    monkeypatch.setenv("MDA_MODEL__GENERATION", "1700000000123457")
    set_outside = read(config({**LOCAL, "model": GCS}))

    assert plain.model.generation == quoted.model.generation == set_outside.model.generation == 1700000000123457


@pytest.mark.parametrize(
    "variables",
    [
        {"MDA_LOGLEVEL": "debug"},
        {"MDA_MODEL__PFAD": "/m.pkl"},
        {"MDA_NAME__X": "iris"},
        {"MDA_MODEL__METHOD": "GCS", "MDA_MODEL__GENERATION": "1e15"},
        {"MDA_MODEL": "iris", "MDA_MODEL__PATH": "/m.pkl"},
        {"MDA_EXAMPLE": "[1,", "MDA_DOCS": "[1,"},
        {"GPU_MEMORY_FRACTION": "most"},
        {"MAX_BATCH_SIZE": "0"},
        {"BATCH_TIMEOUT_MS": "soon"},
    ],
)
def test_a_wrong_environment_variable_is_refused(config, monkeypatch, variables):
    for name, text in variables.items():
        monkeypatch.setenv(name, text)

    with pytest.raises(
        InvalidConfig, match=r"MDA_|config\.name|^.*: (GPU_MEMORY_FRACTION|MAX_BATCH_SIZE|BATCH_TIMEOUT_MS)"
    ):
        read(config(LOCAL))


def test_settings_cannot_be_changed_once_read(config):
    settings = read(config(LOCAL))

    with pytest.raises(ValueError, match="frozen"):
        settings.name = "other"

    assert isinstance(settings, Settings)


def test_one_model_and_several_are_served_alike(config):
    one = read(config({**LOCAL, "name": "a"}))
    several = read(config({"models": [{**LOCAL, "name": "a"}, {**LOCAL, "name": "b", "model": GCS}]}, "several.json"))

    assert [model.name for model in one.served] == ["a"]
    assert [model.name for model in several.served] == ["a", "b"]
    assert several.served[1].model.uri == "gs://bucket/models/iris"


@pytest.mark.parametrize(
    ("beside", "line"),
    [
        ({"models": [{**LOCAL, "name": "a"}] * 2}, "config.models: two are named a: give each a name of its own"),
        ({"model": GCS}, "config.model: is of one model: beside config.models, it stands in an entry of it"),
        ({"jobs": "x"}, "config.jobs: unknown key"),
        ({"models": [{**LOCAL, "name": "a", "model": {"method": "S3"}}]}, "config.models.0.model.method: expected one"),
    ],
)
def test_what_is_wrong_with_several_models_is_told_by_its_path(config, beside, line):
    with pytest.raises(InvalidConfig) as refusal:
        read(config({"models": [{**LOCAL, "name": "a"}], **beside}))

    assert line in str(refusal.value)


def test_a_model_path_is_for_a_config_of_one_model(config, tmp_path):
    with pytest.raises(InvalidConfig, match="--model-path is for a config of one model"):
        read(config({"models": [{**LOCAL, "name": "a"}]}), model_path=tmp_path)
