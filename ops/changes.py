"""What a preview changes, as plain data: the engine's steps and the values that differ.

A secret is replaced before anything else sees it, so no report can show one: the engine's own
mark, every value of a Kubernetes Secret, and whatever is a credential by its name or its form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.boundary.credentials import HIDDEN, without
from ops import tokens

UNKNOWN = "[known after the update]"

_UNKNOWN_VALUES = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # plugin.UnknownStringValue
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # plugin.UnknownBoolValue
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # plugin.UnknownNumberValue
    }
)
_KUBERNETES_SECRETS = frozenset({"kubernetes:core/v1:Secret", "kubernetes:core/v1:SecretPatch"})
_QUIET = frozenset({"same", "read", "refresh"})
# Coder has of them what their inputs do not say.
_LIVE = frozenset({tokens.DEPLOYMENT_PATCH, tokens.AI_PROVIDER, tokens.MCP_SERVER})
# Of a replacement the engine reports three steps; `replace` alone stands for it.
PARTS_OF_REPLACEMENT = frozenset({"create-replacement", "delete-replaced", "discard-replaced"})


@dataclass(frozen=True)
class Change:
    """A value that differs: its path, and text before and after (None: it is not there)."""

    path: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Step:
    """One resource that the engine would touch; secrets are gone from its inputs.

    `touched` names the properties that the provider calls changed, and `details` the path of each
    value with `add`, `delete` or `update`: of a secret, and of what it compares with its own
    record alone, that is all there is to show. `live` is what the provider last read, of a patched
    Deployment (a refresh cuts the inputs of a patch, entry by entry, to the form of the old ones)
    and of an AI provider and an MCP server (Coder keeps of them what the settings leave out).
    """

    op: str
    urn: str
    type: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    touched: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)
    live: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The resource's name."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def parent(self) -> str:
        """The type of the component that holds the resource, empty at the top."""
        types = self.urn.split("::")[2] if self.urn.count("::") >= 3 else ""
        return types.rsplit("$", 1)[0] if "$" in types else ""

    @property
    def changes(self) -> tuple[Change, ...]:
        """The inputs that differ."""
        return tuple(differences(self.old, self.new))

    @property
    def unshown(self) -> tuple[str, ...]:
        """What the provider calls changed where the inputs show no change; one line each."""
        return tuple(
            f"{path}: a secret value changes"
            if self._is_secret(path)
            else f"{path}: its provider has another value on record; the settings do not change"
            for path in self.touched
        )

    def _is_secret(self, path: str) -> bool:
        key = re.split(r"[.\[]", path, maxsplit=1)[0]
        return any(HIDDEN in text(inputs.get(key, "")) for inputs in (self.old, self.new))


def steps(events: Iterable[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Return the steps of a preview's events, by type and name: the engine's order varies.

    Args:
        events: `resource_pre_event` metadata as plain data, keys as in the Automation API.
    """
    found: dict[str, Step] = {}
    for metadata in events:
        op = str(getattr(metadata["op"], "value", metadata["op"]))
        if op not in _QUIET and op not in PARTS_OF_REPLACEMENT:
            found[f"{op} {metadata['urn']}"] = _step(op, metadata)
    return tuple(sorted(found.values(), key=lambda step: (step.type, step.urn, step.op)))


def every(events: Iterable[Mapping[str, Any]], kinds: Collection[str]) -> tuple[Step, ...]:
    """Return the steps on all resources of some types, the unchanged ones' too; else as `steps`."""
    found: dict[str, Step] = {}
    for metadata in events:
        op = str(getattr(metadata["op"], "value", metadata["op"]))
        quiet = op in _QUIET - {"same"} or op in PARTS_OF_REPLACEMENT
        if metadata["type"] in kinds and not quiet:
            found[str(metadata["urn"])] = _step(op, metadata)
    return tuple(sorted(found.values(), key=lambda step: (step.type, step.urn)))


