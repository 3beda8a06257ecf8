"""What the live network policies are like beside what was declared: for reviews and terminals."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any, Final

from ops import foreign_lines, network
from ops.live_network import UNREAD, LiveNetwork
from ops.live_reach import LiveReach
from ops.markdown import code, plain, some

_NOBODY: Final = "by somebody whom the API server does not record"


def way_on(found: LiveNetwork, stack: str) -> str:
    """Return the command that restores what was declared.

    Forcing the fields does not: what was added stays another's. An update alone does not see that
    an object is gone.
    """
    context = f" --context {shlex.quote(found.context)}" if found.context else ""
    names = " ".join(f"{each.kind.lower()}/{each.name}" for each in found.edits)
    delete = f"kubectl{context} delete -n {found.edits[0].namespace} {names}"
    return f"{delete} && python -m ops refresh {stack} && python -m ops up {stack}"


def lines(found: LiveNetwork, stack: str) -> list[str]:
    """Return what differs as lines of Markdown, and the way on."""
    said = [f"- ⚠️ {UNREAD}: {code(found.unread)}"] if found.unread else []
    return [*said, *_edited(found, stack), *foreign_lines.lines(found)]


def _edited(found: LiveNetwork, stack: str) -> list[str]:
    if not found.edits:
        return []
    said = []
    for edit in found.edits:
        by = f"by {some([e.said for e in edit.editors], code)}" if edit.editors else _NOBODY
        said.append(f"- {code(edit.kind)} {code(f'{edit.namespace}/{edit.name}')}, {by}:")
        for each in edit.changes:
            old, new = (
                word if text is None else code(text)
                for text, word in ((each.old, "not declared"), (each.new, "**removed**"))
            )
            said.append(f"  - {code(each.path)}: {old} → {new}")
    said += [line for reach in found.reaches for line in _reach_lines(reach)]
    if found.unclear:
        said.append("- ⚠️ what it lets through now is not known here: **take it as open**")
    elif not found.reaches:
        said.append("- what workspaces reach is the same")
    return [
        *said,
        "- the engine leaves what others own; this restores what the settings say (between its "
        f"steps there is no policy): {code(way_on(found, stack))}",
    ]


def told(found: LiveNetwork, stack: str) -> Iterator[str]:
    """Yield the same as lines of a terminal."""
    for warning in found.warnings:
        yield f"warning: {warning}"
    if found.unread:
        yield f"  {found.unread}"
    for edit in found.edits:
        by = f"by {some([e.said for e in edit.editors], plain)}" if edit.editors else _NOBODY
        yield f"edited: {edit.kind} {edit.namespace}/{edit.name}, {by}"
        for each in edit.changes:
            old = "not declared" if each.old is None else each.old
            new = "removed" if each.new is None else each.new
            yield f"  {plain(each.path)}: {plain(old)} -> {plain(new)}"
    for reach in found.reaches:
        yield from (line.replace("**", "").replace("`", "") for line in _reach_lines(reach))
    if found.edits:
        yield "the engine leaves what others own; restore what the settings say:"
        yield f"  {way_on(found, stack)}"
    for line in foreign_lines.lines(found):
        yield line.replace("**", "").replace("`", "")


def to_json(found: LiveNetwork) -> dict[str, Any] | None:
    """Return the same as plain data, None when everything is as declared."""
    if not (found.edits or found.unread):
        return None
    return {
        "effect": found.effect if found.edits else None,
        "unread": found.unread,
        "edits": [
            {
                "kind": edit.kind,
                "name": f"{edit.namespace}/{edit.name}",
                "by": [{"manager": each.manager, "time": each.time} for each in edit.editors],
                "changes": [
                    {"path": each.path, "declared": each.old, "live": each.new}
                    for each in edit.changes
                ],
            }
            for edit in found.edits
        ],
        "reach": [
            {"pods": list(each.pods), **network.to_json(each.change, None)}
            for each in found.reaches
        ],
    }


def _reach_lines(reach: LiveReach) -> list[str]:
    change, whose = reach.change, some(reach.pods, code)
    if change.removed:
        return [
            f"- ⚠️ no policy selects the pods of {whose}: they reach **every address and port at "
            "this moment**, and everything reaches them"
        ]
    return [
        *network.listed(f"⚠️ open at this moment for the pods of {whose}", change.opened),
        *network.listed(f"closed at this moment for the pods of {whose}", change.closed),
    ]
