"""Writes the reference of the settings: `python -m docs.write_settings`.

It is made from the schema that editors use, so it cannot name a key that does not exist. A test
holds the committed page against what this writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.settings.load import json_schema

PAGE = Path(__file__).parent / "settings.md"
PREFIX = "firewalled-coder:"
HEAD = """# Settings

Every key stands under `config` in `stacks/Pulumi.<stack>.yaml`, behind `firewalled-coder:`. `[]`
is each entry of a list, `<name>` a key of one's own. Secrets are set by
`pulumi config set --secret --path`; one in clear is refused, and so is a key of this page behind
another namespace. Beside `config` stands only what the engine keeps there (`environment`,
`secretsprovider`, `encryptedkey`, `encryptionsalt`): any other key, and a second YAML document,
which the engine would pass over, is refused. A text that looks like a date is quoted. The same is
in `stacks/settings.schema.json`, which editors read. This page is written by `make schema`.
"""
KINDS = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`"}

Schema = Mapping[str, Any]


def page() -> str:
    """Return the page as Markdown."""
    schema = json_schema()
    definitions: Mapping[str, Schema] = schema["$defs"]
    settings = schema["properties"]["config"]["properties"]
    sections = [HEAD]
    for key, place in settings.items():
        name = key.removeprefix(PREFIX)
        rows = "\n".join(_rows(name, place, definitions))
        about = str(place.get("description", ""))
        sections.append(
            f"## {name}\n\n{about}\n\n| key | what it takes | if unset | meaning |\n"
            f"|---|---|---|---|\n{rows}\n"
        )
    return "\n".join(sections)


def _rows(
    path: str,
    place: Schema,
    definitions: Mapping[str, Schema],
    *,
    required: bool = False,
    within: str = "",
) -> Iterator[str]:
    """Yield the rows of a key and of what is below it.

    Args:
        path: the key.
        place: its schema.
        definitions: those of the whole schema.
        required: whether what holds the key must have it.
        within: the innermost object around it that may be left out, itself or what is around it.
    """
    about = str(place.get("description", ""))
    if path == "templates[].policy":
        yield f"| `{path}` | as [policy](#policy) | | {about} |"
        return
    found = _resolved(place, definitions)
    if "properties" in found and set(found["properties"]) != {"secure"}:
        for key, inner in found["properties"].items():
            needed = key in found.get("required", ())
            inside = f"{path}.{key}"
            optional = within if needed else inside
            yield from _rows(inside, inner, definitions, required=needed, within=optional)
        return
    if found.get("type") == "array":
        entry = _resolved(found["items"], definitions)
        if "properties" in entry:
            yield from _rows(f"{path}[]", found["items"], definitions)
            return
    additional = found.get("additionalProperties")
    if isinstance(additional, Mapping) and "properties" in _resolved(additional, definitions):
        yield from _rows(f"{path}.<name>", additional, definitions)
        return
    where = f" where `{within}` is set" if within else ""
    unset = f"required{where}" if required else _default(place)
    yield f"| `{path}` | {_kinds(place, definitions)} | {unset} | {_cell(about)} |"


def _resolved(place: Schema, definitions: Mapping[str, Schema]) -> Schema:
    for option in place.get("anyOf", ()):
        if option.get("type") != "null":
            return _resolved(option, definitions)
    reference = place.get("$ref")
    return definitions[str(reference).rsplit("/", 1)[1]] if reference else place


def _kinds(place: Schema, definitions: Mapping[str, Schema]) -> str:
    options = [each for each in place.get("anyOf", ()) if each.get("type") != "null"]
    return ", ".join(
        _kind(_resolved(each, definitions), definitions) for each in options or [place]
    )


def _kind(found: Schema, definitions: Mapping[str, Schema]) -> str:
    if "secure" in found.get("properties", ()):
        return "secret"
    if "enum" in found or "const" in found:
        return ", ".join(f"`{value}`" for value in found.get("enum", [found.get("const")]))
    kind = found.get("type")
    if kind == "array":
        options = found["items"].get("anyOf", [found["items"]])
        entry = " or ".join(_kind(_resolved(each, definitions), definitions) for each in options)
        return f"list of {entry.replace('number', 'numbers')}"
    if kind == "object":
        inner = found.get("additionalProperties")
        value = _kind(_resolved(inner, definitions), definitions) if inner else "text"
        return f"map to {value}"
    if kind == "string":
        return "date" if found.get("format") == "date" else "text"
    return _bounded(KINDS.get(str(kind), str(kind)), found)


def _bounded(kind: str, found: Schema) -> str:
    low, above, high = (found.get(k) for k in ("minimum", "exclusiveMinimum", "maximum"))
    if low is not None and high is not None:
        return f"{kind} from {low} to {high}"
    if low is not None:
        return f"{kind}, at least {low}"
    return kind if above is None else f"{kind} above {above}"


def _default(place: Schema) -> str:
    if "default" not in place or place["default"] in (None, "", [], {}):
        return ""
    text = json.dumps(place["default"], ensure_ascii=False)
    if isinstance(place["default"], str):
        text = place["default"]
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
