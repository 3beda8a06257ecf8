"""Values that stand in a state alone, taken from what runs instead of being made anew.

After an import the state holds a random password that nobody uses, a name for a template version
that nobody uploaded, and a rotation token that would restart coderd. Each function here puts what
is in use in its place, where that can be read and fits, and says so.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import bcrypt

from components.coder.variables import ANNOTATION
from components.datasources import PASSWORD_SECRET, PASSWORD_VARIABLE
from ops.existing import Version
from ops.state import Resource, State, secret
from ops.steps import Step
from ops.tokens import CODERD_ENV, DEPLOYMENT_PATCH, SECRET

_PASSWORD: Final = "random:index/randomPassword:RandomPassword"  # noqa: S105  a type token
_PET: Final = "random:index/randomPet:RandomPet"
_ID: Final = "random:index/randomId:RandomId"
_BCRYPT_BYTES: Final = 72


def password(state: State, shown: Mapping[str, Resource]) -> Iterator[str]:
    """Take the database password from the Secret that Grafana reads.

    Args:
        state: changed in place.
        shown: its resources with their secrets in clear.
    """
    for resource in state.of_type(SECRET):
        made = state.sibling(resource, _PASSWORD)
        if made is None or resource["inputs"]["metadata"]["name"] != PASSWORD_SECRET:
            continue
        data = shown[resource["urn"]]["outputs"].get("data") or {}
        try:
            live = base64.b64decode(data[PASSWORD_VARIABLE], validate=True).decode()
        except (KeyError, ValueError):
            yield (
                f"Secret {resource['id']} has no {PASSWORD_VARIABLE}; up writes a new password, "
                "which the database role has to get as well"
            )
            continue
        if live == shown[made["urn"]]["outputs"]["result"]:
            continue
        # As pulumi-random keeps it: the hash is of the first 72 bytes, which is all bcrypt reads.
        digest = bcrypt.hashpw(live.encode()[:_BCRYPT_BYTES], bcrypt.gensalt(rounds=10))
        made["outputs"] |= {"result": secret(live), "bcryptHash": secret(digest.decode())}
        yield f"the database password is the one in Secret {resource['id']}"


def rotation(state: State, live: Mapping[str, Mapping[str, Any]], same: set[str]) -> Iterator[str]:
    """Take the rotation token of coderd's variables from its pods, so that none restarts.

    Args:
        state: changed in place.
        live: coderd's Deployment by namespace and name.
        same: URNs of what would not change: with other variables coderd has to restart.
    """
    if any(True for _ in state.of_type(DEPLOYMENT_PATCH)):
        return
    for token in state.of_type(_ID):
        component = state.resources.get(token.get("parent", ""), {})
        variables = state.sibling(token, SECRET)
        if component.get("type") != CODERD_ENV or not variables or variables["urn"] not in same:
            continue
        for where, outputs in live.items():
            annotations = _at(outputs, "spec", "template", "metadata", "annotations")
            text = str(annotations.get(ANNOTATION, ""))
            length = int(token["inputs"]["byteLength"])
            if not re.fullmatch(f"[0-9a-f]{{{2 * length}}}", text):
                continue
            found = random_id(bytes.fromhex(text))
            if token["id"] == found["b64Url"]:
                continue
            token["id"] = found["b64Url"]
            token["outputs"] |= {**found, **_own_id(token, found["b64Url"])}
            yield f"the rotation token is the one in Deployment {where}; coderd does not restart"


def random_id(content: bytes) -> dict[str, str]:
    """Return the outputs of a pulumi-random RandomId of these bytes."""
    standard = base64.b64encode(content).decode()
    return {
        "b64Std": standard,
        "b64Url": base64.urlsafe_b64encode(content).decode().rstrip("="),
        "dec": str(int.from_bytes(content, "big")),
        "hex": content.hex(),
    }


def version(
    state: State,
    template: Resource,
    step: Step,
    running: Version,
    root: Path,
) -> Iterator[str]:
    """Take a template's running version as the stack's own, when its content is the same.

    Args:
        state: changed in place.
        template: the imported template's resource.
        step: what a preview says of it.
        running: the version in use.
        root: what the rendered directory is relative to.
    """
    label = f"template {template['outputs']['name']}"
    pet = state.sibling(template, _PET)
    given, foreseen = _only(step.inputs.get("versions")), _only(step.outputs.get("versions"))
    if pet is None or given is None or foreseen is None:
        yield f"{label}: its version cannot be compared; up brings one of the stack's own"
        return
    differing = differences(given, running, root)
    if differing:
        yield (
            f"{label}: its version {running.name} differs in {', '.join(differing)}; up brings "
            "one of the stack's own"
        )
        return
    same = {"name": running.name, "message": running.message, "active": True}
    template["inputs"]["versions"] = [{**given, **same}]
    template["outputs"]["versions"] = [{**foreseen, **same, "id": running.id}]
    _remember(template["outputs"], template["outputs"]["versions"][0])
    pet["id"] = running.name
    pet["outputs"] |= _own_id(pet, running.name)
    yield f"{label}: its version {running.name} has the stack's content and stays"


def access(resource: Resource, step: Step, live: Mapping[str, Any]) -> Iterator[str]:
    """Take a template's access list as the stack's own, when it is the one that the stack gives.

    Args:
        resource: an imported template, changed in place.
        step: what a preview says of it.
        live: the list in Coder, as the provider writes it; empty without a licence.
    """
    given = step.inputs.get("acl")
    if given is None or not live or "acl" in resource["outputs"]:
        return
    label = f"template {resource['outputs']['name']}"
    if _roles(given) != _roles(live):
        yield f"{label}: its access list is another; up puts the stack's in its place"
        return
    # Describes the outputs as they were; without it the bridge reads them by its schema.
    resource["outputs"].pop("__pulumi_raw_state_delta", None)
    resource["inputs"]["acl"] = resource["outputs"]["acl"] = given


def _roles(acl: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    return {
        (kind, str(each["id"])): str(each["role"])
        for kind in ("groups", "users")
        for each in acl.get(kind) or ()
    }


def inputs(resource: Resource, step: Step) -> None:
    """Put into the state what the program gives and is so, which an import leaves out as a default.

    Args:
        resource: an imported resource of coderd, changed in place.
        step: what a preview says of it.
    """
    for key, value in step.inputs.items():
        if key not in resource["inputs"] and resource["outputs"].get(key) == value:
            resource["inputs"][key] = value


def differences(given: Mapping[str, Any], running: Version, root: Path) -> list[str]:
    """Return in what a running version differs from the one that the program gives."""
    directory = root / str(given["directory"])
    files = {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }
    names = sorted(
        name for name in {*files, *running.files} if files.get(name) != running.files.get(name)
    )
    variables = _pairs(given, "tfVars")
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
    if _pairs(given, "provisionerTags") != dict(running.tags):
        names.append("provisioner tags")
    return names


def holds(live: Any, patch: Any) -> bool:
    """Whether an object has all that a patch would set, so that applying it changes no field.

    Args:
        live: the object, None if it is not there.
        patch: the patch's inputs; entries of its lists go by name, as the API server merges them.
    """
    if isinstance(patch, Mapping):
        return isinstance(live, Mapping) and all(
            key in live and holds(live[key], value) for key, value in patch.items()
        )
    if isinstance(patch, list) and patch and all("name" in each for each in patch):
        there = {each.get("name"): each for each in live or () if isinstance(each, Mapping)}
        return all(holds(there.get(each["name"]), each) for each in patch)
    return bool(live == patch)


def _remember(outputs: Resource, adopted: Mapping[str, Any]) -> None:
    """Write Coder's provider's own record of its versions, where the bridge keeps such records.

    The provider knows a version by the digest of its directory, in its private state under
    `last_versions` (internal/provider/template_resource.go of coder/terraform-provider-coderd);
    the bridge keeps that in `__meta` (pkg/pf/tfbridge/resource_state.go of
    pulumi/pulumi-terraform-bridge). Without the record the next up would upload it again.
    """
    if "__meta" not in outputs:
        return
    # Describes the outputs as they were; without it the bridge reads them by its schema.
    outputs.pop("__pulumi_raw_state_delta", None)
    record = {
        adopted.get("directoryHash", ""): [
            {
                "id": adopted["id"],
                "name": adopted["name"],
                "tf_vars": _pairs(adopted, "tfVars"),
                "active": True,
            }
        ]
    }
    meta = json.loads(outputs["__meta"])
    private = json.loads(base64.b64decode(meta.get("private_state", "")) or b"{}")
    private["last_versions"] = _encoded(record)
    meta["private_state"] = _encoded(private)
    outputs["__meta"] = json.dumps(meta)


def _encoded(value: Any) -> str:
    return base64.b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def _own_id(resource: Resource, identifier: str) -> dict[str, str]:
    """Return `id` among the outputs, for providers that repeat it there."""
    return {"id": identifier} if "id" in resource["outputs"] else {}


def _only(versions: Any) -> dict[str, Any] | None:
    known = isinstance(versions, list) and len(versions) == 1 and isinstance(versions[0], Mapping)
    return dict(versions[0]) if known else None


def _pairs(given: Mapping[str, Any], key: str) -> dict[str, str]:
    return {str(each["name"]): str(each["value"]) for each in given.get(key) or ()}


def _at(value: Any, *path: str) -> Mapping[str, Any]:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
