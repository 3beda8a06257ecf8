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
    """Whether an update adds the mark to an object and changes nothing else of it."""
    return (
        step.op == "update"
        and STACK_ANNOTATION not in _annotations(step.old)
        and STACK_ANNOTATION in _annotations(step.new)
        and unmarked(step.old) == unmarked(step.new)
    )


def unmarked(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of an object without the mark."""
    metadata = dict(inputs.get("metadata") or {})
    left = {key: each for key, each in _annotations(inputs).items() if key != STACK_ANNOTATION}
    metadata.pop("annotations", None)
    return {**inputs, "metadata": {**metadata, **({"annotations": left} if left else {})}}


def mark_lines(steps: Iterable[Step]) -> list[str]:
    """Return what the steps only mark, as lines of Markdown."""
    count = sum(map(is_only_marked, steps))
    what = "object gets" if count == 1 else "objects get"
    return [
        f"- {count} {what} the annotation {code(STACK_ANNOTATION)}, and no other change"
    ] * bool(count)


def _annotations(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    return (inputs.get("metadata") or {}).get("annotations") or {}
