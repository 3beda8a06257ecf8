"""Deployments as an API server shows them, with the owner of each field."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def reference(name: str, key: str) -> dict[str, Any]:
    return {"valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def literal(value: str) -> dict[str, Any]:
    return {"value": value}


def secret(name: str, **more: Any) -> dict[str, Any]:
    return {"secretRef": {"name": name, **more}}


def document(
    env: Mapping[str, Mapping[str, Any]] | None = None,
    env_from: Sequence[Mapping[str, Any]] = (),
    *,
    owner: str = "helm",
    ours: Sequence[str] = (),
    shared: Sequence[str] = (),
    env_from_owners: Sequence[str] = (),
    manager: str | None = None,
    containers: Sequence[str] = ("coder",),
) -> dict[str, Any]:
    """Return a Deployment whose container `coder` has these variables.

    `owner` owns them, but for `ours`, which our manager owns alone; `shared` both own.
    """
    env = env or {}
    fields: dict[str, Any] = {}
    for name, value in env.items():
        entry = {".": {}, "f:name": {}, **{f"f:{key}": {} for key in value}}
        owners = ["firewalled-coder"] if name in ours else [owner]
        owners += ["firewalled-coder"] if name in shared else []
        for each in owners:
            fields.setdefault(each, {}).setdefault("f:env", {})[_key(name)] = entry
    for each in env_from_owners:
        fields.setdefault(each, {})["f:envFrom"] = {}
    managed = [
        {
            "manager": each,
            "operation": "Apply",
            "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:spec": {
                    "f:template": {"f:spec": {"f:containers": {_key("coder"): {".": {}, **owned}}}}
                }
            },
        }
        for each, owned in fields.items()
    ]
    annotations = {}
    if manager is not None:
        annotations["pulumi.com/patchFieldManager"] = manager
        managed.append(
            {
                "manager": manager,
                "operation": "Apply",
                "fieldsV1": {
                    "f:metadata": {"f:annotations": {"f:pulumi.com/patchFieldManager": {}}}
                },
            }
        )
    coder: dict[str, Any] = {"env": [{"name": name, **value} for name, value in env.items()]}
    if env_from:
        coder["envFrom"] = list(env_from)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "coder",
            "namespace": "coder",
            "annotations": annotations,
            "managedFields": managed,
        },
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {"name": name, **(coder if name == "coder" else {})} for name in containers
                    ]
                }
            }
        },
    }


def _key(name: str) -> str:
    return "k:" + json.dumps({"name": name}, separators=(",", ":"))
