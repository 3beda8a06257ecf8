"""What changes in a dashboard: its panels by title, and settings besides them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.dashboards.uids import CONTENT
from components.network.namespace_args import STACK_ANNOTATION
from ops.changes import UNKNOWN, Step
from ops.markdown import code, some, word

# The annotation by which Grafana's sidecar knows the folder.
_FOLDER = "grafana_folder"


@dataclass(frozen=True)
class Panels:
    """What changes in one dashboard: panels by title, and settings besides them.

    Attributes:
        dashboard: its title.
        added: titles of new panels.
        removed: titles of panels that go.
        changed: titles of panels that change, each with what of it.
        settings: what changes besides panels, its folder and name in the cluster among it.
        op: the engine's word for the step.
        only_names: of the panels nothing but the names of templates and versions, which the update
            makes; None where that is told from the panels.
    """

    dashboard: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    settings: tuple[str, ...] = ()
    op: str = "update"
    only_names: bool | None = None


def panels(step: Step) -> Panels:
    """Return what a step on a dashboard's ConfigMap changes of the dashboard."""
    old, new = _dashboard(step.old), _dashboard(step.new)
    files = step.new.get("data") or {}
    if UNKNOWN in files.values():
        same = step.op == "update" and _content(step.old) == _content(step.new)
        title = old.get("title") or _title(next(iter(files))) or step.name
        return Panels(str(title), settings=_placed(step), op=step.op, only_names=same)
    before, after = _by_title(old), _by_title(new)
    changed = tuple(
        (title, tuple(sorted(_parts(before[title], after[title]))))
        for title in after
        if title in before and before[title] != after[title]
    )
    rest = {key for key in old.keys() | new.keys() if key != "panels"}
    return Panels(
        dashboard=str(new.get("title") or old.get("title") or step.name),
        added=tuple(title for title in after if title not in before),
        removed=tuple(title for title in before if title not in after),
        changed=changed,
        settings=tuple(sorted(key for key in rest if old and new and old.get(key) != new.get(key)))
        + _placed(step),
        op=step.op,
    )


def _placed(step: Step) -> tuple[str, ...]:
    """Return what an update changes of where a dashboard is, in Grafana and in the cluster."""
    if step.op in ("create", "delete"):
        return ()
    old, new = (_metadata(inputs) for inputs in (step.old, step.new))
    if (STACK_ANNOTATION in old) != (STACK_ANNOTATION in new):
        # An earlier release does not say whose it is.
        for side in (old, new):
            side.pop(STACK_ANNOTATION, None)
    keys = sorted(old.keys() | new.keys(), key=lambda key: (key != _FOLDER, key))
    return tuple(
        "folder" if key == _FOLDER else key for key in keys if old.get(key) != new.get(key)
    )


def _metadata(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata with the annotations beside the rest, less the digest of the content."""
    metadata = dict(inputs.get("metadata") or {})
    annotations = metadata.pop("annotations", None) or {}
    return {**metadata, **{key: annotations[key] for key in annotations if key != CONTENT}}


def _title(file: str) -> str | None:
    # Grafana's models are much to read for the one who shows no dashboard.
    from components.dashboards.catalogue import CATALOGUE  # noqa: PLC0415

    # A stack may have a prefix before the uid; none of them is the end of another.
    uid = file.removesuffix(".json")
    return next(
        (each.title for each in CATALOGUE.values() if f"-{uid}".endswith(f"-{each.uid}")), None
    )


def _content(inputs: Mapping[str, Any]) -> object:
    return ((inputs.get("metadata") or {}).get("annotations") or {}).get(CONTENT)


def _dashboard(inputs: Mapping[str, Any]) -> dict[str, Any]:
    for content in (inputs.get("data") or {}).values():
        try:
            document = json.loads(content)
        except (TypeError, ValueError):
            continue
        if isinstance(document, dict):
            return document
    return {}


def _by_title(dashboard: Mapping[str, Any]) -> dict[str, Any]:
    """Return the panels, those of closed rows too; two of one title are told apart by number."""
    found: dict[str, Any] = {}
    pending = list(dashboard.get("panels") or ())
    while pending:
        panel = pending.pop(0)
        pending = [*(panel.get("panels") or ()), *pending]
        title = str(panel.get("title") or f"panel {panel.get('id')}")
        number, key = 2, title
        while key in found:
            key, number = f"{title} ({number})", number + 1
        found[key] = {name: value for name, value in panel.items() if name != "panels"}
    return found


def _parts(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    """Return what of a panel differs, in the words of Grafana's editor."""
    words = {
        "targets": "queries",
        "gridPos": "place",
        "fieldConfig": "fields",
        "options": "options",
        "transformations": "transformations",
        "datasource": "data source",
        "type": "visualization",
    }
    differing = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    return {words.get(key, key) for key in differing if key != "id"} or {"number"}


def panel_lines(panels: Panels) -> list[str]:
    """Return what changes in one dashboard, as lines of Markdown."""
    if panels.op == "create":
        count = "" if panels.only_names is not None else f", {len(panels.added)} panels"
        return [f"- {code(panels.dashboard)}: new{count}"]
    if panels.op == "delete":
        return [f"- {code(panels.dashboard)}: **deleted**"]
    if panels.only_names is not None:
        what = "the names" if panels.only_names else "panels that the update shows, and the names"
        lines = [f"- {code(panels.dashboard)}: {what} of new versions"]
    elif panels.added or panels.removed or panels.changed or panels.settings:
        lines = [f"- {code(panels.dashboard)}"]
    else:
        return [f"- {code(panels.dashboard)}: the same, written in another form"]
    lines += [f"  - new panel {code(title)}" for title in panels.added]
    lines += [f"  - panel {code(title)} **removed**" for title in panels.removed]
    by_parts: dict[tuple[str, ...], list[str]] = {}
    for title, parts in panels.changed:
        by_parts.setdefault(parts, []).append(title)
    lines += [
        f"  - {', '.join(map(word, parts))} of {some(titles, code)}"
        for parts, titles in by_parts.items()
    ]
    if panels.settings:
        lines.append(f"  - settings: {some(panels.settings, code)}")
    return lines
