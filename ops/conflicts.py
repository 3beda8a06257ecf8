"""The way out of a field conflict, which the engine's message does not know."""

from __future__ import annotations

import re
from typing import Final

from components.network.namespace_args import STACK_ANNOTATION

# pulumi-kubernetes, then the API server itself.
_CONFLICT: Final = re.compile(r"field conflict|Apply failed with \d+ conflicts?", re.IGNORECASE)
_WHOSE: Final = (
    "The field has another owner, which the message names. Look first whose the object is: "
    f"`kubectl describe` shows its annotation {STACK_ANNOTATION}. That of another stack is not to "
    "be taken, since whichever of the two is destroyed deletes it: give this stack a "
    "grafana.prefix or a workspaces.namespace of its own."
)
_OTHERWISE: Final = (
    "Otherwise leave the field to its owner by taking it out of the settings, or have its owner "
    "give it up; or take it: of coderd's Deployment and the labels of the workspaces' namespace by "
    "kubernetes.forceConflicts in the settings, all others by the same command with "
    "PULUMI_K8S_ENABLE_PATCH_FORCE=true in the environment, once."
)
# A report cuts a line that is longer than each of them.
WAY_OUT: Final = f"{_WHOSE}\n{_OTHERWISE}"


def is_conflict(message: str) -> bool:
    """Whether an engine's message is about a field of somebody else."""
    return _CONFLICT.search(message) is not None
