"""What policies of somebody else open, as words of reports and terminals, and as plain data."""

from __future__ import annotations

import shlex
from typing import Any, Final

from ops import network
from ops.foreign_policies import ForeignPolicy
from ops.live_network import LiveNetwork
from ops.markdown import code, some

_NOBODY: Final = "somebody whom the API server does not record"


def lines(found: LiveNetwork) -> list[str]:
    """Return what is open by each as lines of Markdown, and the way on."""
    said = [line for each in found.foreign for line in _policy(each, found.context)]
    if found.unlisted:
        said.append(
            "- policies of others were not looked at, which may open more: that takes the right "
            f"to {some(found.unlisted, code)}"
        )
    said += [
        f"- {code(each)} is accepted in `network.acceptedPolicies` and is not there: whoever makes "
        "one of that name opens more without a warning; take it out"
        for each in found.missing
    ]
    return said


def delete(each: ForeignPolicy, context: str | None) -> str:
    """Return the command that deletes one, for whoever owns it."""
    words = ["--context", context] if context else []
    words += ["delete", "-n", each.namespace, f"{each.kind.lower()}/{each.name}"]
    return shlex.join(["kubectl", *words])


def to_json(found: LiveNetwork) -> dict[str, Any] | None:
    """Return the same as plain data, None where nothing is to be said."""
    if not (found.foreign or found.unlisted or found.missing):
        return None
    return {
        "notLookedAtWithout": list(found.unlisted),
        "acceptedButNotThere": list(found.missing),
        "opening": [
            {
                "kind": each.kind,
                "name": f"{each.namespace}/{each.name}",
                "by": [{"manager": maker.manager, "time": maker.time} for maker in each.makers],
                # None: nobody accepted it.
                "acceptedBecause": each.accepted or None,
                "unclearFor": list(each.unclear),
                "reach": [
                    {"pods": list(reach.pods), **network.to_json(reach.change, None)}
                    for reach in each.reaches
                ],
            }
            for each in found.foreign
        ],
    }


def _policy(each: ForeignPolicy, context: str | None) -> list[str]:
    mark = "" if each.accepted else "⚠️ "
    by = some([maker.said for maker in each.makers], code) if each.makers else _NOBODY
    head = f"- {mark}{code(each.kind)} {code(f'{each.namespace}/{each.name}')}, made by {by}, "
    if each.accepted:
        told = [
            f"{head}is not the stack's and accepted; because: {code(each.accepted.rstrip('.'))}"
        ]
    else:
        told = [f"{head}is not the stack's, and policies add up"]
    for reach in each.reaches:
        title = f"{mark}open by it at this moment for the pods of {some(reach.pods, code)}"
        told += [f"  {line}" for line in network.listed(title, reach.change.opened)]
    if each.unclear:
        told.append(
            f"  - {mark}what it lets through is not known here for the pods of "
            f"{some(each.unclear, code)}: **take it as open**"
        )
    if not each.accepted:
        told.append(
            f"  - whoever owns it deletes it, {code(delete(each, context))}; or the stack accepts "
            "it with a reason, in `network.acceptedPolicies`"
        )
    return told
