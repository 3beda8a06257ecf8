"""The stack's network policies as the API server has them, against what was declared.

The engine does not see what somebody added to one: its provider cuts the live object to the shape
of the inputs, and applying on the server's side leaves what others own. So they are read whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from components.cluster import Cluster
from components.kubeconfig import ClusterError
from components.network.manifests import CILIUM_KIND
from components.network.reach import Manifest
from components.settings.model import Settings
from ops import foreign_policies, network
from ops.changes import Change, differences
from ops.conflicts import is_conflict
from ops.foreign_policies import ForeignPolicy
from ops.live_reach import Editor, LiveReach, mapping, place, read, record, wrote_spec
from ops.live_reach import reaches as reached
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
_FOREIGN: Final = "somebody else's network policy opens workspaces"
_FOREIGN_UNCLEAR: Final = "somebody else's network policy may open workspaces"
UNREAD: Final = "the live network policies cannot be read"
"""Warning of a look that failed."""
_GROUPS: Final = ("networking.k8s.io", "cilium.io")
_OURS: Final = "pulumi-kubernetes-"


@dataclass(frozen=True)
class PolicyEdit:
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
class LiveNetwork:
    """What was found; falsy when everything is as declared, or accepted.

    Attributes:
        edits: the policies that differ.
        reaches: what is reached by them, where that differs.
        unclear: whether what Cilium lets through by them is not known here.
        unread: why they cannot be read, empty if they can.
        context: the kubeconfig's context, as in the stack's settings.
        gone: the declared policies that are not there; a run that reads back tells of them itself.
        foreign: policies that are not the stack's and open more, the accepted ones too.
        unlisted: the rights that a look at those takes and that were refused.
        missing: the accepted ones, by kind and name, that are not there.
    """

    edits: tuple[PolicyEdit, ...] = ()
    reaches: tuple[LiveReach, ...] = ()
    unclear: bool = False
    unread: str = ""
    context: str | None = None
    gone: tuple[Manifest, ...] = ()
    foreign: tuple[ForeignPolicy, ...] = ()
    unlisted: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.edits or self.unread or self.opening)

    @property
    def opening(self) -> tuple[ForeignPolicy, ...]:
        """Those of others that open more and are not accepted."""
        return tuple(each for each in self.foreign if not each.accepted)

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
        foreign: tuple[str, ...] = ()
        if self.opening:
            known = any(each.reaches for each in self.opening)
            foreign = (_FOREIGN if known else _FOREIGN_UNCLEAR,)
        return (*edited, *foreign, *((UNREAD,) if self.unread else ()))


def look(
    declared: Iterable[Manifest],
    templates: Iterable[str],
    context: str | None,
    accepted: Mapping[str, str] | None = None,
) -> LiveNetwork:
    """Compare declared policies with the live ones, and find those of others that open more.

    What is gone is no edit. Ours are read by name, for which the right to `get` is enough.

    Args:
        declared: the policies, as they were applied.
        templates: names of the stack's templates.
        context: the kubeconfig's context, as in the stack's settings.
        accepted: why a policy of somebody else may open more, by kind and name.
    """
    names = tuple(templates)
    wanted = [policy for policy in declared if policy.get("kind") in _PATHS and place(policy)[1]]
    live: list[Manifest] = []
    kept: list[Manifest] = []
    if not wanted:
        return LiveNetwork()
    try:
        with Cluster(context) as cluster:
            for policy in wanted:
                path = _PATHS[str(policy["kind"])].format(*place(policy))
                found = read(cluster.get(path))
                if found is not None:
                    kept.append(policy)
                    live.append(found)
            there = foreign_policies.listed(cluster, dict.fromkeys(place(p)[0] for p in wanted))
    except ClusterError as error:
        return LiveNetwork(unread=str(error), context=context)
    gone = tuple(policy for policy in wanted if policy not in kept)
    return replace(
        compared(kept, live, names, context),
        unread=there.unread,
        context=context,
        gone=gone,
        foreign=foreign_policies.opening(wanted, there.policies, names, accepted or {}),
        unlisted=there.forbidden,
        missing=foreign_policies.missing(there, accepted or {}),
    )


def against(settings: Settings, declared: Iterable[Manifest] | None = None) -> LiveNetwork:
    """Compare the live policies of a stack with what was declared, or with its settings."""
    if declared is None:
        declared = of_settings(settings).network or ()
    return look(
        declared,
        [each.name for each in settings.templates],
        settings.kubernetes.context,
        settings.network.accepted,
    )


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
        learned = against(settings)
        # Of others' it would take for foreign what only the state has.
        found = replace(learned, foreign=found.foreign) if old else learned
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
        reaches = reached(declared, now, tuple(templates))
    except (AttributeError, TypeError, ValueError):
        # A form that nobody here writes must not hide that it was written.
        return LiveNetwork(edits, unclear=True, context=context)
    opens = any(each.change.opens for each in reaches)
    # Of Cilium's, only what this project writes is read.
    unclear = not opens and any(edit.kind == CILIUM_KIND for edit in edits)
    return LiveNetwork(edits, reaches, unclear, context=context)


def _edit(declared: Manifest, live: Manifest) -> PolicyEdit | None:
    kind = str(declared["kind"])
    # Cilium has a list of more of them beside the one.
    old, new = (
        {"spec": _plain(each, kind), "specs": each.get("specs")} for each in (declared, live)
    )
    old, new = ({key: value for key, value in each.items() if value} for each in (old, new))
    found = tuple(differences(old, new))
    if not found:
        return None
    return PolicyEdit(kind, *place(declared), found, _editors(live, found))


def _plain(policy: Manifest, kind: str) -> dict[str, Any]:
    """Return a policy's spec with what the API server would add, and no empty lists."""
    spec = dict(mapping(policy.get("spec")))
    if kind != "NetworkPolicy":
        return spec
    spec["policyTypes"] = sorted(
        spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    )
    spec["podSelector"] = _full(spec.get("podSelector") or {})
    for direction in ("egress", "ingress"):
        rules = [_rule(mapping(rule)) for rule in spec.pop(direction, None) or ()]
        if rules:
            spec[direction] = rules
    return spec


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    # No peers, or an empty list of them, is everybody; so with ports.
    plain = {key: value for key, value in rule.items() if value}
    if "ports" in plain:
        plain["ports"] = [{"protocol": "TCP", **mapping(each)} for each in plain["ports"]]
    for key in ("to", "from"):
        if key in plain:
            plain[key] = [
                {part: _full(value) for part, value in mapping(each).items() if value is not None}
                for each in plain[key]
            ]
    return plain


def _full(value: Any) -> dict[str, Any]:
    """Return a selector or a block without what is empty in it."""
    return {key: each for key, each in mapping(value).items() if each}


def _editors(live: Manifest, changes: Sequence[Change]) -> tuple[Editor, ...]:
    """Return the managers of what differs; of what was taken away, others that wrote the spec."""
    entries = record(live)
    owners = [
        each
        for each in entries
        if any(_owns(mapping(each.get("fieldsV1")), change.path) for change in changes)
    ]
    if not owners:
        owners = [
            each
            for each in entries
            if wrote_spec(each) and not str(each.get("manager")).startswith(_OURS)
        ]
    return tuple(dict.fromkeys(map(Editor.of, owners)))


def _owns(fields: Mapping[str, Any], path: str) -> bool:
    """Whether a manager's fields have the path, or a list or selector as a whole that it is in."""
    for part in path.replace(" (order)", "").replace("[", ".").split("."):
        inner = fields.get(f"f:{part}")
        if inner is None:
            return False
        if not inner:
            return True
        fields = mapping(inner)
    return True
