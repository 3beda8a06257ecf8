"""Finishing what an update left half-done that was killed or failed, before the next goes on.

Coder's Terraform provider tells the engine of a template when all of it is made, and changes its
settings before it imports a version. So after an update that ended in between, the state does not
know a template that is there, holds settings that coderd has no longer, or a version's name that
coderd has used up; each makes the next update fail. The same holds for everything else that the
engine was making when it was killed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pulumi import automation

from components.coder.api import CoderdError
from components.errors import OperatorError
from ops import (
    diagnostics,
    engine,
    history,
    locks,
    project,
    provider_inputs,
    replaced,
    settling,
    terminal,
    unrecorded,
)
from ops.adopt import Candidate, RunningStack, deployment_of, look, plan
from ops.adoption import templates
from ops.existing import Existing, ExistingError, Object, is_object
from ops.state import Resource, StackState
from ops.steps import ForeseenStep, object_id, observe
from ops.tokens import AI_PROVIDER, MCP_SERVER, PATCHED, TEMPLATE, WORKSPACE_TEMPLATE

_CODERD: Final = "coderd:"
# What pulumi-kubernetes calls itself in the objects that it makes.
_MANAGER: Final = "pulumi-kubernetes"
# Where the stack's own patches say by which name the API server knows them.
_PATCH_MANAGER: Final = "pulumi.com/patchFieldManager"
_MADE: Final = " was made by the update that did not finish: the state knows it now"
_CHANGES: Final = frozenset({"updating", "deleting"})
_MAKES: Final = frozenset({"create", "replace"})
# What coderd knows by a name that is used once.
_SERVED: Final = frozenset({MCP_SERVER, AI_PROVIDER})
_ENDED_BADLY: Final = frozenset({"failed", "in-progress"})


class RecoveryError(OperatorError):
    """What an update left behind cannot be told from what others made; the way on is named."""


def go_on(
    ready: engine.Session, stack: str, *, removing: bool = False, next_here: bool = True
) -> StackState:
    """Finish what the last update of a stack left half-done, if it did; return the stack's state.

    Args:
        ready: the stack.
        stack: its name.
        removing: the stack is to be destroyed: what others made is left alone.
        next_here: the program of this checkout is what the next update runs.

    Raises what `finish` does, SettingsError when there is something to finish, and HeldError when
    an update is running.
    """
    state = StackState(ready.stack)
    if not is_unfinished(ready.stack, state):
        if next_here and not removing and replaced.waiting(state):
            locks.check(ready.stack)
            replaced.settle(state, replaced.of_steps(observe(ready.stack)))
        return state
    # One that is running has operations pending as well.
    locks.check(ready.stack)
    message = history.record(project.ROOT, "recovery").message()
    with deployment_of(ready, stack, message, terminal.progress) as deployment:
        return finish(deployment, state, removing=removing, next_here=next_here)


def is_unfinished(stack: automation.Stack, state: StackState) -> bool:
    """Whether the last update of a stack was killed or failed."""
    if state.pending:
        return True
    latest = stack.info()
    return latest is not None and str(latest.result) in _ENDED_BADLY


@dataclass(frozen=True)
class Left:
    """What an update left behind.

    Attributes:
        creating: by URN, what the engine was making when it was killed.
        changing: URNs of what it was changing or deleting.
        orphans: URNs of template components whose template the state does not have.
    """

    creating: Mapping[str, Resource]
    changing: frozenset[str]
    orphans: frozenset[str]

    def may_be_there(self, step: ForeseenStep) -> bool:
        """Whether something may exist that a preview would make."""
        return step.op in _MAKES and (
            step.urn in self.creating or (step.type == TEMPLATE and step.parent in self.orphans)
        )

    def made(self, known: Mapping[str, Resource]) -> Iterator[ForeseenStep]:
        """Yield what the engine was making, less the templates, and that the state has not.

        The program that runs now need not have it, or have it elsewhere: a rollback makes what an
        earlier one declares. `known` are the resources of the state by URN: what is replaced is
        there, too.
        """
        for urn, resource in self.creating.items():
            kind = resource["type"]
            # A component, which is made as well, has no inputs.
            if is_object(kind) or kind in _SERVED:
                parent = resource.get("parent") or ""
                step = ForeseenStep("create", urn, kind, resource["inputs"], {}, parent=parent)
                there = known.get(urn)
                if there is None or there.get("pendingReplacement") or _is_other(there, step):
                    yield step

    def patched(self) -> dict[Object, Resource]:
        """Return the patches that were being applied, by the object that they are of."""
        return {
            (PATCHED[resource["type"]], object_id(resource["inputs"])): resource
            for resource in self.creating.values()
            if resource["type"] in PATCHED
        }


@dataclass(frozen=True)
class There:
    """What was looked at, before anything of it is taken.

    Attributes:
        steps: by URN, what a preview would do.
        live: the objects that may be of the update, and those that it was patching, as they are.
    """

    steps: Mapping[str, ForeseenStep]
    live: Mapping[Object, Mapping[str, Any]]


def _is_other(there: Resource, step: ForeseenStep) -> bool:
    return is_object(step.type) and there.get("id") != step.object_id


def left(state: StackState) -> Left:
    """Return what a stack's last update left behind."""
    creating = {
        operation["resource"]["urn"]: operation["resource"]
        for operation in state.pending
        if operation["type"] == "creating"
    }
    orphans = frozenset(
        component["urn"]
        for component in state.of_type(WORKSPACE_TEMPLATE)
        if state.child(component["urn"], TEMPLATE) is None
        and state.child(component["urn"], templates.PET) is not None
    )
    changing = frozenset(
        operation["resource"]["urn"] for operation in state.pending if operation["type"] in _CHANGES
    )
    return Left(creating, changing, orphans)


