"""What a preview changes of the AI Gateway's providers and prices, for reviews."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ops.changes import Change, Step
from ops.markdown import code
from ops.tokens import AI_MODEL_PRICE, AI_PROVIDER

Shown = Callable[[Iterable[Change]], list[str]]
"""Returns values that differ as lines."""


def gateway_lines(steps: Iterable[Step], shown: Shown) -> Iterator[str]:
    """Yield the lines of steps on providers and prices, of the whole preview's in their order.

    A provider is where prompts go, with the key; its address stands beside its name.
    """
    for step in steps:
        inputs = step.new or step.old
        if step.type == AI_PROVIDER:
            name = code(str(inputs.get("name") or step.name))
            made = f"- {name}: created, {code(str(inputs.get('baseUrl', '')))}"
            gone = f"- {name}: **{step.op}d**"
        elif step.type == AI_MODEL_PRICE:
            name = f"price of {code(_label(step))}"
            made = f"- {name}: set"
            gone = f"- {name}: no longer the stack's; it stays in Coder, which cannot remove it"
        else:
            continue
        if step.op == "create":
            yield made
            if step.type == AI_MODEL_PRICE:
                yield from (f"  {line}" for line in shown(_prices(step)))
        elif step.op in {"delete", "replace"}:
            yield gone
        else:
            yield f"- {name}"
            told = [f"  {line}" for line in shown(step.changes)]
            yield from told or [f"  - {code(path)}" for path in step.touched]


def _label(step: Step) -> str:
    inputs = step.new or step.old
    return f"{inputs.get('providerType', '')}/{inputs.get('model', step.name)}"


def _prices(step: Step) -> Iterator[Change]:
    return (change for change in step.changes if change.path.endswith("Price"))
