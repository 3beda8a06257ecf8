"""Comparing Kubernetes objects: what changed, what needs a new object, what drifted."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from local.providers.base import Change
from local.providers.wire import UNKNOWN, Secret, has_unknown, plain

_SELECTORS: Final = ("spec.selector",)
_JOB: Final = ("spec.completions", "spec.parallelism", "spec.selector", "spec.template")

# Fields the API server refuses to change, or that pulumi-kubernetes replaces an object for
# (provider/pkg/provider/diff.go in github.com/pulumi/pulumi-kubernetes).
_REPLACE: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("", "ConfigMap"): ("data", "binaryData"),
    ("", "Secret"): ("type", "data", "stringData"),
    ("", "PersistentVolumeClaim"): ("spec",),
    ("", "PersistentVolume"): ("spec",),
    ("", "Pod"): ("spec",),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Service"): ("spec.clusterIP",),
    ("apps", "DaemonSet"): _SELECTORS,
    ("apps", "Deployment"): _SELECTORS,
    ("apps", "ReplicaSet"): _SELECTORS,
    ("apps", "StatefulSet"): (
        "spec.podManagementPolicy",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    ("batch", "Job"): _JOB,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
}
_IDENTITY: Final = ("kind", "metadata.name", "metadata.namespace")


def replacing_fields(api_version: str, kind: str, *, mutable: bool) -> tuple[str, ...]:
    """Paths whose change needs a new object.

    Args:
        api_version: of the object, for example "apps/v1".
        kind: of the object.
        mutable: whether a ConfigMap or Secret may be changed in place.
    """
    group = api_version.rpartition("/")[0]
    fields = _REPLACE.get((group, kind), ())
    if mutable and (group, kind) in (("", "ConfigMap"), ("", "Secret")):
        fields = tuple(field for field in fields if field == "type")
    return (*_IDENTITY, *fields)


def changes(old: Any, new: Any, replacing: tuple[str, ...]) -> dict[str, Change]:
    """Every place at which two inputs differ, as the path Pulumi shows, with what it means."""
    found: dict[str, Change] = {}
    for path, keys, kind in _walk(old, new, "", ()):
        dotted = ".".join(keys)
        replace = any(
            dotted == field or dotted.startswith(f"{field}.") or field.startswith(f"{dotted}.")
            for field in replacing
        )
        found[path] = Change(kind, replace)
    return found


def _walk(
    old: Any, new: Any, path: str, keys: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...], str]]:
    old = old.value if isinstance(old, Secret) else old
    new = new.value if isinstance(new, Secret) else new
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            below = _join(path, name)
            if name not in new:
                yield below, (*keys, name), "delete"
            elif name not in old:
                yield below, (*keys, name), "add"
            else:
                yield from _walk(old[name], new[name], below, (*keys, name))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            below = f"{path}[{index}]"
            if index >= len(new):
                yield below, keys, "delete"
            elif index >= len(old):
                yield below, keys, "add"
            else:
                yield from _walk(old[index], new[index], below, keys)
    elif has_unknown(new) or plain(old) != plain(new):
        yield path, keys, "update"


def _join(path: str, name: str) -> str:
    if not name.replace("_", "").replace("-", "").isalnum() or "-" in name:
        return f'{path}["{name}"]'
    return f"{path}.{name}" if path else name


def drift(inputs: Any, wanted: Any, live: Any) -> Any:
    """The inputs as the live object has them now.

    Only where the live object differs from what applying the inputs would make of it does its
    value take the place of the input: what the server merely writes otherwise, such as a
    quantity of 1000m as 1, is no drift.

    Args:
        inputs: what was applied last.
        wanted: the object that applying them again would make.
        live: the object as it is.

    Returns:
        The inputs with drifted values; UNKNOWN stands for a field that is gone.
    """
    if isinstance(inputs, Secret):
        below = drift(inputs.value, wanted, live)
        return UNKNOWN if below is UNKNOWN else Secret(below)
    if live is UNKNOWN and wanted is not UNKNOWN:
        return UNKNOWN
    if isinstance(inputs, Mapping) and isinstance(wanted, Mapping) and isinstance(live, Mapping):
        found = {
            name: drift(value, wanted.get(name, UNKNOWN), live.get(name, UNKNOWN))
            for name, value in inputs.items()
        }
        return {name: value for name, value in found.items() if value is not UNKNOWN}
    if isinstance(inputs, list) and isinstance(wanted, list) and isinstance(live, list):
        return _list_drift(inputs, wanted, live)
    return inputs if wanted == live else live


def _list_drift(inputs: list[Any], wanted: list[Any], live: list[Any]) -> list[Any]:
    key = _merge_key(inputs)
    if key is None:
        if wanted == live:
            return inputs
        if len(inputs) == len(wanted) == len(live):
            return [drift(*three) for three in zip(inputs, wanted, live, strict=True)]
        return live
    found = []
    for item in inputs:
        name = plain(item)[key]
        below = drift(item, _named(wanted, key, name), _named(live, key, name))
        if below is not UNKNOWN:
            found.append(below)
    return found


def _merge_key(items: list[Any]) -> str | None:
    """The field that tells the items of a list apart, as the API's merging lists have one."""
    bare = [plain(item) for item in items]
    if not bare or not all(isinstance(item, Mapping) for item in bare):
        return None
    for key in ("name", "containerPort", "port", "mountPath", "ip", "key", "type", "uid"):
        names = [item.get(key) for item in bare]
        if all(isinstance(name, str | int) for name in names) and len(set(names)) == len(names):
            return key
    return None


def _named(items: list[Any], key: str, name: Any) -> Any:
    return next(
        (item for item in items if isinstance(item, Mapping) and item.get(key) == name), UNKNOWN
    )