def finish(
    deployment: RunningStack, state: StackState, *, removing: bool = False, next_here: bool = True
) -> StackState:
    """Have the state know what is there, so that the next update neither makes it again nor fails.

    Returns the state as it is then.

    Args:
        deployment: the stack, whose last update is unfinished.
        state: its state, as it was read just now.
        removing, next_here: as of `go_on`.

    Raises RecoveryError, ExistingError and diagnostics.RunError; the state is then as it was.
    ChangedStateError: another update changed it meanwhile.
    """
    deployment.progress("the last update did not finish: looking at what it left behind")
    ours: list[Candidate] = []
    unfinished = left(state)
    there = There({}, {})
    wanted: replaced.Declared = {}
    settles = next_here and not removing and bool(replaced.waiting(state))
    if settles or unfinished.creating or unfinished.orphans:
        steps = observe(deployment.stack)
        wanted = replaced.of_steps(steps) if next_here else {}
        foreseen = [
            # What is made anew is there no less than what is made for the first time.
            replace(step, op="create")
            for step in steps.values()
            if unfinished.may_be_there(step) and step.type == TEMPLATE
        ]
        candidates = plan((*foreseen, *unfinished.made(state.resources)))
        # All objects at once: to read them takes a run of the engine.
        objects = {
            (each.step.type, each.step.object_id)
            for each in candidates.candidates
            if is_object(each.step.type)
        }
        looked, live = look(
            deployment, candidates.candidates, objects | unfinished.patched().keys()
        )
        there = There(steps, live)
        ours = _ours(deployment, state, looked, there, removing=removing)
    said = _take(deployment, state, ours, unfinished, there)
    said += _take_patches(state, unfinished, there)
    said += replaced.keep(state, wanted)
    state.forget_pending()
    # What the killed update made is in no entry of its own; the repair's names it.
    missing = unrecorded.of(deployment.stack, state, [each.step.urn for each in ours])
    message = deployment.message
    if missing is not None:
        message = unrecorded.named(message, missing)
        said.append(f"{history.UNRECORDED}{missing.line}")
    if state.changed:
        state.save()
    again = [
        urn
        for urn, each in state.resources.items()
        # Where the next update declares what was before, it would take that for being there still.
        if each["type"].startswith(_CODERD) or urn in unfinished.changing
    ]
    again += [each.step.urn for each in ours if each.step.urn not in again]
    try:
        if again:
            provider_inputs.run(
                deployment.stack.refresh,
                deployment.ready,
                deployment.stack.name,
                state,
                target=again,
                message=message,
                suppress_outputs=True,
                show_secrets=False,
            )
    except diagnostics.RunError:
        state.restore(message)
        raise
    for line in said:
        deployment.progress(line)
    return _rename_versions(deployment)


def _ours(
    deployment: RunningStack,
    state: StackState,
    looked: list[Candidate],
    there: There,
    *,
    removing: bool,
) -> list[Candidate]:
    """Return what is there and was made by this stack; raises RecoveryError for the rest."""
    found, foreign = [], []
    for each in looked:
        if each.id is None:
            continue
        if reason := _foreign(deployment, state, each, there):
            foreign.append(f"{each.label} {reason}")
        else:
            found.append(each)
    if foreign and not removing:
        raise RecoveryError(
            f"{'; '.join(foreign)}; nothing was changed. Run `python -m ops adopt "
            f"{deployment.stack.name}` to take over what is there, or give ours another name"
        )
    return found


