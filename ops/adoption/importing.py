"""The program as an adoption runs it: what is there is imported as it is, the rest left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

import pulumi

from ops.state import Resource, StackState
from ops.steps import ForeseenStep

_IMPORTED: Final = "importID"
"""Where the engine keeps by what id it imported a resource, until an update without that."""

_Key = tuple[str, str]


def is_imported(resource: Resource) -> bool:
    """Whether the state has a resource as it was imported, and no update has recorded it since."""
    return bool(resource.get(_IMPORTED))


def unfinished(state: StackState) -> bool:
    """Whether an adoption was cut off after its import."""
    return any(is_imported(each) for each in state.resources.values())


def program(
    declared: Any,
    steps: Mapping[str, ForeseenStep],
    targets: Collection[str],
    ids: Mapping[str, str | None] | None = None,
) -> Callable[[], None]:
    """Return the program with resources imported as they are found, whatever it declares.

    A component registers what reviews read of it, such as its policy, only when all that belongs to
    it agrees: the engine records that whether the component is a target or not, and the next review
    would take for deployed what only the settings say.

    Args:
        declared: the program.
        steps: what a preview says of it, by URN.
        targets: URNs of what the state is to learn.
        ids: by what id to import a resource, by URN.
    """
    imports = {_key(steps[urn]): number for urn, number in (ids or {}).items()}
    missing = _with_what_is_above(
        steps, (urn for urn, step in steps.items() if step.op == "create" and urn not in targets)
    )
    differing = _with_what_is_above(
        steps, (urn for urn, step in steps.items() if step.op != "same" and urn not in targets)
    ) | _with_what_is_above(steps, ids or ())

    def change(given: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        options, props, key = given.opts, given.props, (given.type_, given.name)
        if key in differing:
            vars(given.resource)["register_outputs"] = _register_nothing
        if key in imports:
            # The engine refuses an import that differs; the next preview shows what does.
            as_found = pulumi.ResourceOptions(import_=imports[key], ignore_changes=["*"])
            options = pulumi.ResourceOptions.merge(options, as_found)
            props = {name: _alone(value) for name, value in given.props.items()}
        # What it waits for may be missing, and need not be there for the state to learn of it. What
        # is there is waited for: the engine refuses one that comes after what the state has it
        # depend on.
        waits_for = options.depends_on if isinstance(options.depends_on, list) else []
        options.depends_on = [
            each
            for each in waits_for
            if isinstance(each, pulumi.Resource)
            and (each.pulumi_resource_type, each.pulumi_resource_name) not in missing
        ]
        return pulumi.ResourceTransformationResult(props, options)

    def run() -> None:
        pulumi.runtime.register_stack_transformation(change)
        declared()

    return run


def _register_nothing(_outputs: Any = None) -> None:
    """Leave the outputs that the state has."""


def _key(step: ForeseenStep) -> _Key:
    return step.type, step.name


def _with_what_is_above(steps: Mapping[str, ForeseenStep], urns: Iterable[str]) -> set[_Key]:
    """Return resources and the components that they belong to, by type and name."""
    keys: set[_Key] = set()
    for urn in urns:
        step = steps.get(urn)
        while step is not None and _key(step) not in keys:
            keys.add(_key(step))
            step = steps.get(step.parent)
    return keys


def _alone(value: Any) -> Any:
    """Return an input that depends on no resource: an import does not use it, the state keeps it.

    A state in which a resource depends on one that stands nowhere is refused by the engine.
    """
    if isinstance(value, pulumi.Output):
        return pulumi.Output(
            set(), value.future(with_unknowns=True), value.is_known(), value.is_secret()
        )
    if isinstance(value, Mapping):
        return {key: _alone(each) for key, each in value.items()}
    return value
