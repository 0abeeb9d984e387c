import pytest
import yaml

from model_deployment_app import helm_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-05),
        ("4.0", 4),
        ("1e6", 1_000_000),
        ("1_000", 1000),
        ("017", 15),
        ("08", 8),
        ("0x1F", 31),
        ("-0b11", -3),
        ("y", True),
        ("Off", False),
        ("~", None),
        ("", None),
        ("2026-11-21", "2026-11-21"),
        ("12:30:45", "12:30:45"),
        ("1.2.3", "1.2.3"),
        ('"4"', "4"),
        ("yep", "yep"),
    ],
)
def test_a_plain_scalar_is_what_helm_takes_it_for(text, value):
    loaded = helm_yaml.load(f"key: {text}")["key"]

    assert loaded == value
    assert type(loaded) is type(value)


def test_anchors_and_merge_keys_are_resolved():
    text = "base: &base {a: 1}\nother: {<<: *base, b: 2}"

    assert helm_yaml.load(text)["other"] == {"a": 1, "b": 2}


def test_a_tag_that_would_make_a_python_object_is_refused():
    with pytest.raises(yaml.YAMLError):
        helm_yaml.load("!!python/object/apply:os.getcwd []")
