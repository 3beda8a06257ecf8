"""What a run of the engine tells while it runs: its steps, and what was and what will be there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pulumi import automation

from components.boundary import Policy
from ops import changes, deployed, namespace_changes, network
from ops.assessment import StackPreview
from ops.deployed import Policies
from ops.tokens import (
    AI_PROVIDER,
    ALERTS,
    CODERD_ENV,
    MCP_SERVER,
    STACK,
    WORKSPACE_NETWORK,
    WORKSPACE_TEMPLATE,
)

_SAYING: Final = frozenset({STACK, WORKSPACE_TEMPLATE, CODERD_ENV, ALERTS, WORKSPACE_NETWORK})


class Heard:
    """Hears the events of a preview or of an update.

    Attributes:
        events: steps as plain data.
        looked_at: what a refresh read back.
        counted: resources by what was done with them, once the engine has ended.
        outputs: the stack's own, a secret one masked by the engine.
    """

    events: list[Mapping[str, Any]]
    looked_at: list[Mapping[str, Any]]
    counted: Mapping[str, int]
    outputs: Mapping[str, Any]

    def __init__(self) -> None:
        self.events = []
        self.looked_at = []
        self.counted = {}
        self.outputs = {}
        self._before: list[tuple[str, Mapping[str, Any]]] = []
        self._after: list[tuple[str, Mapping[str, Any]]] = []

    def on_event(self, event: automation.EngineEvent) -> None:
        """Take an event in."""
        if event.resource_pre_event:
            step = event.resource_pre_event.metadata
            self.events.append(changes.plain(step))
            # What is deployed passes by here; to ask for it takes one more run of the engine's
            # command line.
            if step.type in _SAYING and step.old:
                self._before.append((step.urn, step.old.outputs or {}))
        elif event.res_outputs_event:
            step = event.res_outputs_event.metadata
            # What a refresh reads back is what was before.
            read = step.op == automation.OpType.REFRESH
            if read:
                self.looked_at.append(changes.plain(step))
            if step.type in _SAYING and not read and step.new and step.new.outputs:
                self._after.append((step.urn, step.new.outputs))
                if step.type == STACK:
                    self.outputs = step.new.outputs
        elif event.summary_event:
            self.counted = {
                str(getattr(kind, "value", kind)): count
                for kind, count in event.summary_event.resource_changes.items()
            }

    def preview(
        self,
        name: str,
        old: Callable[[], Policies],
        new: Callable[[], Policies],
        old_off: Callable[[], Mapping[str, Policy]] | None = None,
        new_off: Callable[[], Mapping[str, Policy]] | None = None,
        **rest: Any,
    ) -> StackPreview:
        """Return what was heard of stack `name`.

        Args:
            name: its name.
            old: tells the policies by the last update where the engine masked a part of them.
            new: the same by the settings.
            old_off: tells those that the emergency switch has off, likewise.
            new_off: the same by the settings.
            rest: what events do not tell.
        """
        before = deployed.of(self._before, old, old_off)
        after = deployed.of(self._after, new, new_off)
        return StackPreview(
            name,
            steps=changes.steps(self.events),
            policies=changes.every(self.events, network.KINDS),
            places=namespace_changes.of_steps(self.events),
            kept=tuple(
                each
                for each in changes.every(self.events, {AI_PROVIDER, MCP_SERVER})
                if each.op == "same"
            ),
            **deployed.of_parts(before, after),
            **deployed.of_both(before, after),
            **rest,
        )
