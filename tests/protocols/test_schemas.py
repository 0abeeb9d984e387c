import numpy as np
import pytest
from jsonschema import Draft202012Validator

from model_deployment_app.protocols import _schemas, native, seldon, v1, v2
from model_deployment_app.signature import Signature, TensorSpec

ODD = ('a "quoted" name', "größe 🎈", "$ref", "", "</script>")
NAMED = Signature((TensorSpec("input-0", "float64", (None, 5), ODD),), (), is_named=True)
MIXED = Signature(
    (
        TensorSpec("city", "str", (None,)),
        TensorSpec("age", "float64", (None,)),
        TensorSpec("code", "object", (None,)),
    ),
    (),
    is_named=True,
)
WIDE = Signature((TensorSpec("input-0", "float64", (None, 3000), tuple(f"c{i}" for i in range(3000))),), (), True)
IMAGES = Signature((TensorSpec("input-0", "float64", (None, 1, 2, 2)),), ())
TEXT = Signature((TensorSpec("text", "str", (None,)),), ())


def fits(schema: dict, document: object) -> bool:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema).is_valid(document)


@pytest.mark.parametrize("signature", [NAMED, MIXED, WIDE, IMAGES, TEXT, None])
@pytest.mark.parametrize("dialect", [native, v1, v2, seldon])
def test_every_schema_is_one(dialect, signature):
    for endpoint in dialect.ENDPOINTS:
        Draft202012Validator.check_schema(endpoint.request(signature))
        if signature is None:
            Draft202012Validator.check_schema(endpoint.response(None))


def test_a_row_is_an_array_in_the_order_of_the_columns_or_an_object_of_them():
    row = _schemas.row(MIXED)

    assert fits(row, ["Rome", 30, 7])
    assert fits(row, {"age": None, "city": "Rome", "code": "x"})
    assert not fits(row, [30, "Rome", 7])
    assert not fits(row, ["Rome", 30])
    assert not fits(row, {"age": 30, "city": "Rome"})
    assert not fits(row, {"age": 30, "city": "Rome", "code": 7, "surplus": 1})


def test_columns_are_named_as_they_were_fitted():
    [array, by_name] = _schemas.row(NAMED)["anyOf"]

    assert [cell["title"] for cell in array["prefixItems"]] == list(ODD)
    assert list(by_name["properties"]) == by_name["required"] == list(ODD)


def test_of_thousands_of_columns_none_is_listed():
    for dialect in (native, v1, v2, seldon):
        assert "c2999" not in str(dialect.ENDPOINTS[0].request(WIDE))
    assert fits(_schemas.row(WIDE), [0.5] * 3000)
    assert fits(_schemas.row(WIDE), dict.fromkeys(WIDE.columns, 0.5))
    assert not fits(_schemas.row(WIDE), [0.5] * 2999)


def test_an_example_of_many_columns_is_an_array():
    row = dict.fromkeys(WIDE.columns, 0.5)

    assert _schemas.example(row, WIDE) == [0.5] * 3000
    assert _schemas.example({"age": 1.0}, MIXED) == {"age": 1.0}


def test_a_row_that_nobody_would_read_is_no_example():
    assert _schemas.example(np.zeros((3, 64, 64)).tolist(), IMAGES) is None


def test_a_nested_row_has_the_shape_of_the_models():
    row = _schemas.row(IMAGES)

    assert fits(row, [[[0, 1], [1, 0]]])
    assert not fits(row, [[0, 1], [1, 0]])
    assert not fits(row, [0, 1, 1, 0])


def test_a_row_of_text_is_a_string():
    assert fits(_schemas.row(TEXT), "a good car")
    assert not fits(_schemas.row(TEXT), ["a good car"])


def answering(*outputs: TensorSpec, classes: tuple = ()) -> Signature:
    return Signature(MIXED.inputs, outputs, is_named=True, classes=classes)


def test_probabilities_are_told_by_their_classes():
    output = TensorSpec("probabilities", "float64", (None, 2))

    schema = _schemas.prediction(answering(output, TensorSpec("labels", "str", (None,)), classes=(("no", "yes"),)))

    assert schema["description"].endswith('["no","yes"]')
    assert fits(schema, [0.25, 0.75])
    assert not fits(schema, [0.25])


def test_labels_are_one_of_the_classes():
    schema = _schemas.prediction(answering(TensorSpec("labels", "int64", (None,)), classes=((0, 1),)))

    assert fits(schema, 1)
    assert not fits(schema, 2)


def test_several_targets_are_one_array_a_row():
    schema = _schemas.prediction(answering(TensorSpec("predictions", "float64", (None, 2))))

    assert fits(schema, [1.5, 2])
    assert not fits(schema, 1.5)


def test_of_thousands_of_classes_none_is_listed():
    outputs = (TensorSpec("probabilities", "float64", (None, 3000)), TensorSpec("labels", "str", (None,)))
    signature = answering(*outputs, classes=(tuple(f"class {i}" for i in range(3000)),))

    for dialect in (native, v1, v2, seldon):
        assert "class 2999" not in str(dialect.ENDPOINTS[0].response(signature))
    assert fits(_schemas.prediction(signature), [0.5] * 3000)


def test_columns_of_the_open_inference_protocol_are_tensors_of_their_datatypes():
    schema = v2.ENDPOINTS[0].request(MIXED)
    row = v2.ENDPOINTS[0].example({"city": "Rome", "age": 30.0, "code": None}, MIXED)

    assert [(tensor["name"], tensor["datatype"]) for tensor in row["inputs"][:2]] == [
        ("city", "BYTES"),
        ("age", "FP64"),
    ]
    assert fits(schema, row)
    row["inputs"][0]["datatype"] = "FP64"
    assert not fits(schema, row)
