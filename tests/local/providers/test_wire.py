"""Property values on the wire."""

import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from local.providers.wire import (
    UNKNOWN,
    Secret,
    decode,
    encode,
    has_secret,
    has_unknown,
    hide_like,
    plain,
)
from tests.characters import CHARACTERS

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(CHARACTERS, max_size=8)
    | st.just(UNKNOWN)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(CHARACTERS, max_size=5), inner, max_size=3)
        | inner.map(lambda value: value if isinstance(value, Secret) else Secret(value))
    ),
    max_leaves=8,
)


def message(content: dict[str, object]) -> struct_pb2.Struct:
    return json_format.ParseDict(content, struct_pb2.Struct())


@given(st.dictionaries(st.text(CHARACTERS, max_size=5), values, max_size=3))
def test_what_is_sent_comes_back(properties: dict[str, object]) -> None:
    assert decode(encode(properties)) == properties


@given(st.dictionaries(st.text(CHARACTERS, max_size=5), values, max_size=3))
def test_an_engine_without_secrets_gets_plain_values(properties: dict[str, object]) -> None:
    assert decode(encode(properties, secrets=False)) == plain(properties)


def test_whole_numbers_are_ints_and_others_floats() -> None:
    found = decode(message({"port": 8080, "share": 0.5, "on": True}))
    assert found == {"port": 8080, "share": 0.5, "on": True}
    assert type(found["port"]) is int
    assert type(found["on"]) is bool


def test_output_values() -> None:
    found = decode(
        message(
            {
                "open": {SIGNATURE: OUTPUT, "value": "a", "dependencies": ["urn"]},
                "hidden": {SIGNATURE: OUTPUT, "value": "b", "secret": True},
                "later": {SIGNATURE: OUTPUT},
                "hiddenLater": {SIGNATURE: OUTPUT, "secret": True},
                "twice": {SIGNATURE: SECRET, "value": {SIGNATURE: SECRET, "value": "c"}},
            }
        )
    )
    assert found == {
        "open": "a",
        "hidden": Secret("b"),
        "later": UNKNOWN,
        "hiddenLater": Secret(UNKNOWN),
        "twice": Secret("c"),
    }


def test_assets_and_references_pass_unchanged() -> None:
    asset = {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "text": "x"}
    assert json_format.MessageToDict(encode(decode(message({"a": asset})))) == {"a": asset}


@pytest.mark.parametrize(
    ("value", "unknown", "secret"),
    [
        ({"a": [{"b": UNKNOWN}]}, True, False),
        ({"a": Secret({"b": [UNKNOWN]})}, True, True),
        ({"a": [1, {"b": Secret("s")}]}, False, True),
        ({"a": "b"}, False, False),
    ],
)
def test_search_at_any_depth(value: object, unknown: bool, secret: bool) -> None:
    assert has_unknown(value) is unknown
    assert has_secret(value) is secret


def test_outputs_are_hidden_where_inputs_are() -> None:
    inputs = {
        "spec": {"env": [{"name": "A", "value": Secret("s")}], "replicas": 1},
        "data": Secret({"k": "v"}),
        "text": Secret("t"),
    }
    outputs = {
        "spec": {"env": [{"name": "B"}, {"name": "A", "value": "s"}], "replicas": 1},
        "data": {"k": "v"},
        "text": "t",
        "status": {"ready": False},
    }
    assert hide_like(outputs, inputs) == {
        "spec": {"env": Secret(outputs["spec"]["env"]), "replicas": 1},  # type: ignore[index]
        "data": Secret({"k": "v"}),
        "text": Secret("t"),
        "status": {"ready": False},
    }


def test_a_secret_does_not_show_its_value() -> None:
    assert "hunter2" not in repr({"a": Secret("hunter2")})
