"""What agents can reach past a policy by Boundary's own fault, for reports on the policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from components.boundary.destination import PATH_SINCE, TOKEN, everywhere, misdirects
from ops.markdown import code

if TYPE_CHECKING:
    from components.boundary import Policy
    from ops.answers import Confinement
    from ops.reach import TemplateReach

_HEAD: Final = "What Boundary {} lets past the policy: docs/security.md, where a request goes"
_OWN: Final = "; unless the stack's own program is mended"
_HOSTS: Final = (
    "every host that the network opens can be asked by the methods and paths of these rules, "
    "whatever hosts they name"
)
_CAN: Final = "an agent can make itself a token of Coder"


def lines(confinement: Confinement) -> Iterator[str]:
    """Yield it in words, a heading first; nothing where the release has no such fault."""
    if confinement.policy is None or not misdirects(confinement.release):
        return
    yield _HEAD.format(confinement.release) + _OWN * confinement.own_program
    yield _HOSTS
    if rule := _token(confinement.policy, confinement.release):
        yield f"so is Coder: by {rule} {_CAN} (POST {TOKEN[1]})"


def to_json(confinement: Confinement) -> dict[str, Any] | None:
    """Return it as plain data, None where the release has no such fault."""
    if confinement.policy is None or not misdirects(confinement.release):
        return None
    return {
        "anyHost": True,
        "coderToken": _token(confinement.policy, confinement.release) or None,
        "ownProgram": confinement.own_program,
    }


def changed(reach: TemplateReach) -> Iterator[str]:
    """Yield in Markdown whether Coder's API is opened by it, or closed; once, where it changes."""
    if reach.before and reach.old is None:
        return
    release = reach.new_release or reach.old_release or ""
    old = _token(reach.old, reach.old_release or release) if reach.before else ""
    new = _token(reach.new, release)
    if new and not old:
        yield (
            f"- ⚠️ past the policy, by a fault of Boundary {code(release)}, {_CAN}: by {code(new)}; "
            "see docs/security.md, where a request goes"
        )
    elif old and not new and reach.new is not None:
        yield f"- no rule is left by which, past the policy, {_CAN}"


def _token(policy: Policy | None, release: str) -> str:
    if policy is None or not release or not misdirects(release, PATH_SINCE):
        return ""
    entry = everywhere(policy, *TOKEN)
    return (entry.rule.text or "the empty rule") if entry else ""
