"""What the network is like on the cluster after a rollback, told as `up` tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ops import live_lines, live_network, project, stack_file
from ops.assessment import StackPreview


def told(found: StackPreview, root: Path) -> Iterator[str]:
    """Yield what somebody else opened of the network as lines, nothing if nobody did.

    Args:
        found: what going back changed.
        root: the checkout that was gone back to.
    """
    declared = [step.new for step in found.policies if step.op != "delete"]
    if not declared:
        return
    live = live_network.look(declared, found.new, context(root, found.name), found.new_accepted)
    yield from live_lines.told(live, found.name)


def context(root: Path, stack: str) -> str | None:
    """Return the kubeconfig's context in settings of any age: today's model may not read them."""
    document = stack_file.completed((root / "stacks" / f"Pulumi.{stack}.yaml").read_bytes())
    section = document["config"].get(f"{project.PROJECT}:kubernetes")
    found = section.get("context") if isinstance(section, Mapping) else None
    return str(found) if found else None
