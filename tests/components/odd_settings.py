"""Odd values for every place of a stack's settings, told by the JSON schema."""

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from components.settings.model import Settings
from components.settings.problems import key_of
from tests.components.full_settings import FULL

# Where a form begins and ends, and where one program takes what another refuses.
TEXTS = [
    *("", " ", "a", "A", "-a", "a-", "a--b", "a_b", "a.b", "a b", " a", "a\n", "é", "0", "`", "$"),
    *("a" * 32, "a" * 33, "a" * 40, "a" * 41, "a" * 63, "a" * 64, "a" * 127, "a" * 128, "é" * 33),
    *("true", "null", "1e300", "*", "a/b", "a:b", "a=b", "a@b", "{{x}}", "${X}", "x\x00y"),
    *("a:1", "a:65535", "a:65536", "a:0", "A.Example:443", "a..b", "[::1]", "10.0.0.1"),
    *("https://a", "http://a/", "https://a:70000", "https://[::1]:8080", "https://A.b/c?d=e#f"),
    *("http://localhost:3000/mcp", "https://u:p@a", "//a", "ftp://a", "https://a_b", "https://a b"),
    *("foo@bar", "Foo", "a/b:c", "r.io:5000/a/b@sha256:" + "0" * 64, "a:", "a@sha256:0"),
    *("P8E80F9AEF21F6940", "prometheus", "loki", "database", "gitlab", "second", "firewalled"),
    *("Claude-Code", "latest", "v0.9.0", "0.9.0", "4.7.3", "5.0.0", "1.2"),
    *("domain=a.b", "method=GET path=/x", "domain=*", "GITHUB_TOKEN", "PATH", "2030-01-01"),
]
NUMBERS = [0, 1, 2, 16, 17, 720, 721, 65535, 65536, 10**9, 2**63, -1, 0.5, 1e-9, 1e300]
FLOATS = [*NUMBERS, math.inf, math.nan, -0.0]
SCHEMA = Settings.model_json_schema(by_alias=True)
Schema = Mapping[str, Any]
Path_ = tuple[str | int, ...]


def resolved(schema: Schema) -> Schema:
    reference = schema.get("$ref")
    return SCHEMA["$defs"][reference.rpartition("/")[2]] if reference else schema


def places(schema: Schema, value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Schema]]:
    """Every place of the settings that can be changed, those that are not set among them."""
    schema = resolved(schema)
    for option in schema.get("anyOf", ()):
        yield from places(option, value, path)
    if "properties" in schema:
        for name, each in schema["properties"].items():
            if path or name != "secrets":
                yield (*path, name), each
            if isinstance(value, Mapping) and name in value:
                yield from places(each, value[name], (*path, name))
    elif schema.get("type") == "array" and isinstance(value, list):
        for index, each in enumerate(value):
            yield from places(schema["items"], each, (*path, index))


PLACES = list(places(SCHEMA, FULL))


def secrets(made: Mapping[str, Any]) -> dict[str, Any]:
    """Every secret that the settings may want, so that none is missing."""
    with contextlib.suppress(KeyError, TypeError, AttributeError):
        providers = made["externalAuth"]["providers"]
        ids = [each.get("id", "gitlab") for each in providers]
        slugs = [each["slug"] for each in made.get("mcpServers", ())]
        models = [each["name"] for each in made["aiGateway"]["providers"]]
        login = {"clientId": "i", "clientSecret": "s"}
        keys = {"apiKey": "k", "accessKey": "i", "accessKeySecret": "s"}
        return {
            "coderToken": "t",
            "externalAuth": {str(each): login for each in ids},
            "mcp": {str(each): "k" for each in slugs},
            "aiProviders": {str(each): keys for each in models},
        }
    return {"coderToken": "t"}


def odd_values(schema: Schema) -> Iterator[Any]:
    """Every odd value of the type that a schema names, for a place that holds one value."""
    schema = resolved(schema)
    for option in schema.get("anyOf", ()):
        yield from odd_values(option)
    match schema.get("type"):
        case "string" if "enum" not in schema:
            yield from TEXTS
        case "integer" | "number":
            yield from FLOATS
        case "array":
            for value in odd_values(schema["items"]):
                yield [value]
                yield [value, value]
        case "object" if schema.get("additionalProperties"):
            for value in odd_values(schema["additionalProperties"]):
                yield {"app": value}
            for key in TEXTS:
                yield {key: "x"}


def changed(changes: Mapping[Path_, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of which some places differ; what holds the same is `whole`'s, as it is."""
    plain = dict(FULL)
    for (section, *rest), value in changes.items():
        plain[str(section)] = put(plain.get(str(section), {}), (*rest,), value)
    own = {str(section): plain[str(section)] for section, *_ in changes}
    return {**whole, **own, "secrets": secrets(plain)}


def put(old: Any, path: Path_, value: Any) -> Any:
    """Return plain data with another value in one place, the rest of it not copied."""
    if not path:
        return value
    (part, *rest) = path
    if isinstance(part, int):
        return [put(each, (*rest,), value) if i == part else each for i, each in enumerate(old)]
    return {**old, part: put(old.get(part, {}), (*rest,), value)}


def parted(changes: Mapping[Path_, Any], told: Iterable[str]) -> Iterator[dict[Path_, Any]]:
    """Yield each change whose key is told alone, those below such a key, and the others.

    Where that would be all of them again, yield halves.
    """
    named, below, others = {}, {}, {}
    for path, value in changes.items():
        own = key_of(path)
        if any(is_at(key, own) for key in told):
            named[path] = value
        elif any(is_at(own, key) for key in told):
            below[path] = value
        else:
            others[path] = value
    if not named and not (below and others):
        paths = list(changes)
        below, others = (
            {path: changes[path] for path in half}
            for half in (paths[: len(paths) // 2], paths[len(paths) // 2 :])
        )
    yield from filter(None, (others, below))
    yield from ({path: value} for path, value in named.items())


def is_at(key: str, place: str) -> bool:
    return key == place or key.startswith((f"{place}.", f"{place}["))