def plain(metadata: Any) -> dict[str, Any]:
    """Return the metadata of a step event as plain data, keys as in the Automation API."""

    def side(state: Any) -> dict[str, Any] | None:
        if state is None:
            return None
        return {"inputs": state.inputs or {}, "outputs": state.outputs or {}}

    return {
        "op": metadata.op,
        "urn": metadata.urn,
        "type": metadata.type,
        "old": side(metadata.old),
        "new": side(metadata.new),
        "diffs": metadata.diffs,
        "details": {
            path: each.diff_kind.value for path, each in (metadata.detailed_diff or {}).items()
        },
    }


def _step(op: str, metadata: Mapping[str, Any]) -> Step:
    return Step(
        op,
        str(metadata["urn"]),
        str(metadata["type"]),
        _inputs(metadata, "old"),
        _inputs(metadata, "new"),
        # pulumi-kubernetes gives the paths alone.
        tuple(metadata.get("diffs") or metadata.get("details") or ()),
        dict(metadata.get("details") or {}),
        _live(metadata),
    )


def _live(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    if metadata["type"] not in _LIVE:
        return {}
    live = without_secrets((metadata.get("old") or {}).get("outputs") or {})
    assert isinstance(live, dict)  # noqa: S101  a mapping without signature stays one
    return live


def _inputs(metadata: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    state = metadata.get(side) or {}
    inputs = state.get("inputs") or {}
    if metadata["type"] in _KUBERNETES_SECRETS:
        inputs = {
            key: dict.fromkeys(value, HIDDEN) if isinstance(value, Mapping) else HIDDEN
            for key, value in inputs.items()
            if key in {"data", "stringData"}
        } | {key: value for key, value in inputs.items() if key not in {"data", "stringData"}}
    cleaned = without_secrets(inputs)
    assert isinstance(cleaned, dict)  # noqa: S101  a mapping without signature stays one
    return cleaned


def without_secrets(value: Any) -> Any:
    """Return `value` with every secret replaced, at any depth."""
    return without(_unmarked(value))


def _unmarked(value: Any) -> Any:
    """Return `value` with words in place of the engine's marks for secret and for unknown."""
    if isinstance(value, Mapping):
        if value.get(tokens.SIGNATURE) == tokens.SECRET_SIGNATURE:
            return HIDDEN
        return {str(key): _unmarked(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_unmarked(each) for each in value]
    if isinstance(value, str) and value in _UNKNOWN_VALUES:
        return UNKNOWN
    return value


def differences(old: Any, new: Any, path: str = "") -> Iterator[Change]:
    """Yield what differs between two plain values; entries of lists go by name, else by place."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            inner = f"{path}.{key}" if path and not str(key).startswith("[") else f"{path}{key}"
            if key not in old:
                yield Change(inner, None, text(new[key]))
            elif key not in new:
                yield Change(inner, text(old[key]), None)
            else:
                yield from differences(old[key], new[key], inner)
    elif isinstance(old, list) and isinstance(new, list):
        before, after = _keyed(old), _keyed(new)
        if not before.keys() & after.keys():
            before, after = _placed(old), _placed(new)
        if before == after:
            yield Change(f"{path} (order)", ", ".join(before), ", ".join(after))
        yield from differences(before, after, path)
    else:
        yield Change(path, text(old), text(new))


def _keyed(entries: list[Any]) -> dict[str, Any]:
    names = [each.get("name") for each in entries if isinstance(each, Mapping)]
    if len(names) == len(entries) and all(names) and len(set(names)) == len(names):
        return {f"[{name}]": each for name, each in zip(names, entries, strict=True)}
    return _placed(entries)


def _placed(entries: list[Any]) -> dict[str, Any]:
    return {f"[{place}]": each for place, each in enumerate(entries)}


def text(value: Any) -> str:
    """Return a value as one text: strings as they are, all else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
