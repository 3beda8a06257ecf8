"""What a preview marks with the stack's name, so that no other stack takes it for its own.

Objects of an earlier release lack the mark; its coming changes nothing that they hold, and is told
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from components.network.namespace_args import STACK_ANNOTATION
from ops.changes import Step
from ops.markdown import code


def is_only_marked(step: Step) -> bool:
    """Whether an update adds the mark to an object, or takes it, and changes nothing else of it."""
    return _is_marked(step, comes=True) or _is_marked(step, comes=False)


def _is_marked(step: Step, *, comes: bool) -> bool:
    marked = tuple(STACK_ANNOTATION in _annotations(side) for side in (step.old, step.new))
    turned = marked == (not comes, comes)
    return step.op == "update" and turned and unmarked(step.old) == unmarked(step.new)


def unmarked(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of an object without the mark."""
    metadata = dict(inputs.get("metadata") or {})
    left = {key: each for key, each in _annotations(inputs).items() if key != STACK_ANNOTATION}
    metadata.pop("annotations", None)
    return {**inputs, "metadata": {**metadata, **({"annotations": left} if left else {})}}


def mark_lines(steps: Iterable[Step]) -> list[str]:
    """Return what the steps only mark, as lines of Markdown."""
    every = list(steps)
    lines = []
    for comes, one, more in ((True, "gets", "get"), (False, "loses", "lose")):
        if count := sum(_is_marked(step, comes=comes) for step in every):
            what = f"object {one}" if count == 1 else f"objects {more}"
            why = "" if comes else ": an earlier release did not write it"
            mark = f"the annotation {code(STACK_ANNOTATION)}"
            lines.append(f"- {count} {what} {mark}, and no other change{why}")
    return lines


def _annotations(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    return (inputs.get("metadata") or {}).get("annotations") or {}
