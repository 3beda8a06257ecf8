"""Network policies that are not the stack's, by which its pods reach more than was declared.

Policies that select the same pod add up, so one of somebody else's opens what ours close, and no
run of the engine sees it. Each is judged as if it alone stood beside what was declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from components.cluster import Cluster
from components.kubeconfig import ClusterError
from components.network.args import WORKSPACE_LABELS
from components.network.manifests import CILIUM_KIND
from components.network.reach import Manifest
from ops.live_reach import Editor, LiveReach, mapping, place, reaches, read, record, wrote_spec

_PLAIN: Final = "NetworkPolicy"
_CILIUM_API: Final = "/apis/cilium.io/v2"
_LISTS: Final[Mapping[str, tuple[str, str]]] = {
    _PLAIN: ("networkpolicies", "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"),
    CILIUM_KIND: ("ciliumnetworkpolicies", f"{_CILIUM_API}/namespaces/{{}}/ciliumnetworkpolicies"),
}
VARYING: Final = frozenset(
    {
        "app.kubernetes.io/instance",
        "pod-template-hash",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)
"""Labels that every pod of the stack has, or may have, with values that only the cluster knows."""
# Cilium's own labels of a pod, as its namespace and service account.
_CILIUMS: Final = ("io.kubernetes.", "io.cilium.")
# What of Cilium's a look understands, or what only takes away or says nothing of reach.
_UNDERSTOOD: Final = frozenset(
    {
        "description",
        "egress",
        "egressDeny",
        "enableDefaultDeny",
        "endpointSelector",
        "ingress",
        "ingressDeny",
        "labels",
    }
)
_NAME: Final = next(iter(WORKSPACE_LABELS))


@dataclass(frozen=True)
class ForeignPolicy:
    """A policy of somebody else by which more is reached than was declared.

    Attributes:
        kind: its kind.
        namespace: its namespace.
        name: its name.
        makers: who wrote its rules; empty if the API server's record does not tell.
        reaches: what is open by it.
        unclear: whose pods it selects, where what it lets through is not known here.
        accepted: why the stack accepts it, empty if it does not.
    """

    kind: str
    namespace: str
    name: str
    makers: tuple[Editor, ...] = ()
    reaches: tuple[LiveReach, ...] = ()
    unclear: tuple[str, ...] = ()
    accepted: str = ""


@dataclass(frozen=True)
class Others:
    """What a look at the namespaces' policies found.

    Attributes:
        policies: all there are, the stack's own too.
        forbidden: the right that each list which was refused takes.
        unread: why a list cannot be read for another reason, empty if it can.
    """

    policies: tuple[Manifest, ...] = ()
    forbidden: tuple[str, ...] = ()
    unread: str = ""


def listed(cluster: Cluster, namespaces: Iterable[str]) -> Others:
    """List the policies of namespaces: plain ones, and Cilium's where its API is there."""
    found: list[Manifest] = []
    forbidden: list[str] = []
    try:
        for namespace in namespaces:
            for kind, (plural, path) in _LISTS.items():
                answer = cluster.get(path.format(namespace))
                if answer.status_code == HTTPStatus.FORBIDDEN:
                    # Rights are asked for before it is known whether there is such a thing.
                    if kind != CILIUM_KIND or _has_cilium(cluster):
                        forbidden.append(f"list {plural} in namespace {namespace}")
                    continue
                answered = read(answer)
                items = [] if answered is None else answered.get("items")
                if not isinstance(items, list):
                    raise ClusterError(f"the API server's list of {plural} has no items")
                # The API leaves the kind out of what it lists.
                found += [{**mapping(each), "kind": kind} for each in items]
    except ClusterError as error:
        return Others(tuple(found), tuple(forbidden), str(error))
    return Others(tuple(found), tuple(forbidden))


def _has_cilium(cluster: Cluster) -> bool:
    return cluster.get(_CILIUM_API).status_code != HTTPStatus.NOT_FOUND


def missing(others: Others, accepted: Iterable[str]) -> tuple[str, ...]:
    """Return the accepted policies, by kind and name, that are not there; none without a look."""
    if others.forbidden or others.unread:
        return ()
    there = {f"{each['kind']}/{place(each)[1]}" for each in others.policies}
    return tuple(each for each in accepted if each not in there)


def opening(
    declared: Sequence[Manifest],
    there: Iterable[Manifest],
    templates: Sequence[str],
    accepted: Mapping[str, str],
) -> tuple[ForeignPolicy, ...]:
    """Return those that were not declared and open more, the accepted ones last.

    Args:
        declared: the stack's own.
        there: every policy of their namespaces.
        templates: names of the stack's templates.
        accepted: why one may, by kind and name.
    """
    own = {(each.get("kind"), *place(each)) for each in declared}
    found = []
    for policy in there:
        kind, (namespace, name) = str(policy["kind"]), place(policy)
        if (kind, namespace, name) in own:
            continue
        beside = [each for each in declared if place(each)[0] == namespace]
        opened, unclear = _judged(beside, policy, templates)
        if opened or unclear:
            makers = tuple(dict.fromkeys(map(Editor.of, filter(wrote_spec, record(policy)))))
            why = accepted.get(f"{kind}/{name}", "")
            found.append(ForeignPolicy(kind, namespace, name, makers, opened, unclear, why))
    return tuple(sorted(found, key=lambda each: (bool(each.accepted), each.kind, each.name)))


