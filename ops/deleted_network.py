"""Network policies that an update finds deleted at its end, which the engine does not see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from components.network.reach import Manifest, NetworkChange
from components.settings.model import Settings
from ops import drift, network
from ops.live_network import LiveNetwork
from ops.live_reach import place
from ops.markdown import plain, some
from ops.stack_reach import of_settings

_MORE: Final = "somebody deleted a network policy: more is reached now than was declared"
_LESS: Final = "somebody deleted a network policy: less is reached now than was declared"


def told(found: LiveNetwork, settings: Settings, stack: str) -> Iterator[str]:
    """Yield what is gone as lines of a terminal, what that opens, and the way on."""
    if not found.gone:
        return
    declared = of_settings(settings).network or ()
    there = [each for each in declared if _place(each) not in map(_place, found.gone)]
    names = [each.name for each in settings.templates]
    workspaces, agents = (
        {name: change(declared, there, name) for name in names}
        for change in (network.change, network.agents_change)
    )
    every = (*workspaces.values(), *agents.values())
    is_open = any(each.removed for each in every)
    opens = any(each.opens for each in every)
    yield f"warning: {drift.OPEN_NOW if is_open else _MORE if opens else _LESS}"
    for each in found.gone:
        yield f"deleted: {' '.join(map(plain, _place(each)))}"
    for whose, changes in (("", workspaces), (" for Coder's own agents", agents)):
        yield from _open(changes, whose)
    yield "an update alone does not see that it is gone; this makes it again:"
    yield f"  python -m ops refresh {stack} && python -m ops up {stack}"


def _open(changes: dict[str, NetworkChange], whose: str) -> Iterator[str]:
    names: Sequence[str] = [name for name, change in changes.items() if change.removed]
    if names:
        yield (
            f"  no policy selects the pods of {some(names, plain)}{whose}: they reach every "
            "address and port at this moment, and everything reaches them"
        )


def _place(policy: Manifest) -> tuple[str, str]:
    return str(policy["kind"]), "/".join(place(policy))
