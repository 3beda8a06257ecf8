"""The stack's network policies as the API server has them, against what was declared.

The engine does not see what somebody added to one: its provider cuts the live object to the shape
of the inputs, and applying on the server's side leaves what others own. So they are read whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final, Literal

import httpx

from components.cluster import Cluster
from components.kubeconfig import ClusterError, message
from components.network.manifests import CILIUM_KIND
from components.network.reach import Manifest, NetworkChange
from components.settings.model import Settings
from ops import network
from ops.changes import Change, differences
from ops.conflicts import is_conflict
from ops.stack_reach import of_settings

Effect = Literal["removed", "opens", "unclear", "closes", "same"]

_ORDER: Final[tuple[Effect, ...]] = ("removed", "opens", "unclear", "closes", "same")
_PATHS: Final = {
    CILIUM_KIND: "/apis/cilium.io/v2/namespaces/{}/ciliumnetworkpolicies/{}",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies/{}",
}
_WARNINGS: Final[Mapping[Effect, str]] = {
    "removed": "somebody edited the network policy: it selects no workspace, they are open now",
    "opens": "somebody opened the network policy: more is reached now than was declared",
    "unclear": "somebody edited the network policy: it may be open now",
    "closes": "somebody closed the network policy: less is reached now than was declared",
    "same": "somebody edited the network policy",
}
UNREAD: Final = "the live network policies cannot be read"
"""Warning of a look that failed."""
_GROUPS: Final = ("networking.k8s.io", "cilium.io")
_OURS: Final = "pulumi-kubernetes-"


@dataclass(frozen=True)
class Editor:
    """Who owns a field, by the API server's record.

    Attributes:
        manager: the field manager's name.
        time: when it wrote last, as recorded.
    """

    manager: str
    time: str = ""

    @property
    def said(self) -> str:
        """Both in words."""
        return f"{self.manager} at {self.time}" if self.time else self.manager


@dataclass(frozen=True)
class Edit:
    """One policy that is not as it was declared.

    Attributes:
        kind: its kind.
        namespace: its namespace.
        name: its name.
        changes: what differs, from declared to live.
        editors: who wrote what differs; empty if the API server's record does not tell.
    """

    kind: str
    namespace: str
    name: str
    changes: tuple[Change, ...]
    editors: tuple[Editor, ...]


@dataclass(frozen=True)
class LiveReach:
    """What the edits let pods reach beside what was declared.

    Attributes:
        pods: whose pods they are, the templates' names or Coder's own agents.
        change: from declared to live.
    """

    pods: tuple[str, ...]
    change: NetworkChange


@dataclass(frozen=True)
class LiveNetwork:
    """What was found; falsy when everything is as declared.

    Attributes:
        edits: the policies that differ.
        reaches: what is reached by them, where that differs.
        unclear: whether what Cilium lets through by them is not known here.
        unread: why they cannot be read, empty if they can.
        context: the kubeconfig's context, as in the stack's settings.
        gone: the declared policies that are not there; a run that reads back tells of them itself.
    """

    edits: tuple[Edit, ...] = ()
    reaches: tuple[LiveReach, ...] = ()
    unclear: bool = False
    unread: str = ""
    context: str | None = None
    gone: tuple[Manifest, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.edits or self.unread)

    @property
    def effect(self) -> Effect:
        """The gravest of what the edits do."""
        found: set[Effect] = {"unclear"} if self.unclear else {"same"}
        for each in self.reaches:
            change = each.change
            found.add("removed" if change.removed else "opens" if change.opens else "closes")
        return min(found, key=_ORDER.index)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must not be overlooked, for a headline."""
        edited = (_WARNINGS[self.effect],) if self.edits else ()
        return (*edited, *((UNREAD,) if self.unread else ()))


def look(
    declared: Iterable[Manifest], templates: Iterable[str], context: str | None
) -> LiveNetwork:
    """Compare declared policies with the live ones; what is gone is no edit.

    Args:
        declared: the policies, as they were applied.
        templates: names of the stack's templates.
        context: the kubeconfig's context, as in the stack's settings.
    """
    wanted = [policy for policy in declared if policy.get("kind") in _PATHS and _place(policy)[1]]
    live: list[Manifest] = []
    kept: list[Manifest] = []
    if not wanted:
        return LiveNetwork()
    try:
        with Cluster(context) as cluster:
            for policy in wanted:
                path = _PATHS[str(policy["kind"])].format(*_place(policy))
                found = _read(cluster.get(path))
                if found is not None:
                    kept.append(policy)
                    live.append(found)
    except ClusterError as error:
        return LiveNetwork(unread=str(error), context=context)
    gone = tuple(policy for policy in wanted if policy not in kept)
    return replace(compared(kept, live, templates, context), gone=gone)


def against(settings: Settings, declared: Iterable[Manifest] | None = None) -> LiveNetwork:
    """Compare the live policies of a stack with what was declared, or with its settings."""
    if declared is None:
        declared = of_settings(settings).network or ()
    return look(declared, [each.name for each in settings.templates], settings.kubernetes.context)


def in_preview(
    settings: Settings,
    read_back: Iterable[Mapping[str, Any]],
    planned: Iterable[Mapping[str, Any]],
    *,
    refresh: bool,
    failure: str = "",
) -> LiveNetwork:
    """Look at what a preview ran over: with a refresh, and where a policy has another owner.

    Args:
        settings: the stack's.
        read_back: metadata of `res_outputs_event` of what was refreshed, as plain data.
        planned: the same of `resource_pre_event`.
        refresh: whether the preview read back what is there.
        failure: why it failed; empty if it did not.
    """
    refused = is_conflict(failure) and any(group in failure for group in _GROUPS)
    if not (refresh or refused):
        return LiveNetwork()
    # After a refresh the old side of a step is what was read back.
    old = {each["urn"]: each["old"]["inputs"] for each in [*planned, *read_back] if _is_old(each)}
    found = against(settings, old.values())
    if refused and not found.edits:
        # The state has learned what was edited, by a refresh before this.
        found = against(settings)
    # Who cannot be asked is what the failure is about.
    return replace(found, unread="") if failure else found


