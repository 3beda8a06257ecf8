"""`python -m ops adopt STACK`: take over what is there already, so that the first up makes no new.

Pulumi's own import, for every template, MCP server, ConfigMap and Secret that the program would
create. Values that stand in the state alone, such as the database password and the name of a
template's version, are taken from what is there instead of being made anew. Nothing of the
deployment is changed: only the state learns what is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from pulumi import automation

from components.coder.api import CoderdAccess, CoderdApi
from components.settings.model import Settings
from ops import (
    diagnostics,
    engine,
    history,
    project,
    protection,
    provider_inputs,
    settling,
    stacks,
    terminal,
    unrecorded,
)
from ops.adoption import importing, keys, templates
from ops.existing import Existing, ExistingError, Object, is_custom, is_object, objects
from ops.state import StackState
from ops.steps import ForeseenStep, observe
from ops.tokens import AI_PROVIDER, DEPLOYMENT_PATCH, MCP_SERVER, PATCHED, STACK, TEMPLATE

# All that an import reads of a custom resource.
_METADATA: Final = frozenset({"apiVersion", "kind", "metadata"})
# What holds a key that nobody can read again: its type, its name in words, its property's.
_KEYED: Final = ((MCP_SERVER, "MCP server", "slug"), (AI_PROVIDER, "AI provider", "name"))
_QUIETLY: Final = {"suppress_outputs": True, "show_secrets": False}


@dataclass(frozen=True)
class Candidate:
    """A resource that the program would create.

    Attributes:
        step: what the preview says of it.
        label: what people call it.
        id: by what id it is imported; None if it is not there.
    """

    step: ForeseenStep
    label: str
    id: str | None = None


@dataclass(frozen=True)
class AdoptionPlan:
    """What to look for, and what must stand in the state before."""

    candidates: tuple[Candidate, ...]
    before: tuple[ForeseenStep, ...]

    def needed(self, there: Iterable[ForeseenStep]) -> list[str]:
        """Return the URNs that must stand in the state before what is there, and only those.

        A component of which nothing is there is not known by what it would register.
        """
        missing = self._above(each.step for each in self.candidates) - self._above(there)
        return [step.urn for step in self.before if missing.isdisjoint((step.urn, step.parent))]

    def _above(self, steps: Iterable[ForeseenStep]) -> set[str]:
        parents = {step.urn: step.parent for step in self.before if step.type != STACK}
        above: set[str] = set()
        for step in steps:
            parent = step.parent
            while parent in parents:
                above.add(parent)
                parent = parents[parent]
        return above


def plan(steps: Iterable[ForeseenStep]) -> AdoptionPlan:
    """Return what a preview's `create` steps could take over."""
    candidates, before = [], []
    for step in steps:
        if step.op != "create":
            continue
        # Values that pulumi-random makes stand in the state alone, and templates depend on them.
        if step.type.startswith(("firewalledcoder:", "pulumi:", "random:")):
            before.append(step)
        elif step.type == TEMPLATE:
            candidates.append(Candidate(step, f"template {step.inputs['name']}"))
        elif step.type == MCP_SERVER:
            candidates.append(Candidate(step, f"MCP server {step.inputs['slug']}"))
        elif step.type == AI_PROVIDER:
            candidates.append(Candidate(step, f"AI provider {step.inputs['name']}"))
        elif is_object(step.type):
            kind = step.type.rpartition(":")[2]
            candidates.append(Candidate(step, f"{kind} {step.object_id}"))
    return AdoptionPlan(tuple(candidates), tuple(before))


