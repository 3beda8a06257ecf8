"""What a preview says of each resource, as plain data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pulumi import automation

from ops import diagnostics
from ops.changes import PARTS_OF_REPLACEMENT

# Options of pulumi-kubernetes: what exists already, and fields of others, are no errors.
_TOLERANT: Final = ("PULUMI_K8S_UPSERT_EXISTING_OBJECTS", "PULUMI_K8S_ENABLE_PATCH_FORCE")
_PROVIDER: Final = "pulumi:providers:"


@dataclass(frozen=True)
class ForeseenStep:
    """One resource: what would be done, and how it would be then.

    Attributes:
        op: the engine's word: create, update, replace, delete, same, read.
        urn: its URN.
        type: its type token.
        inputs: as the program gives them, secrets masked.
        outputs: as far as the provider foresees them, secrets masked.
        diffs: the inputs that differ, or the paths of what does, as its provider tells.
        parent: URN of the component that it belongs to.
        provider: the engine's reference to its provider.
    """

    op: str
    urn: str
    type: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    diffs: tuple[str, ...] = ()
    parent: str = ""
    provider: str = ""

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rsplit("::", 1)[1]

    @property
    def object_id(self) -> str:
        """Namespace and name of a Kubernetes object, the name alone of one without namespace."""
        return object_id(self.inputs)


def object_id(inputs: Mapping[str, Any]) -> str:
    """Return namespace and name of a Kubernetes object, the name alone of one without namespace."""
    metadata = inputs["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def observe(stack: automation.Stack) -> dict[str, ForeseenStep]:
    """Preview a stack; return the steps by URN. Raises diagnostics.RunError.

    An object that is there already, or a field that somebody else owns, does not fail this preview:
    nothing of it is ever applied.
    """
    steps: dict[str, ForeseenStep] = {}

    def on_event(event: automation.events.EngineEvent) -> None:
        seen = event.resource_pre_event or event.res_outputs_event
        if seen is None:
            return
        metadata = seen.metadata
        state = metadata.new or metadata.old
        before = steps.get(metadata.urn)
        op = str(getattr(metadata.op, "value", metadata.op))
        if state is None or op in PARTS_OF_REPLACEMENT:
            return
        steps[metadata.urn] = ForeseenStep(
            # Only this preview's own options differ in a provider.
            op="same" if op == "update" and metadata.type.startswith(_PROVIDER) else op,
            urn=metadata.urn,
            type=metadata.type,
            inputs=state.inputs or (before.inputs if before else {}),
            outputs=state.outputs or {},
            # pulumi-kubernetes gives the paths alone.
            diffs=tuple(
                metadata.diffs or metadata.detailed_diff or (before.diffs if before else ())
            ),
            parent=state.parent or "",
            provider=state.provider or "",
        )

    with _tolerant():
        diagnostics.run(stack.preview, on_event=on_event)
    return steps


@contextmanager
def _tolerant() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _TOLERANT}
    os.environ.update(dict.fromkeys(_TOLERANT, "true"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