def _is_old(metadata: Mapping[str, Any]) -> bool:
    return metadata["type"] in network.KINDS and bool((metadata.get("old") or {}).get("inputs"))


def compared(
    declared: Sequence[Manifest],
    live: Sequence[Manifest],
    templates: Iterable[str],
    context: str | None = None,
) -> LiveNetwork:
    """Compare policies with the live ones, given in one order."""
    pairs = list(zip(declared, live, strict=True))
    edits = tuple(edit for old, new in pairs if (edit := _edit(old, new)) is not None)
    if not edits:
        return LiveNetwork()
    # The API leaves the kind out of what it lists.
    now = [{**new, "kind": old["kind"]} for old, new in pairs]
    try:
        reaches = _reaches(declared, now, tuple(templates))
    except (AttributeError, TypeError, ValueError):
        # A form that nobody here writes must not hide that it was written.
        return LiveNetwork(edits, unclear=True, context=context)
    opens = any(each.change.opens for each in reaches)
    # Of Cilium's, only what this project writes is read.
    unclear = not opens and any(edit.kind == CILIUM_KIND for edit in edits)
    return LiveNetwork(edits, reaches, unclear, context=context)


def _read(answer: httpx.Response) -> Manifest | None:
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return None
    try:
        found = answer.json() if answer.is_success else None
    except ValueError:
        found = None
    if not isinstance(found, Mapping):
        raise ClusterError(message(answer) or f"the API server answers {answer.status_code}")
    return found


def _place(policy: Manifest) -> tuple[str, str]:
    metadata = _mapping(policy.get("metadata"))
    return str(metadata.get("namespace") or "default"), str(metadata.get("name") or "")


def _edit(declared: Manifest, live: Manifest) -> Edit | None:
    kind = str(declared["kind"])
    # Cilium has a list of more of them beside the one.
    old, new = (
        {"spec": _plain(each, kind), "specs": each.get("specs")} for each in (declared, live)
    )
    old, new = ({key: value for key, value in each.items() if value} for each in (old, new))
    found = tuple(differences(old, new))
    if not found:
        return None
    return Edit(kind, *_place(declared), found, _editors(live, found))


def _plain(policy: Manifest, kind: str) -> dict[str, Any]:
    """Return a policy's spec with what the API server would add, and no empty lists."""
    spec = dict(_mapping(policy.get("spec")))
    if kind != "NetworkPolicy":
        return spec
    spec["policyTypes"] = sorted(
        spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    )
    spec["podSelector"] = _full(spec.get("podSelector") or {})
    for direction in ("egress", "ingress"):
        rules = [_rule(_mapping(rule)) for rule in spec.pop(direction, None) or ()]
        if rules:
            spec[direction] = rules
    return spec


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    # No peers, or an empty list of them, is everybody; so with ports.
    plain = {key: value for key, value in rule.items() if value}
    if "ports" in plain:
        plain["ports"] = [{"protocol": "TCP", **_mapping(each)} for each in plain["ports"]]
    for key in ("to", "from"):
        if key in plain:
            plain[key] = [
                {part: _full(value) for part, value in _mapping(each).items() if value is not None}
                for each in plain[key]
            ]
    return plain


def _full(value: Any) -> dict[str, Any]:
    """Return a selector or a block without what is empty in it."""
    return {key: each for key, each in _mapping(value).items() if each}


def _reaches(
    old: Sequence[Manifest], new: Sequence[Manifest], templates: Sequence[str]
) -> tuple[LiveReach, ...]:
    """Return what differs for the pods of each template, alike ones as one."""
    found: dict[NetworkChange, list[str]] = {}
    for name in templates or ("",):
        for change, pods in (
            (network.change(old, new, name), name or "every workspace"),
            (network.agents_change(old, new, name), f"{name} for Coder's own agents"),
        ):
            # What was not selected may be no pod of the stack at all.
            if change.before and change.changed:
                found.setdefault(change, []).append(pods)
    return tuple(LiveReach(tuple(pods), change) for change, pods in found.items())


def _editors(live: Manifest, changes: Sequence[Change]) -> tuple[Editor, ...]:
    """Return the managers of what differs; of what was taken away, others that wrote the spec."""
    entries = [_mapping(each) for each in _mapping(live.get("metadata")).get("managedFields") or ()]
    owners = [
        each
        for each in entries
        if any(_owns(_mapping(each.get("fieldsV1")), change.path) for change in changes)
    ]
    if not owners:
        owners = [
            each
            for each in entries
            if {"f:spec", "f:specs"} & _mapping(each.get("fieldsV1")).keys()
            and not str(each.get("manager")).startswith(_OURS)
        ]
    found = (Editor(str(each.get("manager")), str(each.get("time") or "")) for each in owners)
    return tuple(dict.fromkeys(found))


def _owns(fields: Mapping[str, Any], path: str) -> bool:
    """Whether a manager's fields have the path, or a list or selector as a whole that it is in."""
    for part in path.replace(" (order)", "").replace("[", ".").split("."):
        inner = fields.get(f"f:{part}")
        if inner is None:
            return False
        if not inner:
            return True
        fields = _mapping(inner)
    return True


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