@dataclass(frozen=True)
class RunningStack:
    """A stack and what runs of it.

    Attributes:
        ready: the stack.
        settings: its settings.
        api: coderd's.
        message: of the updates that record the adoption.
        progress: told line by line what is found and done.
    """

    ready: engine.Session
    settings: Settings
    api: CoderdApi
    message: str
    progress: engine.Progress

    @property
    def stack(self) -> automation.Stack:
        """The stack, of the Automation API."""
        return self.ready.stack

    def objects(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the Kubernetes objects that are there; raises ExistingError."""
        return objects(self.stack, self.settings.kubernetes.context, tuple(wanted))


@dataclass(frozen=True)
class Adoption:
    """What an adoption did.

    Attributes:
        taken: labels of what was taken over.
        missing: labels of what is not there.
        differing: what the next up changes: a resource's name and what of it, one line each.
    """

    taken: tuple[str, ...]
    missing: tuple[str, ...]
    differing: tuple[str, ...]


def take_over(deployment: RunningStack) -> Adoption:
    """Take over all that is there; it can be run again, also after it was killed.

    Raises ExistingError and diagnostics.RunError; the state is then as before the step that failed.
    """
    foreseen = observe(deployment.stack)
    found = plan(foreseen.values())
    patches = [step for step in foreseen.values() if step.type in PATCHED]
    looked, live = look(
        deployment, found.candidates, {(PATCHED[each.type], each.object_id) for each in patches}
    )
    there = [each for each in looked if each.id is not None]
    for each in looked:
        what = "is there" if each.id is not None else "is not there; up will make it"
        deployment.progress(f"{each.label} {what}")
    for line in keys.kept(deployment.api, (each.step for each in there)):
        deployment.progress(line)
    to_record = [
        step
        for step in patches
        if step.op == "create" and (PATCHED[step.type], step.object_id) in live
    ]
    if not there and not to_record and not importing.unfinished(StackState(deployment.stack)):
        return _adoption(looked, foreseen.values())
    # The engine's import of a template does not do: adoption/templates.py says why.
    imported = {
        each.step.urn: each.id
        for each in there
        if each.id is not None and each.step.type != TEMPLATE
    }
    before = found.needed([*(each.step for each in there), *to_record])
    if imported or before:
        diagnostics.run(
            deployment.stack.up,
            program=importing.program(
                deployment.stack.workspace.program, foreseen, [*before, *imported], imported
            ),
            target=[*before, *imported],
            message=deployment.message,
            **_QUIETLY,
        )
    of_coder = {each.step.urn for each in there if each.step.type == TEMPLATE}
    steps = _settle(deployment, None if imported or before else foreseen, live, of_coder)
    done = _finish(deployment, steps, live)
    return _adoption(looked, (step for urn, step in steps.items() if urn not in done))


def _adoption(looked: Iterable[Candidate], left: Iterable[ForeseenStep]) -> Adoption:
    """Return what was done, with the steps that are left for the next up."""
    differing = [
        f"{step.name}: {step.op}" + (f" {', '.join(step.diffs)}" if step.diffs else "")
        for step in left
        if step.op != "same"
    ]
    looked = tuple(looked)
    return Adoption(
        tuple(each.label for each in looked if each.id is not None),
        tuple(each.label for each in looked if each.id is None),
        tuple(sorted(differing)),
    )


def look(
    deployment: RunningStack, candidates: Iterable[Candidate], patched: Iterable[Object]
) -> tuple[list[Candidate], dict[Object, dict[str, Any]]]:
    """Return the candidates with the ids of those that are there, and what is patched, as it is.

    `patched` are the objects to read. Raises ExistingError.
    """
    candidates, patched = tuple(candidates), tuple(sorted(patched))
    kinds = {each.step.type for each in candidates}
    existing = None
    if kinds & {TEMPLATE, MCP_SERVER, AI_PROVIDER}:
        existing = Existing(deployment.api, deployment.settings.coder.organization)
    templates = existing.templates() if existing and TEMPLATE in kinds else {}
    servers = existing.servers() if existing and MCP_SERVER in kinds else {}
    providers = existing.ai_providers() if existing and AI_PROVIDER in kinds else {}
    wanted = [
        (each.step.type, each.step.object_id) for each in candidates if is_object(each.step.type)
    ]
    there = deployment.objects([*wanted, *patched])
    live = {key: outputs for key, outputs in there.items() if key in patched}

    def identity(step: ForeseenStep) -> str | None:
        if step.type == TEMPLATE:
            template = templates.get(step.inputs["name"])
            return str(template["id"]) if template else None
        if step.type == MCP_SERVER:
            server = servers.get(step.inputs["slug"])
            return f"{existing.organization}/{server}" if existing and server else None
        if step.type == AI_PROVIDER:
            provider = providers.get(step.inputs["name"])
            return str(provider["id"]) if provider else None
        return step.object_id if (step.type, step.object_id) in there else None

    return [replace(each, id=identity(each.step)) for each in candidates], live


def _settle(
    deployment: RunningStack,
    foreseen: Mapping[str, ForeseenStep] | None,
    live: Mapping[Object, Mapping[str, Any]],
    there: set[str],
) -> dict[str, ForeseenStep]:
    """Write values of what is there into the state; return what a preview says then.

    Args:
        deployment: the stack.
        foreseen: what a preview has said, if nothing was changed since.
        live: what the program patches, as it is.
        there: URNs of the templates that are there and the state does not know.
    """
    steps = dict(foreseen) if foreseen is not None else observe(deployment.stack)
    state = StackState(deployment.stack)
    said = _edit(deployment, state, steps, live)
    existing = Existing(deployment.api, deployment.settings.coder.organization)
    taken = templates.take_all(existing, state, steps, there, deployment.ready.work_dir)
    custom = {
        urn
        for urn, resource in state.resources.items()
        if is_custom(resource["type"]) and resource["inputs"].keys() <= _METADATA
    }
    for urn in custom & steps.keys():
        state.resources[urn]["inputs"] = dict(steps[urn].inputs)
    if not state.changed:
        return steps
    state.save()
    try:
        if read_again := [*custom, *(each.urn for each in taken)]:
            provider_inputs.run(
                deployment.stack.refresh,
                deployment.ready,
                deployment.stack.name,
                state,
                target=read_again,
                message=deployment.message,
                **_QUIETLY,
            )
        after = observe(deployment.stack)
        if again := templates.upload_again(deployment.stack, taken, after):
            said += again
            after = observe(deployment.stack)
    except diagnostics.RunError:
        state.restore(deployment.message)
        raise
    for line in (*said, *(each.said for each in taken if each.known_again(after))):
        deployment.progress(line)
    return after


def _edit(
    deployment: RunningStack,
    state: StackState,
    steps: Mapping[str, ForeseenStep],
    live: Mapping[Object, Mapping[str, Any]],
) -> list[str]:
    """Change the state in place; return what is to be said of it."""
    shown = state.shown()
    same = {urn for urn, step in steps.items() if step.op == "same"}
    pods = {
        name: found for (kind, name), found in live.items() if kind == PATCHED[DEPLOYMENT_PATCH]
    }
    settling.owners(state)
    said = [*settling.password(state, shown), *settling.rotation(state, pods, same)]
    for kind, label, name in _KEYED:
        for resource in state.of_type(kind):
            step = steps.get(resource["urn"])
            # Of one that an update has made since, a change is the operator's.
            if step and step.op == "update" and importing.is_imported(resource):
                settling.inputs(resource, step)
                if keys.sends(step):
                    said.append(
                        f"{label} {resource['outputs'][name]}: its key cannot be read; up sends "
                        "the one in the settings once more"
                    )
    return said


def _finish(
    deployment: RunningStack,
    steps: Mapping[str, ForeseenStep],
    live: Mapping[Object, Mapping[str, Any]],
) -> set[str]:
    """Record what is the same, the stack's outputs, and a patch that changes nothing."""
    done = {urn for urn, step in steps.items() if step.op == "same"}
    for urn, step in steps.items():
        if step.type not in PATCHED or step.op != "create":
            continue
        label = f"{PATCHED[step.type].rpartition(':')[2]} {step.object_id}"
        if settling.holds(live.get((PATCHED[step.type], step.object_id)), step.inputs):
            deployment.progress(f"{label} has what the stack sets of it")
            done.add(urn)
        else:
            deployment.progress(f"{label} differs; up will patch it")
    diagnostics.run(
        deployment.stack.up,
        program=importing.program(deployment.stack.workspace.program, steps, done),
        target=sorted(done),
        message=deployment.message,
        **_QUIETLY,
    )
    return done


@contextmanager
def deployment_of(
    ready: engine.Session, stack: str, message: str, progress: engine.Progress
) -> Iterator[RunningStack]:
    """Yield a stack with its coderd, for as long as the context lasts; raises SettingsError."""
    settings = stacks.settings(stack, ready.work_dir)
    token = ready.stack.get_config(f"{project.PROJECT}:secrets.coderToken", path=True).value
    with CoderdApi(CoderdAccess(settings.coder.api, token)) as api:
        yield RunningStack(ready, settings, api, message, progress)


def adopt(stack: str) -> None:
    """Take over the templates, servers, ConfigMaps and Secrets that STACK would create."""
    with terminal.reported():
        # What it writes into the state comes from the checkout, as an update does.
        settings = stacks.settings(stack)
        protection.check(stack, settings, project.ROOT, planned=True)
        with engine.session(stack, terminal.progress) as ready:
            missing, off = unrecorded.line(ready.stack), settings.switched_off
            record = history.record(project.ROOT, "adopt", firewall=off, unrecorded=missing)
            message = record.message()
            with deployment_of(ready, stack, message, terminal.progress) as deployment:
                done = take_over(deployment)
        said = [f"{len(done.taken)} resources taken over; nothing else was touched"]
        if done.differing:
            said += ["what up still changes:", *(f"  {line}" for line in done.differing)]
            said += [f"python -m ops preview {stack}  # shows it in full"]
        else:
            said += [f"stack {stack} agrees with what is there; up changes nothing"]
        terminal.console.print("\n".join(said), markup=False)


__all__ = [
    "Adoption",
    "Candidate",
    "ExistingError",
    "RunningStack",
    "adopt",
    "deployment_of",
    "look",
]
__all__ += ["plan", "take_over"]
