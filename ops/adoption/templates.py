"""A template that is there, written into the state together with the version that it runs.

The engine's import asks the provider, which reads no versions back (ImportState and Read in
internal/provider/template_resource.go of coder/terraform-provider-coderd), and then has the
provider check what it read: a release of the provider that requires `versions` refuses that, and
any release uploads the running content once more at the next update. A state that names the version
is all that the provider needs: its own refresh reads the rest.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pulumi import automation

from ops.existing import Existing, Version
from ops.state import Resource, StackState
from ops.steps import ForeseenStep
from ops.tokens import TEMPLATE

PET: Final = "random:index/randomPet:RandomPet"
_KEPT: Final = ("parent", "provider", "dependencies", "propertyDependencies")


@dataclass(frozen=True)
class Declared:
    """A template as the program declares it.

    Attributes:
        resource: `urn`, `type`, `parent`, `provider` and `inputs`, as the state would have them.
        foreseen: the outputs that the provider foresees, with the digest of the directory.
    """

    resource: Mapping[str, Any]
    foreseen: Mapping[str, Any]

    @classmethod
    def of(cls, step: ForeseenStep) -> Declared:
        """Return a template as a preview's step tells of it."""
        keys = ("urn", "type", "parent", "provider", "inputs")
        return cls({key: getattr(step, key) for key in keys}, step.outputs)


@dataclass(frozen=True)
class Live:
    """A template as coderd has it.

    Attributes:
        template: as its API tells of it.
        running: the version that new builds use.
        access: its access list, if the program gives one; empty without a licence.
    """

    template: Mapping[str, Any]
    running: Version
    access: Mapping[str, Any]

    @classmethod
    def of(cls, existing: Existing, template: Mapping[str, Any], step: ForeseenStep) -> Live:
        """Ask for what a preview's step needs to know of a template; raises ExistingError."""
        access = existing.access(template) if "acl" in step.inputs else {}
        return cls(template, existing.running(template), access)


@dataclass(frozen=True)
class Taken:
    """A template that was written into the state.

    Attributes:
        urn: its URN.
        label: what people call it.
        said: what became of its version, one line.
        version: id of the running version, if it is kept as the stack's own.
    """

    urn: str
    label: str
    said: str
    version: str | None = None

    def known_again(self, steps: Mapping[str, ForeseenStep]) -> bool:
        """Whether the provider plans with the version that was kept, if one was."""
        planned = steps[self.urn].outputs.get("versions") or ()
        return self.version is None or all(each.get("id") == self.version for each in planned)


def take_all(
    existing: Existing,
    state: StackState,
    steps: Mapping[str, ForeseenStep],
    there: Collection[str],
    root: Path,
) -> list[Taken]:
    """Write templates into the state; return what became of each.

    Args:
        existing: what coderd has.
        state: changed in place.
        steps: what a preview of the stack says, by URN.
        there: URNs of templates that the state does not know and that are to be taken.
        root: what the rendered directories are relative to.

    Raises ExistingError.
    """
    unknown = [step for urn, step in steps.items() if urn in there or _half_known(state, step)]
    found = existing.templates() if unknown else {}
    return [
        take(state, Declared.of(step), Live.of(existing, found[name], step), root)
        for step in unknown
        if (name := str(step.inputs["name"])) in found
    ]


def upload_again(
    stack: automation.Stack, taken: Iterable[Taken], steps: Mapping[str, ForeseenStep]
) -> list[str]:
    """Have a version that the provider does not know again uploaded under another name.

    Args:
        stack: whose state is changed when there is one.
        taken: what was written into the state.
        steps: what a preview says then.

    Returns what is to be said of it.
    """
    unknown = [each for each in taken if not each.known_again(steps)]
    if not unknown:
        return []
    state = StackState(stack)
    for each in unknown:
        pet = state.sibling(state.resources[each.urn], PET)
        if pet is not None:
            pet["taint"] = True
    state.save()
    return [
        f"{each.label}: the provider does not know its running version again; up uploads the same "
        "content once more"
        for each in unknown
    ]


def _half_known(state: StackState, step: ForeseenStep) -> bool:
    """Whether the state has a template as the engine's import leaves it, without versions."""
    resource = state.resources.get(step.urn) if step.type == TEMPLATE else None
    return resource is not None and "versions" not in resource["outputs"]


