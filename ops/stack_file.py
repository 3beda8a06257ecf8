"""A stack's file as the engine reads it, without the engine.

The engine decodes a stack's file with gopkg.in/yaml.v3 and hands the program each value as text, a
map or list as JSON. PyYAML follows YAML 1.1 instead: to it `off` is false, `1_0:30` a number and
`2026-12-31` a date. Here every plain scalar is read as yaml.v3 reads it (its resolve.go), so that
a file has one meaning; tests hold it to the engine itself.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import yaml

from components.boundary.credentials import HIDDEN
from components.settings.load import structured
from components.settings.problems import PROJECT, Problem
from components.settings.stored import NULLS, documents, in_document

# libyaml's takes a fifteenth of the time on a thousand rules; not every build of PyYAML has it.
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BASE_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TAG: Final = "tag:yaml.org,2002:"
_BOOLEANS: Final = {
    text: value
    for value in (True, False)
    for text in (f"{value}", f"{value}".lower(), f"{value}".upper())
}
_INTEGER: Final = re.compile(r"[-+]?(0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER: Final = re.compile(r"[-+]?\.inf|[-+]?\.Inf|[-+]?\.INF|\.nan|\.NaN|\.NAN")
_TIME: Final = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)(?P<clock>"
    r"(?P<mark>[Tt ])(?P<hour>\d\d?):(?P<minute>\d\d?):(?P<second>\d\d?)(?P<fraction>\.\d+)?"
    r"(?P<zone>Z|[-+]\d\d:\d\d)?)?"
)
_KEY: Final = re.compile(r"[^:]+(:[^:]+)?")


class StackFileError(Exception):
    """A stack's file that the engine does not read.

    Attributes:
        where: line of the file, counted from 1; 0 for the whole.
        right: what would be right.
    """

    def __init__(self, where: int, right: str) -> None:
        super().__init__(f"line {where}: {right}" if where else right)
        self.where = where
        self.right = right


def config(content: bytes) -> dict[str, str]:
    """Return what a program is given of a stack's file: text by full key, structures as JSON.

    A secret, encrypted as it is, is shown as a placeholder. Raises StackFileError for a file that
    the engine refuses.
    """
    return _config(read(content))


def values(content: bytes) -> dict[str, Any]:
    """Return the settings of a stack's file by key, as the program reads what `config` returns.

    Raises StackFileError for a file that the engine refuses.
    """
    return checked(content)[0]


def checked(content: bytes, name: str = "the stack's file") -> tuple[dict[str, Any], list[Problem]]:
    """Return the settings of a stack's file as `values`, and what is wrong with the file.

    It is called `name` there. Raises StackFileError for a file that the engine refuses.
    """
    prefix = f"{PROJECT}:"
    document, second = _read(content)
    every = _config(document)
    settings = {
        key.removeprefix(prefix): structured(text)
        for key, text in every.items()
        if key.startswith(prefix)
    }
    return settings, in_document(document, second, name)


def _config(document: Mapping[str, Any]) -> dict[str, str]:
    found = document.get("config")
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise StackFileError(0, "no settings under `config:`: a map from keys to values is right")
    return {key: _text(value) for key, value in full_keys(found).items()}


def full_keys(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by their full keys; of one that stands twice the later one counts.

    Raises StackFileError for a key that is none.
    """
    return {_full(key): value for key, value in found.items()}


def completed(content: bytes) -> dict[str, Any]:
    """Return a stack's file as `read` does, with full keys in a map `config`.

    Raises StackFileError for a file that the engine refuses.
    """
    document = dict(read(content))
    _config(document)
    found: Mapping[str, Any] = document.get("config") or {}
    return {**document, "config": full_keys(found)}


def written(document: Mapping[str, Any]) -> bytes:
    """Return a stack's file that `read`, and the engine, reads as this plain data."""
    text: bytes = yaml.dump(dict(document), Dumper=_Dumper, encoding="utf-8", sort_keys=False)
    return text


def read(content: bytes) -> Mapping[str, Any]:
    """Return a stack's file as plain data, secrets encrypted as they are; raises StackFileError."""
    return _read(content)[0]


