"""The report of a preview: Markdown for people, JSON for machines; pure functions.

The important part stands first, so that what does not fit is the least important; it is always
said how much was left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import filterfalse
from typing import Any, Final

from components.boundary.credentials import HIDDEN
from ops import drift, gateway_drift, in_use, live_lines, namespace_changes
from ops.accepted_changes import accepted_lines
from ops.alerting import alert_lines
from ops.assessment import StackPreview
from ops.changes import UNKNOWN, Change, Step
from ops.coderd import CoderdChanges, is_login
from ops.contract_changes import contract_lines
from ops.fitting import ALL, NOTE, Weigher, fit, gravest, marked, size
from ops.gateway_changes import gateway_lines
from ops.guard_changes import guard_lines
from ops.headline import headline
from ops.markdown import LINE, turned
from ops.markdown import cell as _cell
from ops.markdown import clip as _clip
from ops.markdown import code as _code
from ops.markdown import plain as _plain
from ops.markdown import visible as _visible
from ops.marks import mark_lines
from ops.mcp_changes import server_lines
from ops.not_known import not_known_lines
from ops.panel_changes import panel_lines
from ops.program_changes import pin_mark
from ops.provider_changes import elsewhere_lines
from ops.quota_changes import quota_lines
from ops.reach_lines import every_host, reach_lines, weight
from ops.report_json import ORDER, stack_json, verdict
from ops.role_changes import runs_again
from ops.source_changes import source_lines
from ops.template_changes import access_lines, claude_policy_lines, wiring_lines
from ops.template_terms import term_lines
from ops.variable_changes import variable_line
from ops.wall_changes import wall_lines

# GitHub refuses a longer comment, in characters; bytes are counted, which are never fewer.
LIMIT: Final = 65_536
FORMAT: Final = 1
_REACH: Final = "What an agent reaches"
_HANDED_OVER: Final = (
    "the stack no longer sets coderd's variables itself: **coderd goes without what nobody else "
    "sets**, such as the chart or another stack"
)
_SIGNS: Final[Mapping[str, str]] = {"create": "+", "update": "~", "delete": "-", "replace": "±"}
# The fewest bytes that a stack is worth showing in.
_STACK_AT_LEAST: Final = 1_500


def to_markdown(previews: Sequence[StackPreview], limit: int = LIMIT) -> str:
    """Return the report; its UTF-8 is shorter than `limit` bytes, and so are its characters.

    The stack with the gravest verdict comes first. When not everything fits, stacks share the
    room: each gets an equal part of what those before it left.
    """
    head = [f"## Preview: {headline(previews)}", ""]
    if len(previews) > 1:
        table = [
            f"| {_cell(each.name)} | {headline([each])} | {_counts(each)} |" for each in previews
        ]
        head += ["| Stack | Verdict | Resources |", "|---|---|---|"]
        head += [*fit(table, limit // 4, "stacks"), ""]
    grave = sorted(previews, key=lambda each: (ORDER.index(each.verdict), not each.warnings))
    room = limit - size(head) - 1
    bodies: list[list[str]] = []
    left = room
    for each in grave:
        bodies.append(_stack(each, room))
        left -= size(bodies[-1])
        if left < 0:
            bodies = _shared(grave, room)
            break
    return "\n".join([*head, *(line for body in bodies for line in body)]).rstrip() + "\n"


def _shared(previews: Sequence[StackPreview], room: int) -> list[list[str]]:
    """Return the stacks that fit, each with its share of `room` bytes."""
    room -= NOTE
    bodies: list[list[str]] = []
    for place, preview in enumerate(previews):
        body = _stack(preview, max(room // (len(previews) - place), min(room, _STACK_AT_LEAST)))
        if size(body) > room:
            bodies.append([f"… {len(previews) - place} more stacks left out here; {ALL}"])
            break
        room -= size(body)
        bodies.append(body)
    return bodies


def to_json(previews: Sequence[StackPreview]) -> dict[str, Any]:
    """Return the same as plain data, nothing left out; `format` grows when a key changes."""
    return {
        "format": FORMAT,
        "verdict": verdict(previews),
        "stacks": [stack_json(preview) for preview in previews],
    }


def _stack(preview: StackPreview, room: int) -> list[str]:
    heading = [f"### Stack `{_plain(preview.name)}`: {headline([preview])}", ""]
    if preview.switched_off:
        heading += [f"> ⚠️ **The firewall is switched off**: {_code(preview.switched_off)}", ""]
    if why := preview.without_network_policy:
        heading += [f"> ⚠️ **There is no network policy**: {_code(why)}", ""]
    for each in preview.floating:
        heading += [f"> ⚠️ **Not pinned**: {_code(each)}", ""]
    for line in in_use.lines(preview.in_use):
        heading += [line, ""]
    edited = live_lines.lines(preview.live, preview.name)
    if preview.failure:
        heading += ["#### The network policy as it is now", "", *edited, ""] if edited else []
        said = [_clip(_visible(line)) for line in preview.failure.splitlines()]
        return heading + _block([], "text", said, max(room - size(heading), 0))
    if counts := _counts(preview):
        heading += [f"Resources: {counts}", ""]
    sections: list[tuple[str, list[str]]] = [
        (
            "Deleted by somebody else",
            drift.lines(preview.deleted, opens=preview.is_open, stack=preview.name),
        ),
        ("Deployed without a record", list(preview.unrecorded)),
        ("The network policy as it is now", edited),
        ("Deleted or replaced", [_lost(step) for step in preview.destroyed]),
        ("What guards the stack", guard_lines(preview.guards)),
        ("Where it is", elsewhere_lines(preview.elsewhere, preview.name)),
        ("Namespace of workspaces", list(namespace_changes.move_lines(preview.moves))),
        (_REACH, reach_lines(preview.reaches)),
        ("What holds an agent beside the rules", _walls(preview)),
        ("The policy's contract", contract_lines(preview.contract)),
        ("Doubtful rules", [f"- {_code(doubt)}" for doubt in preview.doubts]),
        ("Templates", [line for step in preview.templates for line in _template(step, preview)]),
        ("Quota and limits of workspaces", list(quota_lines(preview.steps, _settings))),
        ("Agent variables", _variables(preview)),
        (
            "MCP servers",
            [line for each in preview.servers for line in server_lines(each, _settings)],
        ),
        (
            "AI Gateway",
            [
                *gateway_drift.lines(preview.written),
                *gateway_lines((*preview.steps, *preview.kept), _settings),
            ],
        ),
        ("coderd", _coderd(preview.coderd)),
        ("External login", _settings(filter(is_login, preview.coderd.changes))),
        ("coderd's variables", _settings(filterfalse(is_login, preview.coderd.changes))),
        ("Alerts", _alerts(preview)),
        ("Data sources", [each.line for each in preview.sources]),
        ("Grafana's database role", [each.item for each in preview.database_role]),
        ("Dashboards", [line for panels in preview.dashboards for line in panel_lines(panels)]),
        ("The stack's name on its objects", mark_lines(preview.steps)),
    ]
    left = room - size(heading) - NOTE
    lines, missing = heading, []
    needed = [gravest(content, _weigher(title)) for title, content in sections]
    for place, (title, content) in enumerate(sections):
        # A long section leaves to those after it their gravest lines, and about half of the rest.
        share = max((left - sum(needed[place + 1 :])) // 2, min(needed[place], left))
        shown = fit(content, share, "lines", _weigher(title))
        part = [f"#### {title}", "", *shown, ""] if content else []
        if size(part) > left:
            missing.append(title)
            continue
        left -= size(part)
        lines += part
    for title, content, parts in (
        ("Every host newly reached or no longer reached", every_host(preview.reaches), 2),
        ("Resources, one by one", _details(preview), 1),
    ):
        opening = ["<details>", f"<summary>{title}</summary>", ""]
        part = _block(opening, "diff", content, left // parts)
        if content and not part:
            missing.append(title)
        left -= size(part)
        lines += part
    return [*lines, f"Left out here: {', '.join(missing)}; {ALL}", ""] if missing else lines


def _weigher(title: str) -> Weigher:
    return weight if title == _REACH else marked


def _block(opening: list[str], kind: str, content: Sequence[str], room: int) -> list[str]:
    """Return a fenced block of as much content as fits, nothing if that is none."""
    # Three backticks would end the block.
    safe = [line.replace("```", "'''") for line in content]
    before = [*opening, f"```{kind}"]
    after = ["```", "", "</details>", ""] if opening else ["```", ""]
    room -= size(before) + size(after)
    return [*before, *fit(safe, room, "lines"), *after] if safe and room > NOTE else []


def _counts(preview: StackPreview) -> str:
    lost = {step.op for step in preview.destroyed}
    # What is replaced and not lost.
    again = any(map(runs_again, preview.steps))
    harmless = f" (marks of new versions{', a Job that runs again' * again})"
    return ", ".join(
        f"{n} to **{op}**" if op in lost else f"{n} to {op}{harmless if op == 'replace' else ''}"
        for op, n in preview.counted.items()
    )


def _lost(step: Step) -> str:
    done = "replaced" if step.op == "replace" else "deleted"
    return f"- **{done}**: {_code(step.name)} ({_code(step.type)})"


def _alerts(preview: StackPreview) -> list[str]:
    labels = [each.line for each in preview.labels]
    return [*labels, *(line for change in preview.alerts for line in alert_lines(change))]


def _walls(preview: StackPreview) -> list[str]:
    accepted = accepted_lines(preview.accepted)
    source = source_lines(preview.source) + not_known_lines(preview.not_known)
    return [*source, *accepted, *wall_lines(preview.walls)]


def _template(step: Step, preview: StackPreview) -> list[str]:
    plain = str(step.new.get("name") or step.old.get("name") or step.name)
    name = _code(plain)
    access = access_lines(preview.access.get(plain))
    access += claude_policy_lines(preview.claude_policies.get(plain)) + term_lines(step)
    if step.op in {"create", "delete", "replace"}:
        done = "created" if step.op == "create" else f"**{step.op}d**"
        return [f"- {name}: {done}", *access]
    paths = sorted({re.split(r"[.\[]", change.path)[0] for change in step.changes})
    words = ["a new version" if path == "versions" else _code(path) for path in paths]
    moved = wiring_lines(preview.old_templates.get(plain), preview.new_templates.get(plain))
    pins = preview.pins.get(plain, ())
    moved += [
        f"  - {pin_mark(each)}release of {line[2:]}" for each in pins for line in _settings([each])
    ]
    moved += [each.line for each in preview.sizes.get(plain, ())]
    changed = ", ".join(words or [_code(path) for path in step.touched])
    return [f"- {name}: {changed}", *access, *moved]


def _variables(preview: StackPreview) -> list[str]:
    told: dict[tuple[str, ...], list[str]] = {}
    for template, changes in preview.variables.items():
        sides = preview.old_templates.get(template), preview.new_templates.get(template)
        lines = tuple(f"  - {variable_line(each, *sides)}" for each in changes)
        told.setdefault(lines, []).append(_code(template))
    return [line for lines, names in told.items() for line in (f"- {', '.join(names)}", *lines)]


def _settings(changes: Iterable[Change]) -> list[str]:
    return [f"- {_code(change.path)}: {_values(change)}" for change in changes]


def _coderd(found: CoderdChanges) -> list[str]:
    return [
        *["- coderd **restarts**: its pods get the variables as they are then"] * found.restarts,
        *[f"- ⚠️ {_HANDED_OVER}"] * found.handed_over,
        *(
            f"- ⚠️ coderd reads Secret {_code(name)} only when it starts, and the stack does not "
            "restart it: **the chart has to roll out** after this, as by `kubectl rollout restart`"
            for name in found.left
        ),
    ]


def _values(change: Change) -> str:
    if change.old == change.new == HIDDEN:
        return "a secret value changes"
    return turned(change.old, change.new)


def _details(preview: StackPreview) -> list[str]:
    lost = set(map(id, preview.destroyed))
    lines: list[str] = []
    for step in sorted(preview.steps, key=lambda step: id(step) not in lost):
        lines.append(f"{_SIGNS.get(step.op, '!')} {step.op} {step.type} {step.name}")
        if step.op != "delete":
            lines += _step_lines(step)
    return [_clip(_visible(line)) for line in lines]


def _length(text: str | None) -> str:
    if text is None:
        return "nothing"
    return text if text in (HIDDEN, UNKNOWN) else f"{len(text)} characters"


def _step_lines(step: Step) -> list[str]:
    changes = step.changes
    if not changes and step.touched:
        return [f"    {line}" for line in step.unshown]
    lines = []
    for change in changes:
        if _long(change.old) or _long(change.new):
            sizes = " to ".join(map(_length, (change.old, change.new)))
            lines.append(f"    {change.path}: {sizes}")
            continue
        lines.append(f"    {change.path}")
        lines += [] if change.old is None else [f"-     {change.old}"]
        lines += [] if change.new is None else [f"+     {change.new}"]
    return lines


def _long(value: str | None) -> bool:
    return value is not None and (len(value) > LINE or "\n" in value)
