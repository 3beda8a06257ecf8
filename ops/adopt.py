"""`python -m ops adopt STACK`: take over what is there already, so that the first up makes no new.

Pulumi's own import, for every template, ConfigMap, Secret and PrometheusRule that the program would
create.
Nothing of the deployment is changed: only the state learns what is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import automation

from ops import engine, stacks, up

TEMPLATE = "coderd:index/template:Template"
_KUBERNETES = frozenset(
    {
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:core/v1:Secret",
        "kubernetes:monitoring.coreos.com/v1:PrometheusRule",
    }
)
_ABSENT = re.compile(r"does not exist|not found|was not found", re.IGNORECASE)


@dataclass(frozen=True)
class Candidate:
    """A resource that the program would create, and by what id it would be there already."""

    urn: str
    type: str
    id: str
    parent: str
    provider: str

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rsplit("::", 1)[1]


@dataclass(frozen=True)
class Plan:
    """What to look for, and the URNs that must stand in the state before."""

    candidates: tuple[Candidate, ...]
    before: tuple[str, ...]


def plan(steps: Iterable[Mapping[str, Any]], organization: str) -> Plan:
    """Return what a preview's `create` steps could take over.

    Args:
        steps: op, urn, type, parent, provider (a reference URN::ID) and inputs of each.
        organization: name of the templates' organization.
    """
    candidates, before = [], []
    for step in steps:
        if step["op"] != "create":
            continue
        kind = step["type"]
        # Values that pulumi-random makes stand in the state alone, and templates depend on them.
        if kind.startswith(("firewalledcoder:", "pulumi:providers:", "random:")):
            before.append(step["urn"])
            continue
        inputs = step["inputs"]
        if kind == TEMPLATE:
            identifier = f"{organization}/{inputs['name']}"
        elif kind in _KUBERNETES:
            identifier = f"{inputs['metadata']['namespace']}/{inputs['metadata']['name']}"
        else:
            continue
        provider = step["provider"].rsplit("::", 1)[0]
        candidates.append(Candidate(step["urn"], kind, identifier, step["parent"], provider))
    # What depends on a Secret comes after it.
    candidates.sort(key=lambda each: not each.type.endswith(":Secret"))
    return Plan(tuple(candidates), tuple(before))


def take_over(stack: Any, found: Plan, progress: engine.Progress) -> list[Candidate]:
    """Import every candidate that is there; return them. Raises automation.CommandError."""
    taken: list[Candidate] = []
    without_secret: set[str] = set()
    program = stack.workspace.program
    for each in found.candidates:
        if each.parent in without_secret:
            progress(f"{each.id} depends on a Secret that is not there; not taken over")
            continue
        before = stack.export_stack()
        try:
            stack.up(
                program=_importing(program, each),
                target=[*found.before, each.urn],
                message=f"adopt {each.id}",
                suppress_outputs=True,
                show_secrets=False,
            )
        except automation.CommandError as error:
            stack.import_stack(before)
            if not _ABSENT.search(str(error)):
                raise
            if each.type.endswith(":Secret"):
                without_secret.add(each.parent)
            progress(f"{each.id} is not there; up will make it")
            continue
        progress(f"{each.id} is taken over")
        taken.append(each)
    return taken


def _importing(program: Callable[[], Any], wanted: Candidate) -> Callable[[], None]:
    """Return the program with one resource imported as it is found, whatever it declares."""

    def change(
        given: pulumi.ResourceTransformationArgs,
    ) -> pulumi.ResourceTransformationResult | None:
        if (given.type_, given.name) != (wanted.type, wanted.name):
            return None
        # The engine refuses an import that differs; the next preview shows what does.
        as_found = pulumi.ResourceOptions(import_=wanted.id, ignore_changes=["*"])
        return pulumi.ResourceTransformationResult(
            given.props, pulumi.ResourceOptions.merge(given.opts, as_found)
        )

    def run() -> None:
        pulumi.runtime.register_stack_transformation(change)
        program()

    return run


def adopt(stack: up.StackName) -> None:
    """Take over the templates, ConfigMaps and Secret that STACK would otherwise create."""
    with up.reported():
        up.checked(stack)
        organization = stacks.settings(stack).coder.organization
        with engine.session(stack, up.progress) as ready:
            taken = take_over(ready.stack, plan(previewed(ready.stack), organization), up.progress)
        up.console.print(f"{len(taken)} resources taken over; nothing else was touched")
        up.console.print(f"python -m ops preview {stack}  # what still differs", markup=False)


def previewed(stack: Any) -> list[dict[str, Any]]:
    """Return the steps of a preview as plain data; raises automation.CommandError."""
    steps: list[dict[str, Any]] = []

    def on_event(event: automation.events.EngineEvent) -> None:
        if event.resource_pre_event is None:
            return
        step = event.resource_pre_event.metadata
        if step.new is not None:
            steps.append(
                {
                    "op": str(getattr(step.op, "value", step.op)),
                    "urn": step.urn,
                    "type": step.type,
                    "parent": step.new.parent,
                    "provider": step.new.provider or "",
                    "inputs": step.new.inputs or {},
                }
            )

    stack.preview(on_event=on_event)
    return steps
