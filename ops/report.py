"""The report of a preview: Markdown for people, JSON for machines; pure functions.

The important part stands first, so that what does not fit is the least important; it is always
said how much was left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from ops.assessment import Panels, Reach, StackPreview, Verdict, is_login
from ops.changes import Change, Step

# GitHub refuses a longer comment, in characters; bytes are counted, which are never fewer.
LIMIT: Final = 65_536
FORMAT: Final = 1

_ORDER: Final[tuple[Verdict, ...]] = ("fails", "opens", "destroys", "changes", "same")
_WORDS: Final[Mapping[Verdict, str]] = {
    "fails": "⛔ the preview fails; nothing can be applied",
    "opens": "⚠️ agents reach more than they do now",
    "destroys": "⚠️ resources are deleted or replaced",
    "changes": "changes; agents reach nothing new, and nothing is lost",
    "same": "✅ no change",
}
_LINE: Final = 400
_SHOWN: Final = 12
_SIGNS: Final[Mapping[str, str]] = {"create": "+", "update": "~", "delete": "-", "replace": "±"}
# Of what is left for a stack: the details come last and must not push the rest out.
_DETAILS_AT_LEAST: Final = 300


def verdict(previews: Iterable[StackPreview]) -> Verdict:
    """Return the gravest verdict of several stacks, `same` for none."""
    return min((preview.verdict for preview in previews), key=_ORDER.index, default="same")


def to_markdown(previews: Sequence[StackPreview], limit: int = LIMIT) -> str:
    """Return the report; its UTF-8 is shorter than `limit` bytes, and so are its characters.

    Stacks share the room: each gets an equal part of what those before it left.
    """
    head = [f"## Preview: {_WORDS[verdict(previews)]}", ""]
    if len(previews) > 1:
        head += ["| Stack | Verdict | Resources |", "|---|---|---|"]
        head += [
            f"| {_cell(each.name)} | {_WORDS[each.verdict]} | {_counts(each)} |"
            for each in previews
        ]
        head.append("")
    parts = _fit(head, limit // 4, "stacks")
    room = limit - _size(parts) - 1
    for place, preview in enumerate(previews):
        share = room // (len(previews) - place)
        body = _stack(preview, share)
        room -= _size(body)
        parts += body
    return "\n".join(parts).rstrip() + "\n"


def to_json(previews: Sequence[StackPreview]) -> dict[str, Any]:
    """Return the same as plain data, nothing left out; `format` grows when a key changes."""
    return {
        "format": FORMAT,
        "verdict": verdict(previews),
        "stacks": [_stack_json(preview) for preview in previews],
    }


def _stack(preview: StackPreview, room: int) -> list[str]:
    heading = [f"### Stack `{_plain(preview.name)}`: {_WORDS[preview.verdict]}", ""]
    if preview.switched_off:
        heading += [f"> ⚠️ **The firewall is switched off**: {_text(preview.switched_off)}", ""]
    if preview.failure:
        said = _clipped(preview.failure.splitlines())
        shown = _fit(said, room - _size(heading) - len("```text\n```\n\n"), "lines")
        return [*heading, "```text", *shown, "```", ""]
    if counts := _counts(preview):
        heading += [f"Resources: {counts}", ""]
    sections: list[tuple[str, list[str]]] = [
        ("Deleted or replaced", [_lost(step) for step in preview.destroyed]),
        ("What an agent reaches", _reach_lines(preview.reaches)),
        ("Templates", [_template(step) for step in preview.templates]),
        ("Agent variables", _variables(preview)),
        ("External login", _settings(c for c in preview.coderd_variables if is_login(c))),
        ("coderd's variables", _settings(c for c in preview.coderd_variables if not is_login(c))),
        ("Dashboards", [line for panels in preview.dashboards for line in _panel_lines(panels)]),
    ]
    left = room - _size(heading) - _DETAILS_AT_LEAST
    lines = heading
    filled = [(title, content) for title, content in sections if content]
    for place, (title, content) in enumerate(filled):
        # A long section leaves at least half of the rest to those after it.
        share = left if place == len(filled) - 1 else left // 2
        part = [f"#### {title}", "", *_fit(content, share - len(title) - 8, "lines"), ""]
        left -= _size(part)
        lines += part
    return lines + _details(preview.steps, left + _DETAILS_AT_LEAST)


def _counts(preview: StackPreview) -> str:
    lost = {step.op for step in preview.destroyed}
    return ", ".join(
        f"{n} to **{op}**" if op in lost else f"{n} to {op}" for op, n in preview.counted.items()
    )


def _lost(step: Step) -> str:
    done = "replaced" if step.op == "replace" else "deleted"
    return f"- **{done}**: {_code(step.name)} ({_code(step.type)})"


def _reach_lines(reaches: Iterable[Reach]) -> list[str]:
    """Templates of the same policy change are told once, with all their names."""
    told: dict[tuple[str, ...], list[str]] = {}
    for reach in reaches:
        if reach.changed:
            told.setdefault(tuple(_reach(reach)), []).append(_code(reach.template))
    return [
        line
        for place, (lines, names) in enumerate(told.items())
        for line in (*([""] if place else []), f"**{', '.join(names)}**", "", *lines)
    ]


def _reach(reach: Reach) -> list[str]:
    if not reach.after:
        return ["- the template goes; its agents reach nothing"]
    if reach.new is None:
        was = "the firewall is **removed**" if reach.before else "new, **without a firewall**"
        return [f"- {was}: agents reach **every host**"]
    lines = []
    if not reach.before:
        lines.append(f"- new, confined by {len(reach.new)} rules")
    elif reach.old is None:
        lines.append(f"- **confined from now on** by {len(reach.new)} rules; every host before")
    old, new = reach.grades
    if old != new:
        lines.append(f"- exfiltration grade {old} → {new} (A: no host where anyone may receive)")
    for word, found in (
        ("newly reached", reach.comparison.opened),
        ("no longer reached", reach.comparison.closed),
    ):
        if found:
            lines.append(f"- {word} ({len(found)}):")
            lines += [f"  - {_host(entry.host, entry.methods, entry.paths)}" for entry in found]
    return lines


def _host(host: str, methods: Sequence[str], paths: Sequence[str]) -> str:
    shown_methods = "all methods" if "*" in methods else _some(methods, _plain)
    shown_paths = "all paths" if "*" in paths else _some(paths, _code)
    return f"{'**every host**' if host == '*' else _code(host)}: {shown_methods}, {shown_paths}"


def _template(step: Step) -> str:
    name = _code(str(step.new.get("name") or step.old.get("name") or step.name))
    if step.op in {"create", "delete", "replace"}:
        return f"- {name}: **{step.op}d**" if step.op != "create" else f"- {name}: created"
    paths = sorted({re.split(r"[.\[]", change.path)[0] for change in step.changes})
    words = ["a new version" if path == "versions" else _code(path) for path in paths]
    return f"- {name}: {', '.join(words or [_code(path) for path in step.touched])}"


def _variables(preview: StackPreview) -> list[str]:
    return [
        line
        for template, changes in preview.variables.items()
        for line in (f"- {_code(template)}", *(f"  {each}" for each in _settings(changes)))
    ]


def _settings(changes: Iterable[Change]) -> list[str]:
    return [f"- {_code(change.path)}: {_values(change)}" for change in changes]


def _values(change: Change) -> str:
    old = "not set" if change.old is None else _code(change.old)
    new = "**removed**" if change.new is None else _code(change.new)
    return f"{old} → {new}"


def _panel_lines(panels: Panels) -> list[str]:
    if panels.op == "create":
        return [f"- {_code(panels.dashboard)}: new, {len(panels.added)} panels"]
    if panels.op == "delete":
        return [f"- {_code(panels.dashboard)}: **deleted**"]
    lines = [f"- {_code(panels.dashboard)}"]
    lines += [f"  - new panel {_code(title)}" for title in panels.added]
    lines += [f"  - panel {_code(title)} **removed**" for title in panels.removed]
    by_parts: dict[tuple[str, ...], list[str]] = {}
    for title, parts in panels.changed:
        by_parts.setdefault(parts, []).append(title)
    lines += [
        f"  - {', '.join(parts)} of {_some(titles, _code)}" for parts, titles in by_parts.items()
    ]
    if panels.settings:
        lines.append(f"  - settings: {_some(panels.settings, _code)}")
    return lines


def _details(steps: Sequence[Step], room: int) -> list[str]:
    if not steps:
        return []
    lines: list[str] = []
    for step in sorted(steps, key=lambda step: step.op not in {"delete", "replace"}):
        lines.append(f"{_SIGNS.get(step.op, '!')} {step.op} {step.type} {step.name}")
        if step.op != "delete":
            lines += _step_lines(step)
    opening = ["<details><summary>Resources, one by one</summary>", "", "```diff"]
    closing = ["```", "", "</details>", ""]
    inner = _fit(_clipped(lines), room - _size(opening) - _size(closing), "lines")
    return [*opening, *inner, *closing]


def _step_lines(step: Step) -> list[str]:
    changes = step.changes
    if not changes and step.touched:
        return [f"    {path}: a secret value changes" for path in step.touched]
    lines = []
    for change in changes:
        if _long(change.old) or _long(change.new):
            sizes = " to ".join(
                "nothing" if each is None else f"{len(each)} characters"
                for each in (change.old, change.new)
            )
            lines.append(f"    {change.path}: {sizes}")
            continue
        lines.append(f"    {change.path}")
        lines += [] if change.old is None else [f"-     {change.old}"]
        lines += [] if change.new is None else [f"+     {change.new}"]
    return lines


def _long(value: str | None) -> bool:
    return value is not None and (len(value) > _LINE or "\n" in value)


def _fit(lines: Sequence[str], room: int, what: str) -> list[str]:
    """Return as many lines as fit into `room` bytes, and say how many did not."""
    inside = list(lines)
    if _size(inside) > room:
        left_out = f"… {len(inside)} more {what} left out here; --json shows all"
        taken, used = 0, _size([left_out])
        while taken < len(inside) and used + _size([inside[taken]]) <= room:
            used += _size([inside[taken]])
            taken += 1
        left_out = left_out.replace(str(len(inside)), str(len(inside) - taken), 1)
        inside = [*inside[:taken], left_out]
    return inside


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _clipped(lines: Iterable[str]) -> list[str]:
    # Three backticks would end the block.
    return [_clip(line.replace("```", "'''")) for line in lines]


def _clip(value: str) -> str:
    return value if len(value) <= _LINE else f"{value[:_LINE]}… ({len(value) - _LINE} more)"


def _plain(value: str) -> str:
    return _clip(" ".join(value.replace("`", "'").split()))


def _text(value: str) -> str:
    """Return text in which nothing is a tag, a mention or a link."""
    return re.sub(r"([\\*_<>\[\]@#|])", r"\\\1", _plain(value))


def _code(value: str) -> str:
    return f"`{_plain(value) or ' '}`"


def _cell(value: str) -> str:
    return _code(value).replace("|", "\\|")


def _some(values: Sequence[str], show: Callable[[str], str]) -> str:
    shown = ", ".join(show(value) for value in values[:_SHOWN])
    return shown if len(values) <= _SHOWN else f"{shown} and {len(values) - _SHOWN} more"


def _stack_json(preview: StackPreview) -> dict[str, Any]:
    return {
        "name": preview.name,
        "verdict": preview.verdict,
        "failure": preview.failure,
        "firewallSwitchedOff": preview.switched_off,
        "resources": preview.counted,
        "destroyed": [{"op": s.op, "type": s.type, "name": s.name} for s in preview.destroyed],
        "reach": [reach_json(reach) for reach in preview.reaches],
        "agentVariables": {
            name: [_change_json(change) for change in changes]
            for name, changes in preview.variables.items()
        },
        "coderdVariables": [_change_json(change) for change in preview.coderd_variables],
        "dashboards": [
            {
                "name": each.dashboard,
                "op": each.op,
                "added": list(each.added),
                "removed": list(each.removed),
                "changed": {title: list(parts) for title, parts in each.changed},
                "settings": list(each.settings),
            }
            for each in preview.dashboards
        ],
        "steps": [
            {
                "op": step.op,
                "urn": step.urn,
                "changes": [_change_json(change) for change in step.changes],
                "touched": list(step.touched),
            }
            for step in preview.steps
        ],
    }


def reach_json(reach: Reach) -> dict[str, Any]:
    """Return one template's change as plain data."""
    sides = {
        word: [{"host": e.host, "methods": list(e.methods), "paths": list(e.paths)} for e in found]
        for word, found in (
            ("opened", reach.comparison.opened),
            ("closed", reach.comparison.closed),
        )
    }
    return {
        "template": reach.template,
        "before": _confined(reach.before, reach.old is not None),
        "after": _confined(reach.after, reach.new is not None),
        "grades": list(reach.grades),
        "opens": reach.opens,
        **sides,
    }


def _confined(there: bool, firewall: bool) -> str:
    return "absent" if not there else "confined" if firewall else "unconfined"


def _change_json(change: Change) -> dict[str, str | None]:
    return {"path": change.path, "old": change.old, "new": change.new}
