"""coderd's Deployment as the API server shows it: which variables it has, and who owns each.

Values of variables are kept for comparing and never shown: a chart may hold credentials as
literals.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MANAGER_ANNOTATION: Final = "pulumi.com/patchFieldManager"
"""Annotation of an object that pulumi-kubernetes patches: the field manager of the patch."""


def path(namespace: str, name: str) -> str:
    """Return where the API server has a Deployment."""
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


@dataclass(frozen=True)
class Variable:
    """A variable in a container's `env`.

    Attributes:
        name: its name.
        value: its literal; None for a reference, whose value the Deployment does not tell.
        secret: Secret and key, if it is a reference to one.
        owners: field managers that own it, sorted; empty if none is on record.
    """

    name: str
    value: str | None = field(repr=False)
    secret: tuple[str, str] | None
    owners: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """An entry of a container's `envFrom`.

    Attributes:
        kind: Secret or ConfigMap.
        name: its name.
        prefix: what is put before each of its keys.
    """

    kind: str
    name: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" (prefix {self.prefix})" if self.prefix else "")


@dataclass(frozen=True)
class Container:
    """A container of the pod template.

    Attributes:
        name: its name.
        variables: its `env`, by name; of two with one name the last, as Kubernetes has it.
        sources: its `envFrom`, in order.
        sources_owners: field managers that own that list, sorted.
    """

    name: str
    variables: Mapping[str, Variable]
    sources: tuple[Source, ...]
    sources_owners: tuple[str, ...]


@dataclass(frozen=True)
class Deployment:
    """A Deployment, read once.

    Attributes:
        containers: of the pod template, in order.
        manager: field manager of the pulumi-kubernetes patch on it, None without one.
        manager_owners: field managers that own the annotation that says so.
    """

    containers: tuple[Container, ...]
    manager: str | None
    manager_owners: tuple[str, ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Deployment:
        """Return what an apps/v1 Deployment says.

        Raises KeyError, TypeError or AttributeError for what is none.
        """
        metadata = document["metadata"]
        owners = _Owners(metadata.get("managedFields") or ())
        annotations = metadata.get("annotations") or {}
        containers = document["spec"]["template"]["spec"]["containers"]
        return cls(
            tuple(_container(each, owners) for each in containers),
            annotations.get(MANAGER_ANNOTATION),
            owners.of("f:metadata", "f:annotations", f"f:{MANAGER_ANNOTATION}"),
        )


class _Owners:
    """Who owns which field, by an object's managedFields.

    A field's path is as in FieldsV1: `f:` before a name, `k:` before the key of a list's entry.
    """

    def __init__(self, managed: Any) -> None:
        self._managed = [(str(each["manager"]), each.get("fieldsV1") or {}) for each in managed]

    def of(self, *path: str) -> tuple[str, ...]:
        return tuple(sorted({name for name, fields in self._managed if _has(fields, path)}))


def _has(fields: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(fields, Mapping) or part not in fields:
            return False
        fields = fields[part]
    return True


def _entry(name: str) -> str:
    return "k:" + json.dumps({"name": name}, separators=(",", ":"), ensure_ascii=False)


def _container(container: Mapping[str, Any], owners: _Owners) -> Container:
    name = str(container["name"])
    place = ("f:spec", "f:template", "f:spec", "f:containers", _entry(name))
    variables = {}
    for each in container.get("env") or ():
        variable = str(each["name"])
        reference = each.get("valueFrom")
        secret = (reference or {}).get("secretKeyRef")
        variables[variable] = Variable(
            variable,
            # Without either it is set, to nothing.
            None if reference else str(each.get("value") or ""),
            (str(secret["name"]), str(secret["key"])) if secret else None,
            owners.of(*place, "f:env", _entry(variable)),
        )
    sources = tuple(_sources(container.get("envFrom") or ()))
    return Container(name, variables, sources, owners.of(*place, "f:envFrom"))


def _sources(entries: Any) -> Iterator[Source]:
    for each in entries:
        kind = "Secret" if each.get("secretRef") else "ConfigMap"
        reference = each.get("secretRef") or each.get("configMapRef") or {}
        yield Source(kind, str(reference.get("name", "")), str(each.get("prefix") or ""))