def _foreign(
    deployment: RunningStack, state: StackState, candidate: Candidate, there: There
) -> str:
    """Return why what is there is not what this stack was making; "" if it is."""
    step = candidate.step
    if step.type == TEMPLATE:
        existing = Existing(deployment.api, deployment.settings.coder.organization)
        template = existing.templates()[str(step.inputs["name"])]
        pet = state.child(step.parent, templates.PET)
        version = existing.running(template)
        # The name has random words that stand in this stack's state alone.
        if template["created_by_id"] == _me(deployment) and pet and version.name == pet["id"]:
            return ""
        return (
            f"is there already, made by {template['created_by_name']} at "
            f"{template['created_at'][:16]}Z with version {version.name}, and not by this stack"
        )
    if step.type in (MCP_SERVER, AI_PROVIDER):
        return _other(deployment, candidate)
    managers = set(settling.managers(there.live[step.type, step.object_id]))
    others = sorted(each for each in managers if not each.startswith(_MANAGER))
    return f"is there already, with fields of {', '.join(others)}" if others else ""


def _other(deployment: RunningStack, candidate: Candidate) -> str:
    """Return why an MCP server or AI provider is not what was being made; "" if it is."""
    inputs = candidate.step.inputs
    if candidate.step.type == AI_PROVIDER:
        found = _ask(deployment, f"/api/v2/ai/providers/{candidate.id}")
        same = (found["type"], found["base_url"]) == (inputs.get("type"), inputs.get("baseUrl"))
        return (
            "" if same else "is there already with another type or address, made by somebody else"
        )
    organization, _, identifier = str(candidate.id).partition("/")
    path = f"/api/experimental/organizations/{organization}/mcp-servers/{identifier}"
    found = _ask(deployment, path)
    if (found["url"], found["display_name"]) == (inputs.get("url"), inputs.get("displayName")):
        return ""
    return "is there already with another address or name, and is not what was being made"


def _me(deployment: RunningStack) -> str:
    return str(_ask(deployment, "/api/v2/users/me")["id"])


def _ask(deployment: RunningStack, path: str) -> Any:
    try:
        return deployment.api.get(path)
    except CoderdError as error:
        raise ExistingError(
            f"cannot ask coderd at {deployment.api.url} what is there: {error}; nothing was changed"
        ) from None


def _take(
    deployment: RunningStack,
    state: StackState,
    ours: list[Candidate],
    unfinished: Left,
    there: There,
) -> list[str]:
    """Write what this stack made into its state; return what is to be said of it."""
    made = {each.step.urn for each in ours if each.step.type == TEMPLATE}
    existing = Existing(deployment.api, deployment.settings.coder.organization) if made else None
    said = []
    if existing:
        taken = templates.take_all(existing, state, there.steps, made, deployment.ready.work_dir)
        said += [f"{each.label}{_MADE}" for each in taken]
    for each in ours:
        if each.step.urn in made:
            continue
        resource = unfinished.creating[each.step.urn]
        identifier = str(each.id)
        if each.step.type == MCP_SERVER:
            organization, _, identifier = identifier.partition("/")
            known = {"organizationId": organization, "id": identifier}
        elif each.step.type == AI_PROVIDER:
            known = {"id": identifier}
        else:
            known = settling.owner(there.live[each.step.type, each.step.object_id])
        # A refresh reads the rest, by the provider's own rules.
        outputs = {**resource["inputs"], **known}
        state.put({**resource, "id": identifier, "outputs": outputs})
        said.append(f"{each.label}{_MADE}")
    return said


def _take_patches(state: StackState, unfinished: Left, there: There) -> list[str]:
    """Have the state know the patches that were applied, so that a destroy takes them back.

    Whether one was is told by the object's managers: a patch has a name of its own there.
    """
    said = []
    for (kind, identifier), resource in unfinished.patched().items():
        manager = resource["inputs"]["metadata"].get("annotations", {}).get(_PATCH_MANAGER)
        live = there.live.get((kind, identifier))
        if manager is None or live is None or manager not in settling.managers(live):
            continue
        outputs = {**resource["inputs"], settling.OWNER_KEY: manager}
        state.put({**resource, "id": identifier, "outputs": outputs})
        said.append(f"the patch of {kind.rpartition(':')[2]} {identifier}{_MADE}")
    return said


def _rename_versions(deployment: RunningStack) -> StackState:
    """Have the next update name a version anew whose name coderd has used up; return the state."""
    state = StackState(deployment.stack)
    for template in state.of_type(TEMPLATE):
        pet = state.sibling(template, templates.PET)
        names = [each.get("name") for each in template["outputs"].get("versions") or ()]
        if pet is None or pet["id"] in names:
            continue
        path = f"/api/v2/templates/{template['id']}/versions"
        if any(each["name"] == pet["id"] for each in _ask(deployment, path)):
            pet["taint"] = True
            deployment.progress(
                f"template {template['outputs']['name']}: version {pet['id']} is there from the "
                "update that did not finish; the next one gets another name"
            )
    if state.changed:
        state.save()
    return state
