"""Values that stand in a state alone, taken from what runs instead of being made anew.

After an import the state holds a random password that nobody uses, and a rotation token that would
restart coderd. Each function here puts what is in use in its place, where that can be read and
fits, and says so. Templates and their versions are in adoption/templates.py.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import bcrypt

from components.coder.variables import ANNOTATION
from components.observability.grafana_defaults import PASSWORD_SECRET, PASSWORD_VARIABLE
from ops.state import Resource, StackState, secret
from ops.steps import ForeseenStep
from ops.tokens import CODERD_ENV, DEPLOYMENT_PATCH, RANDOM_PASSWORD, SECRET_KIND

_ID: Final = "random:index/randomId:RandomId"
_BCRYPT_BYTES: Final = 72
_MANAGER: Final = "pulumi-kubernetes-"
OWNER_KEY: Final = "__fieldManager"
"""Where pulumi-kubernetes records, among its outputs, by which name it owns an object."""


def password(state: StackState, shown: Mapping[str, Resource]) -> Iterator[str]:
    """Take the database password from the Secret that Grafana reads.

    Args:
        state: changed in place.
        shown: its resources with their secrets in clear.
    """
    for resource in state.of_type(SECRET_KIND):
        made = state.sibling(resource, RANDOM_PASSWORD)
        if made is None or not _holds_password(resource):
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


def _holds_password(secret: Resource) -> bool:
    # A stack may have a prefix before it.
    return str(secret["inputs"]["metadata"]["name"]).endswith(PASSWORD_SECRET)


def rotation(
    state: StackState, live: Mapping[str, Mapping[str, Any]], same: set[str]
) -> Iterator[str]:
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
        variables = state.sibling(token, SECRET_KIND)
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


def managers(live: Mapping[str, Any]) -> list[str]:
    """Return who has set fields of an object, the latest last.

    What controllers report of it in a subresource counts for nobody.
    """
    entries = [
        each for each in live["metadata"].get("managedFields") or () if not each.get("subresource")
    ]
    entries.sort(key=lambda each: str(each.get("time")))
    return [str(each.get("manager")) for each in entries]


def owner(live: Mapping[str, Any]) -> dict[str, str]:
    """Return by which name pulumi-kubernetes owns an object that it applied, as it records it.

    It makes that name up where the state has none, and is in conflict with its own earlier one
    then. An object that it created without applying has the bare name, which it gives up itself.
    """
    names = [name for name in managers(live) if name.startswith(_MANAGER)]
    return {OWNER_KEY: names[-1]} if names else {}


def owners(state: StackState) -> None:
    """Have every imported object go on under the name by which an earlier state applied it.

    Args:
        state: changed in place.
    """
    for resource in state.resources.values():
        recorded = resource.get("outputs", {}).get(OWNER_KEY)
        if recorded is not None and recorded not in managers(resource["outputs"]):
            resource["outputs"] |= owner(resource["outputs"])


def inputs(resource: Resource, step: ForeseenStep) -> None:
    """Put into the state what the program gives and is so, which an import leaves out as a default.

    Args:
        resource: an imported resource of coderd, changed in place.
        step: what a preview says of it.
    """
    for key, value in step.inputs.items():
        if key not in resource["inputs"] and resource["outputs"].get(key) == value:
            resource["inputs"][key] = value


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


def _own_id(resource: Resource, identifier: str) -> dict[str, str]:
    """Return `id` among the outputs, for providers that repeat it there."""
    return {"id": identifier} if "id" in resource["outputs"] else {}


def _at(value: Any, *path: str) -> Mapping[str, Any]:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
