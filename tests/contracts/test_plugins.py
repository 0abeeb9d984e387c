from typing import get_args

import pytest

from model_deployment_app import plugins
from model_deployment_app.errors import UnknownPlugin
from model_deployment_app.locations import GCSModel, LocalModel
from model_deployment_app.settings import Settings


def test_every_model_type_of_the_config_is_a_format_and_every_format_a_model_type():
    model_types = get_args(Settings.model_fields["model_type"].annotation)

    assert sorted(model_types) == plugins.names("formats")


@pytest.mark.parametrize(
    "source",
    [
        GCSModel(method="GCS", projectName="p", bucketName="bucket", blobDir="models/iris"),
        LocalModel(method="LOCAL", path="/models/iris.joblib"),
    ],
)
def test_every_method_of_the_config_has_a_store_for_its_uri(source):
    scheme = source.uri.split(":")[0]

    assert callable(plugins.find("artifacts", scheme).fetch)


@pytest.mark.parametrize(
    ("kind", "members"), [("formats", ["load"]), ("artifacts", ["fetch"]), ("protocols", ["ENDPOINTS"])]
)
def test_every_plugin_has_what_its_room_calls(kind, members):
    modules = [plugins.find(kind, name) for name in plugins.names(kind)]

    assert modules
    assert [member for module in modules for member in members if not hasattr(module, member)] == []


def test_an_unknown_plugin_is_refused_with_those_that_exist():
    with pytest.raises(UnknownPlugin, match=r"'tensorrt' is none of the formats: joblib, pkl"):
        plugins.find("formats", "tensorrt")