def _judged(
    declared: Sequence[Manifest], policy: Manifest, templates: Sequence[str]
) -> tuple[tuple[LiveReach, ...], tuple[str, ...]]:
    """Return what is open by a policy, and for whose pods that cannot be said."""
    opened: list[LiveReach] = []
    unclear: list[str] = []
    for spec in _specs(policy):
        selector = _selector(spec)
        selected = _selected(declared, selector, templates)
        if not selected:
            continue
        # Without its metadata: its reasons are its maker's words.
        rules = {key: each for key, each in spec.items() if key != "endpointSelector"}
        part = {"kind": policy["kind"], "spec": {**rules, "podSelector": selector}}
        try:
            understood = policy["kind"] != CILIUM_KIND or _is_understood(spec)
            found = reaches(declared, [*declared, part], templates) if understood else ()
        except (AttributeError, TypeError, ValueError):
            understood, found = False, ()
        opened += [each for each in found if each.change.opens]
        unclear += [] if understood else selected
    return tuple(opened), tuple(dict.fromkeys(unclear))


def _selected(
    declared: Sequence[Manifest], selector: Mapping[str, Any], templates: Sequence[str]
) -> list[str]:
    """Return whose pods are selected, by what would be open if everything were allowed to them."""
    everything = {"policyTypes": ["Egress", "Ingress"], "egress": [{}], "ingress": [{}]}
    probe = {"kind": _PLAIN, "spec": {**everything, "podSelector": selector}}
    found = reaches(declared, [*declared, probe], templates)
    return [pods for each in found for pods in each.pods]


def _specs(policy: Manifest) -> Iterator[Mapping[str, Any]]:
    """Yield what a policy says of pods; Cilium has a list of more beside the one."""
    more = policy.get("specs") if policy["kind"] == CILIUM_KIND else None
    for spec in (policy.get("spec"), *(more if isinstance(more, list) else ())):
        if isinstance(spec, Mapping) and not ("nodeSelector" in spec and len(spec) == 1):
            yield spec


def _selector(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return whom a spec selects without what only the cluster knows: it may be fulfilled."""
    given = mapping(spec.get("podSelector", spec.get("endpointSelector")))
    labels = {_plain(key): value for key, value in mapping(given.get("matchLabels")).items()}
    kept = []
    for each in given.get("matchExpressions") or ():
        key = _plain(each.get("key"))
        if not _varies(key):
            kept.append({**each, "key": key})
        elif each.get("operator") == "DoesNotExist":
            kept.append({"key": _NAME, "operator": "DoesNotExist"})
    return {
        "matchLabels": {key: value for key, value in labels.items() if not _varies(key)},
        "matchExpressions": kept,
    }


def _plain(key: Any) -> str:
    """Return a label's key without the source that Cilium has before it."""
    return str(key).removeprefix("k8s:").removeprefix("any:")


def _varies(key: str) -> bool:
    return key in VARYING or key.startswith(_CILIUMS)


def _is_understood(spec: Mapping[str, Any]) -> bool:
    """Whether components.network.reach reads all that a spec of Cilium's opens, or more."""
    # A rule without anything in it lets nothing through.
    incoming = [rule for rule in spec.get("ingress") or () if rule]
    rules = [rule for rule in spec.get("egress") or () if rule]
    return spec.keys() <= _UNDERSTOOD and not incoming and all(map(_is_rule, rules))


def _is_rule(rule: Mapping[str, Any]) -> bool:
    # A name is not among them: an address of any kind may be behind it.
    peers = [each for key in ("toCIDR", "toEndpoints") for each in rule.get(key) or ()]
    ports = rule.get("toPorts") or ()
    return (
        len(rule.keys() - {"toPorts"}) == 1
        and bool(peers)
        and all(isinstance(each, str) or _is_endpoint(each) for each in peers)
        and all(each.get("ports") and all(map(_is_port, each["ports"])) for each in ports)
    )


def _is_endpoint(selector: Mapping[str, Any]) -> bool:
    keys = [str(key).removeprefix("k8s:") for key in mapping(selector.get("matchLabels"))]
    return selector.keys() <= {"matchLabels"} and not any(
        ":" in key or key.startswith("io.cilium.") for key in keys
    )


def _is_port(port: Mapping[str, Any]) -> bool:
    # Port 0 is every port, and without a protocol it is every one.
    return port.get("protocol") in {"TCP", "UDP", "SCTP"} and str(port.get("port")) != "0"