def take(state: StackState, declared: Declared, live: Live, root: Path) -> Taken:
    """Write a template into the state, with the version that it runs; return what became of it.

    A version that has the content which the program renders becomes the stack's own, under the name
    that it has, so that nothing is uploaded. The rest of the outputs is left to a refresh.

    Args:
        state: changed in place.
        declared: the template as the program declares it.
        live: the template as coderd has it.
        root: what the rendered directory is relative to.
    """
    inputs, template, running = declared.resource["inputs"], live.template, live.running
    given, foreseen = only(inputs.get("versions")), only(declared.foreseen.get("versions"))
    pet = state.child(declared.resource.get("parent"), PET)
    if given is None or pet is None or foreseen is None:
        why = "cannot be compared"
    else:
        found = differences(given, running, root)
        why = f"differs in {', '.join(found)}" if found else ""
    kept = not why
    there = _version(given or {}, running)
    digest = str(foreseen["directoryHash"]) if kept and foreseen else ""
    resource: Resource = {
        **{key: declared.resource[key] for key in _KEPT if declared.resource.get(key)},
        "urn": declared.resource["urn"],
        "type": declared.resource["type"],
        "custom": True,
        "id": str(template["id"]),
        "inputs": {**inputs, "versions": [there]},
        "outputs": {
            "id": str(template["id"]),
            "name": template["name"],
            "organizationId": template["organization_id"],
            "versions": [{**there, "id": running.id, "directoryHash": digest}],
            # Only what the state has of the access list is read back.
            **({"acl": dict(live.access)} if live.access else {}),
        },
    }
    label = f"template {template['name']}"
    urn = resource["urn"]
    if not kept:
        state.put(resource)
        said = f"{label}: its version {running.name} {why}; up brings one of the stack's own"
        return Taken(urn, label, said)
    resource["outputs"]["__meta"] = memory(digest, there, running.id)
    state.put(resource)
    if pet is not None:
        pet["id"] = running.name
        if "id" in pet["outputs"]:
            pet["outputs"]["id"] = running.name
    said = f"{label}: its version {running.name} has the stack's content and stays"
    return Taken(urn, label, said, running.id)


def _version(given: Mapping[str, Any], running: Version) -> dict[str, Any]:
    """A version of the program's inputs as it would be to ask for the running one."""
    found = {
        **given,
        "name": running.name,
        "message": running.message,
        "active": True,
        "tfVars": [
            {**each, "value": running.variables.get(str(each["name"]), str(each["value"]))}
            for each in given.get("tfVars") or ()
        ],
    }
    if running.tags or given.get("provisionerTags"):
        found["provisionerTags"] = [
            {"name": name, "value": value} for name, value in sorted(running.tags.items())
        ]
    return found


def memory(digest: str, version: Mapping[str, Any], identifier: str) -> str:
    """Return the provider's own record of its versions, as the bridge keeps it in `__meta`.

    The provider knows a version again by the digest of its directory, in its private state under
    `last_versions` (setPrivateState in the file named above); the bridge keeps that in `__meta`
    (updateMeta in pkg/pf/tfbridge/resource_state.go of pulumi/pulumi-terraform-bridge).
    """
    record = {
        digest: [
            {
                "id": identifier,
                "name": version["name"],
                "tf_vars": pairs(version, "tfVars"),
                "active": True,
            }
        ]
    }
    return json.dumps({"private_state": _encoded({"last_versions": _encoded(record)})})


def _encoded(value: Any) -> str:
    return base64.b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def differences(given: Mapping[str, Any], running: Version, root: Path) -> list[str]:
    """Return in what a running version differs from the one that the program gives."""
    if running.files is None:
        return ["its files, which coderd does not give"]
    directory = root / str(given["directory"])
    files = {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }
    names = sorted(
        name for name in {*files, *running.files} if files.get(name) != running.files.get(name)
    )
    variables = pairs(given, "tfVars")
    names += sorted(
        f"variable {name}"
        for name, value in variables.items()
        if running.variables.get(name) != value
    )
    names += sorted(
        f"variable {name}"
        for name, value in running.variables.items()
        if name not in variables and value != running.defaults[name]
    )
    if pairs(given, "provisionerTags") != dict(running.tags):
        names.append("provisioner tags")
    return names


def only(versions: Any) -> dict[str, Any] | None:
    """Return the one version of a list that holds no other."""
    known = isinstance(versions, list) and len(versions) == 1 and isinstance(versions[0], Mapping)
    return dict(versions[0]) if known else None


def pairs(given: Mapping[str, Any], key: str) -> dict[str, str]:
    """Return a list of names and values as a mapping."""
    return {str(each["name"]): str(each["value"]) for each in given.get(key) or ()}
