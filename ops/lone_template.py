"""Whether one template alone can go back to an earlier update, and what works where it cannot."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ops import stack_file


def absent_then(root: Path, stack: str, number: int, template: str) -> str:
    """Return why a template cannot go back to an update that had none of its name; "" if it can.

    By the settings of that update's commit: asked for resources of one that it has not, the engine
    finds nothing to do, which reads as if it were back.

    Args:
        root: the checkout of the commit.
        stack: name of the stack.
        number: of the update.
        template: its name.
    """
    try:
        values = stack_file.values((root / "stacks" / f"Pulumi.{stack}.yaml").read_bytes())
    except (OSError, stack_file.StackFileError):
        return ""  # the program says what is wrong
    entries = values.get("templates")
    if not isinstance(entries, list):
        return ""
    names = [str(each.get("name")) for each in entries if isinstance(each, dict)]
    return "" if template in names else had_none(stack, number, template, names)


def had_none(stack: str, number: int, template: str, there: Iterable[str]) -> str:
    """Return that an update had no such template, and what works."""
    return (
        f"update {number} had no template {template!r}; it had {', '.join(there) or 'none'}. "
        f"`python -m ops rollback {stack} --to {number}` goes back with everything; "
        f"`python -m ops history {stack}` lists other updates for --to"
    )


def gone_now(stack: str, template: str, there: Iterable[str]) -> str:
    """Return that a stack has no such template, and what brings it back."""
    return (
        f"the stack has no template {template!r} now; there are {', '.join(there) or 'none'}. One "
        "that was removed comes back with its settings, alone: put these back and run "
        f"`python -m ops up {stack}`; or with everything: `python -m ops rollback {stack} --to N`"
    )
