"""Property values as the engine and its providers exchange them, and as plain Python values.

The signatures and the sentinels of unknown values are those of the engine
(sdk/go/common/resource in github.com/pulumi/pulumi). In Python a secret is a `Secret`, a value
not known before an update is `UNKNOWN`, and a whole number is an int.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import struct_pb2

Properties = dict[str, Any]
"""Property names to values: None, bool, int, float, str, list, dict, Secret or UNKNOWN."""

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 (a public marker)
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    (
        _UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    )
)


class Unknown:
    """The type of UNKNOWN."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
"""A value that only an update will bring."""


@dataclass(frozen=True)
class Secret:
    """A value which the engine encrypts in the state and hides in what it shows."""

    value: Any = field(repr=False)


def decode(message: struct_pb2.Struct) -> Properties:
    """The properties in a message."""
    return {name: _decode(value) for name, value in message.fields.items()}


def _decode(message: struct_pb2.Value) -> Any:
    kind = message.WhichOneof("kind")
    if kind == "string_value":
        text = message.string_value
        return UNKNOWN if text in _UNKNOWNS else text
    if kind == "struct_value":
        return _decode_struct(message.struct_value)
    if kind == "list_value":
        return [_decode(value) for value in message.list_value.values]
    if kind == "number_value":
        number = message.number_value
        return int(number) if number.is_integer() else number
    return message.bool_value if kind == "bool_value" else None


def _decode_struct(message: struct_pb2.Struct) -> Any:
    fields = message.fields
    signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else None
    if signature == _SECRET:
        return secret(_decode(fields["value"]))
    if signature == _OUTPUT:
        value = _decode(fields["value"]) if "value" in fields else UNKNOWN
        hidden = "secret" in fields and fields["secret"].bool_value
        return secret(value) if hidden else value
    # Assets, archives and resource references keep their signature and pass unchanged.
    return {name: _decode(value) for name, value in fields.items()}


def encode(properties: Mapping[str, Any], *, secrets: bool = True) -> struct_pb2.Struct:
    """A message of the properties.

    Args:
        properties: what to send.
        secrets: whether the engine accepts secrets; if not, they go as plain values and the
            engine finds out itself what has to be hidden.
    """
    message = struct_pb2.Struct()
    for name, value in properties.items():
        _encode(value, message.fields[name], secrets)
    return message


def _encode(value: Any, message: struct_pb2.Value, secrets: bool) -> None:
    if isinstance(value, Secret):
        value = {_SIGNATURE: _SECRET, "value": value.value} if secrets else value.value
    if isinstance(value, Mapping):
        fields = message.struct_value.fields
        message.struct_value.SetInParent()
        for name, item in value.items():
            _encode(item, fields[str(name)], secrets)
    elif isinstance(value, list | tuple):
        message.list_value.SetInParent()
        for item in value:
            _encode(item, message.list_value.values.add(), secrets)
    else:
        _encode_scalar(value, message)


def _encode_scalar(value: Any, message: struct_pb2.Value) -> None:
    match value:
        case None:
            message.null_value = struct_pb2.NULL_VALUE
        case bool():
            message.bool_value = value
        case int() | float():
            message.number_value = value
        case str():
            message.string_value = value
        case Unknown():
            message.string_value = _UNKNOWN
        case _:
            raise TypeError(f"a {type(value).__name__} cannot be sent to the engine")


def secret(value: Any) -> Secret:
    """The value as a secret, as itself if it is one."""
    return value if isinstance(value, Secret) else Secret(value)


def plain(value: Any) -> Any:
    """The value without its marks of secrecy, at any depth; UNKNOWN stays."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Whether UNKNOWN occurs in the value, at any depth."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def has_secret(value: Any) -> bool:
    """Whether a secret occurs in the value, at any depth."""
    if isinstance(value, Mapping):
        return any(has_secret(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(has_secret(item) for item in value)
    return isinstance(value, Secret)


def hide_like(outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> Properties:
    """The outputs, each secret where the input of the same path is secret.

    A list is hidden as a whole if anything in the same list of the inputs is secret: what comes
    back from an API need not have the order that was sent.
    """
    return {name: _hide_like(value, inputs.get(name)) for name, value in outputs.items()}


def _hide_like(output: Any, given: Any) -> Any:
    if isinstance(given, Secret) or (isinstance(given, list) and has_secret(given)):
        return secret(plain(output))
    if isinstance(given, Mapping):
        if isinstance(output, Mapping):
            return hide_like(output, given)
        return secret(plain(output)) if has_secret(given) else output
    return output
