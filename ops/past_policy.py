"""What agents can reach past a policy by Boundary's own fault, for the exfiltration report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from components.boundary.destination import PATH_SINCE, TOKEN, everywhere, misdirects
from ops.answers import Confinement

HEAD: Final = "What Boundary {} lets past the policy: docs/security.md, where a request goes"
_OWN: Final = "; unless the stack's own program is mended"
_HOSTS: Final = (
    "every host that the network opens can be asked by the methods and paths of these rules, "
    "whatever hosts they name"
)


def lines(confinement: Confinement) -> Iterator[str]:
    """Yield it in words, a heading first; nothing where the release has no such fault."""
    if confinement.policy is None or not misdirects(confinement.release):
        return
    yield HEAD.format(confinement.release) + _OWN * confinement.own_program
    yield _HOSTS
    if rule := _token(confinement):
        yield f"so is Coder: by {rule} an agent can make itself a token (POST {TOKEN[1]})"


def to_json(confinement: Confinement) -> dict[str, Any] | None:
    """Return it as plain data, None where the release has no such fault."""
    if confinement.policy is None or not misdirects(confinement.release):
        return None
    return {
        "anyHost": True,
        "coderToken": _token(confinement) or None,
        "ownProgram": confinement.own_program,
    }


def _token(confinement: Confinement) -> str:
    if confinement.policy is None or not misdirects(confinement.release, PATH_SINCE):
        return ""
    entry = everywhere(confinement.policy, *TOKEN)
    return (entry.rule.text or "the empty rule") if entry else ""