def _read(content: bytes) -> tuple[Mapping[str, Any], int]:
    """Return the same, and the line at which another document begins, 0 if there is none."""
    try:
        document, second = documents(content, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # The parser's own words and no line of the file: it may hold a secret.
        problem = getattr(error, "problem", None) or "unreadable"
        raise StackFileError(mark.line + 1 if mark else 0, f"not YAML, {problem}") from None
    except RecursionError:
        raise StackFileError(0, "nested too deeply") from None
    if document is None:
        return {}, second
    if not isinstance(document, Mapping):
        raise StackFileError(0, "no settings under `config:`")
    return document, second


def _full(key: str) -> str:
    """Return a key with its namespace; the project's is understood."""
    if _KEY.fullmatch(key) is None:
        raise StackFileError(0, f"config: {key} is no key; {PROJECT}:NAME is right")
    return key if ":" in key else f"{PROJECT}:{key}"


def _text(value: Any) -> str:
    if isinstance(value, Mapping) and set(value) == {"secure"} and isinstance(value["secure"], str):
        return HIDDEN
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Return a structure as the engine's JSON holds it: numbers in Go's spelling, no secret."""
    if isinstance(value, Mapping):
        if set(value) == {"secure"} and isinstance(value["secure"], str):
            return HIDDEN
        return {key: _plain(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, int) and value > _LARGEST:
        return _number(float(value))
    return value


_LARGEST: Final = 2**63 - 1


def _number(value: float) -> int | float:
    """Return a number as it comes back from Go's JSON: a whole one below 1e21 without a point."""
    if value.is_integer() and abs(value) < 1e21:
        return int(Decimal(repr(value)))
    return value


def _time(text: str) -> str | None:
    """Return a timestamp as Go prints it, which a program is given; None if it is none."""
    match = _TIME.fullmatch(text)
    # With a T there is a zone, with a blank there is none.
    if match is None or (match["clock"] and (match["mark"] == " ") == bool(match["zone"])):
        return None
    year, month, day, hour, minute, second = (
        int(match[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    try:
        moment = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    fraction = (match["fraction"] or "").rstrip("0").removesuffix(".")
    zone = (match["zone"] or "Z").replace(":", "")
    offset = "+0000 UTC" if zone in {"Z", "+0000", "-0000"} else f"{zone} {zone}"
    return f"{year:04}-{moment:%m-%d %H:%M:%S}{fraction} {offset}"


def _integer(text: str) -> int | float:
    """Return a whole number; one that no 64 bits hold is a float to Go."""
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.removeprefix("+"))
    octal = digits[0] == "0" and digits[1:2].isdecimal()
    whole = sign * (int(digits, 8) if octal else int(digits, 0))
    return whole if -_LARGEST - 1 <= whole <= 2 * _LARGEST + 1 else _number(float(whole))


def _scalar(text: str) -> Any:
    """Return what a plain scalar means to yaml.v3, floats and timestamps as the JSON has them."""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text in NULLS:
        return None
    if (time := _time(text)) is not None:
        return time
    digits = text.replace("_", "") if text[:1] in "+-0123456789" else text
    if _INTEGER.fullmatch(digits):
        return _integer(digits)
    if _FLOAT.fullmatch(digits) and abs(number := float(digits)) != float("inf"):
        return _number(number)
    return text


_PLAIN: Final = "!plain"
_MERGE: Final = _TAG + "merge"


class _Loader(_BASE):  # type: ignore[misc]
    """PyYAML's parser, with yaml.v3's meaning of scalars, keys and tags."""

    def resolve(self, kind: type[yaml.Node], value: str, implicit: Any) -> str:
        """Return the tag of a node that names none."""
        if kind is yaml.ScalarNode and implicit[0]:
            return _MERGE if value == "<<" else _PLAIN
        return str(super().resolve(kind, value, implicit))


def _construct_plain(_: _Loader, node: yaml.ScalarNode) -> Any:
    if _NO_NUMBER.fullmatch(node.value):
        raise _refused(node, f"{node.value} is no number that a setting can hold")
    return _scalar(node.value)


def _construct_tagged(loader: _Loader, node: yaml.ScalarNode) -> Any:
    """Construct a scalar that names one of YAML's own types."""
    value, kind = _scalar(node.value), node.tag.removeprefix(_TAG)
    right = {
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
        "bool": isinstance(value, bool),
        "null": value is None,
        "timestamp": _time(node.value) is not None,
    }
    if not right[kind]:
        raise _refused(node, f"{node.value} is no {kind}")
    return value


def _construct_binary(loader: _Loader, node: yaml.ScalarNode) -> str:
    return bytes(loader.construct_yaml_binary(node)).decode("utf-8", "replace")


def _construct_map(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _refused(key, "a key that is a structure; text is right")
        if key.value in seen and key.tag != _MERGE:
            raise _refused(key, f"the key {key.value} stands twice")
        seen.add(key.value)
    loader.flatten_mapping(node)
    return {
        _key(loader.construct_object(key, deep=True)): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


def _construct_list(loader: _Loader, node: yaml.SequenceNode) -> list[Any]:
    return [loader.construct_object(each, deep=True) for each in node.value]


def _construct_other(loader: _Loader, node: yaml.Node) -> Any:
    """Construct what has a tag of its own, which the engine passes over."""
    if isinstance(node, yaml.MappingNode):
        return _construct_map(loader, node)
    if isinstance(node, yaml.SequenceNode):
        return _construct_list(loader, node)
    return node.value


def _key(value: Any) -> str:
    """Return a key as Go prints it."""
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refused(node: yaml.Node, right: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, right, node.start_mark)


class _Dumper(_BASE_DUMPER):  # type: ignore[misc]
    """PyYAML's writer, with every text in quotes: what is text to all stays text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write what stands twice twice."""
        return True


_Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar(f"{_TAG}str", text, style='"')
)
_Loader.add_constructor(_PLAIN, _construct_plain)
_Loader.add_constructor(_MERGE, lambda _, node: node.value)
for _kind in ("int", "float", "bool", "null", "timestamp"):
    _Loader.add_constructor(_TAG + _kind, _construct_tagged)
_Loader.add_constructor(_TAG + "binary", _construct_binary)
_Loader.add_constructor(_TAG + "map", _construct_map)
_Loader.add_constructor(_TAG + "seq", _construct_list)
for _kind in ("set", "omap", "pairs"):
    _Loader.add_constructor(_TAG + _kind, _construct_other)
_Loader.add_constructor(None, _construct_other)
