"""What a preview changes of the AI Gateway's providers and prices, for reviews."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from ops.changes import Change, Step
from ops.gateway_places import kept, places, tells
from ops.markdown import code
from ops.tokens import AI_MODEL_PRICE, AI_PROVIDER

Shown = Callable[[Iterable[Change]], list[str]]
"""Returns values that differ as lines."""

_ADDRESS: Final = "baseUrl"


@dataclass(frozen=True)
class ProviderChange:
    """What a step changes of one provider: of where prompts go, with the key.

    Attributes:
        step: the engine's.
        added: whether it is in use newly.
        moved: its address before and after, where an existing one changes.
    """

    step: Step
    added: bool = False
    moved: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """Its name in Coder."""
        return str((self.step.new or self.step.old).get("name") or self.step.name)


def provider_change(step: Step) -> ProviderChange:
    """Return what a step on a provider means for prompts."""
    # What is imported is in use already.
    if step.op in {"delete", "import"}:
        return ProviderChange(step)
    used = step.new.get("enabled") is not False
    if step.op == "create":
        return ProviderChange(step, added=used)
    before, after = (str(inputs.get(_ADDRESS, "")) for inputs in (step.old, step.new))
    moved = (before, after) if before and before != after else None
    return ProviderChange(step, used and step.old.get("enabled") is False, moved)


def provider_changes(steps: Iterable[Step]) -> tuple[ProviderChange, ...]:
    """Return the changes of providers among steps."""
    return tuple(provider_change(step) for step in steps if step.type == AI_PROVIDER)


def provider_warnings(changes: Collection[ProviderChange]) -> tuple[str, ...]:
    """Return what must not be overlooked of the changes, in words for the headline."""
    said = {
        "prompts may go to one more AI provider": any(each.added for each in changes),
        "an AI provider has another address": any(each.moved for each in changes),
    }
    placed = dict.fromkeys(each.warning for change in changes for each in places(change.step))
    return (*(warning for warning, holds in said.items() if holds), *filter(None, placed))


def provider_json(change: ProviderChange) -> dict[str, Any]:
    """Return the change as plain data."""
    return {
        "name": change.name,
        "op": change.step.op,
        "added": change.added,
        "address": change.moved and {"before": change.moved[0], "after": change.moved[1]},
        "warnings": list(provider_warnings([change])),
    }


def gateway_lines(steps: Iterable[Step], shown: Shown) -> Iterator[str]:
    """Yield the lines of steps on providers and prices, of the whole preview's in their order.

    A provider is where prompts go, with the key; its address stands beside its name.
    """
    for step in steps:
        if step.type == AI_PROVIDER:
            yield from _provider_lines(provider_change(step), shown)
        elif step.type == AI_MODEL_PRICE:
            yield from _price_lines(step, shown)


def _provider_lines(change: ProviderChange, shown: Shown) -> Iterator[str]:
    step, name = change.step, code(change.name)
    if step.op == "same":
        if left := kept(step):
            yield f"- {name}"
            yield from (each.line for each in left)
        return
    if step.op == "delete":
        yield f"- {name}: **deleted**"
        return
    if step.op == "create":
        mark = "⚠️ " if change.added else ""
        yield f"- {mark}{name}: created, {code(str(step.new.get(_ADDRESS, '')))}"
        yield from (each.line for each in places(step))
        return
    yield f"- {name}: **replaced**" if step.op == "replace" else f"- {name}"
    told = []
    if change.moved:
        before, after = map(code, change.moved)
        told.append(
            f"  - ⚠️ **another address**: {before} → {after}; prompts, and the key, go there"
        )
    if change.added:
        told.append("  - ⚠️ **in use** from now on")
    told += [each.line for each in places(step)]
    values = (
        each
        for each in step.changes
        if not (change.moved and each.path == _ADDRESS) and not tells(each.path, step)
    )
    told += [f"  {line}" for line in shown(values)]
    if not told and step.op != "replace":
        told = [f"  - {code(path)}" for path in step.touched]
    yield from told


def _price_lines(step: Step, shown: Shown) -> Iterator[str]:
    name = f"price of {code(_label(step))}"
    if step.op == "create":
        yield f"- {name}: set"
        yield from (f"  {line}" for line in shown(_prices(step)))
    elif step.op in {"delete", "replace"}:
        yield f"- {name}: no longer the stack's; it stays in Coder, which cannot remove it"
    else:
        yield f"- {name}"
        told = [f"  {line}" for line in shown(step.changes)]
        yield from told or [f"  - {code(path)}" for path in step.touched]


def _label(step: Step) -> str:
    inputs = step.new or step.old
    return f"{inputs.get('providerType', '')}/{inputs.get('model', step.name)}"


def _prices(step: Step) -> Iterator[Change]:
    return (change for change in step.changes if change.path.endswith("Price"))
