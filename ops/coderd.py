"""What a preview means for coderd: which variables change, and whether it restarts.

The variables stand in a Secret, of which no value is seen here: names and what is no credential are
registered by the component that makes it. A stack deployed before that had them in a patch of the
Deployment's `env`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.boundary.credentials import HIDDEN
from components.coder import variables
from ops import tokens
from ops.changes import Change, Step, differences, text, without_secrets

ANOTHER: Final = "[another value]"
"""What stands for a value that somebody changed in the cluster, and that is not shown."""

_NO_AUDIT: Final = "coderd no longer writes the log and metrics that dashboards and alerts read"
_HANDED_OVER: Final = (
    "coderd keeps the log and metrics that dashboards and alerts read only if others set them"
)

# A key of the Secret in a property path, quoted where it is no word.
_DATA: Final = re.compile(r'data(?:\.(?P<word>[^.\[]+)|\["(?P<quoted>[^"]+)"\])\Z')
_POD_TEMPLATE: Final = "spec.template"


@dataclass(frozen=True)
class CoderdChanges:
    """What a preview changes of coderd.

    Attributes:
        changes: variables that differ, the external login's first.
        restarts: whether the update changes coderd's pods, which Kubernetes then replaces.
        left: Secrets that change and that coderd reads only when it starts next, since the stack
            restarts it not.
        audit_ends: whether the stack, which goes on setting variables, switches coderd's log or
            metrics on no longer.
        handed_over: whether the stack puts these variables on coderd's Deployment no longer, and
            leaves them to others.
    """

    changes: tuple[Change, ...] = ()
    restarts: bool = False
    left: tuple[str, ...] = ()
    audit_ends: bool = False
    handed_over: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the headline says."""
        if self.audit_ends:
            return (_NO_AUDIT,)
        return (_HANDED_OVER,) if self.handed_over else ()


def coderd(
    steps: Iterable[Step],
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> CoderdChanges:
    """Return what a preview changes of coderd.

    Args:
        steps: what the engine would do.
        old: outputs of the CoderdEnvironment in the state, None without one.
        new: what the program registers for it.
    """
    steps = tuple(steps)
    patches = [step for step in steps if step.type == tokens.DEPLOYMENT_PATCH]
    secrets = [
        step
        for step in steps
        if step.type == tokens.SECRET_KIND and step.parent in {tokens.LOGIN, tokens.CODERD_ENV}
    ]
    if not patches and not secrets:
        return CoderdChanges()
    before = _variables(old, (step.live or step.old for step in patches))
    after = _variables(new, (step.new for step in patches))
    changes = {each.path: each for each in differences(before, after)}
    for step in secrets:
        changes |= {
            each.path: each
            for each in _in_the_secret(step, before, after)
            if each.path not in changes
        }
    told = tuple(sorted(changes.values(), key=lambda change: not is_login(change)))
    restarts = any(map(_replaces_pods, patches))
    left = [] if restarts else [_name(step) for step in secrets if _is_read_again(step)]
    gone = any(each.path in variables.AUDIT and each.new is None for each in told)
    # As a Secret they are still the stack's, which the chart has to name.
    unpatched = any(step.op == "delete" for step in patches) and not before.keys().isdisjoint(
        variables.AUDIT
    )
    return CoderdChanges(
        told,
        restarts,
        tuple(left),
        audit_ends=gone and new is not None,
        handed_over=unpatched or (gone and new is None),
    )


def is_login(change: Change) -> bool:
    """Whether a change belongs to the external login."""
    return variables.is_login(change.path) or " of Secret " in change.path


def _variables(
    outputs: Mapping[str, Any] | None, patches: Iterable[Mapping[str, Any]]
) -> dict[str, str]:
    registered = (outputs or {}).get("variables")
    if isinstance(registered, Mapping):
        shown: Mapping[str, Any] = without_secrets(registered)
        return {name: text(value) for name, value in shown.items()}
    return {name: value for inputs in patches for name, value in _environment(inputs)}


def _environment(inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the variables of a patch of `env`; what refers to a Secret is a credential."""
    place: Any = inputs
    for key in ("spec", "template", "spec", "containers"):
        place = place.get(key) if isinstance(place, Mapping) else None
    for container in place if isinstance(place, list) else ():
        for variable in container.get("env") or ():
            name = str(variable.get("name"))
            # In what was read there are the chart's, which were never the stack's.
            if variables.is_own(name):
                yield name, HIDDEN if "valueFrom" in variable else text(variable.get("value") or "")


def _in_the_secret(
    step: Step, before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[Change]:
    """Yield what the provider calls changed in the Secret and what nothing else tells."""
    if step.op not in {"update", "replace"}:
        return
    for path, kind in step.details.items():
        match = _DATA.match(path)
        if match is None:
            continue
        key = match["word"] or match["quoted"]
        name = key if step.parent == tokens.CODERD_ENV else f"{key} of Secret {_name(step)}"
        here = before.get(key, HIDDEN), after.get(key, HIDDEN)
        if kind.startswith("add"):
            yield Change(name, None, here[1])
        elif kind.startswith("delete"):
            yield Change(name, here[0], None)
        elif HIDDEN in here:
            yield Change(name, HIDDEN, HIDDEN)
        else:
            yield Change(name, ANOTHER, here[1])


def _replaces_pods(step: Step) -> bool:
    return step.op != "update" or any(
        change.path.startswith(_POD_TEMPLATE) for change in step.changes
    )


def _is_read_again(step: Step) -> bool:
    return step.op != "delete" and (
        step.op != "update" or any(path.startswith("data") for path in step.touched)
    )


def _name(step: Step) -> str:
    metadata = (step.new or step.old).get("metadata") or {}
    return str(metadata.get("name", step.name))
