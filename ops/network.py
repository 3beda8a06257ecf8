"""What a preview changes of the workspaces' network policy: for reviews, as reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from components.boundary import Policy
from components.network.args import AGENTS_LABELS, TEMPLATE_LABEL, WORKSPACE_LABELS
from components.network.manifests import CILIUM_KIND
from components.network.names import Translation, translate
from components.network.reach import Manifest, NetworkChange, Reached, network_change
from ops.markdown import LINE, code, some
from ops.tokens import CILIUM_POLICY, NETWORK_POLICY

KINDS: Final = frozenset({NETWORK_POLICY, CILIUM_POLICY})
ALSO: Final[Mapping[str, str]] = {"app.kubernetes.io/part-of": "coder"}
"""Labels that the template's source sets on its pods beside those that the stack selects by."""
# As many as of the firewall's hosts.
_MOST: Final = 20


Namespaces = tuple[str | None, str | None]
"""Of a template's pods now and afterwards; None if that is not known."""


def change(
    old: Iterable[Manifest],
    new: Iterable[Manifest],
    template: str,
    namespaces: Namespaces = (None, None),
) -> NetworkChange:
    """Return what changes for the pods of a template.

    Args:
        old: every policy of the stack now, those that do not change too, for they add up.
        new: every policy afterwards.
        template: its name.
        namespaces: where its pods are.
    """
    labels = {**ALSO, **WORKSPACE_LABELS, TEMPLATE_LABEL: template}
    return network_change(old, new, labels, namespaces)


def agents_change(
    old: Iterable[Manifest],
    new: Iterable[Manifest],
    template: str,
    namespaces: Namespaces = (None, None),
) -> NetworkChange:
    """Return the same for the pods that a template gives Coder's own agents."""
    labels = {**ALSO, **AGENTS_LABELS, TEMPLATE_LABEL: template}
    return network_change(old, new, labels, namespaces)


def by_name(
    policies: Iterable[Manifest], template: str, policy: Policy | None
) -> Translation | None:
    """Return what Cilium's names say of a template's policy, None where they do not hold."""
    for each in policies:
        if each.get("kind") == CILIUM_KIND and policy is not None:
            selector = (each.get("spec") or {}).get("endpointSelector") or {}
            if (selector.get("matchLabels") or {}).get(TEMPLATE_LABEL) == template:
                return _without_closed(translate(policy), each)
    return None


def _without_closed(found: Translation, written: Manifest) -> Translation:
    rules = (written.get("spec") or {}).get("egress") or ()
    there = {cidr for rule in rules for cidr in rule.get("toCIDR") or ()}
    return replace(
        found,
        addresses=tuple(each for each in found.addresses if each in there),
        closed=tuple(each.split("/")[0] for each in found.addresses if each not in there),
    )


def lines(found: NetworkChange, named: Translation | None, moved_to: str = "") -> list[str]:
    """Return the change in Markdown, nothing without one.

    Args:
        found: the change.
        named: what Cilium's names say of it.
        moved_to: the namespace of the pods afterwards, if it is another.
    """
    said = []
    if found.removed:
        gone = (
            f"in namespace {code(moved_to)} there is **no network policy**"
            if moved_to
            else "the network policy is **removed**"
        )
        said.append(
            f"- {gone}: workspaces reach **every address and port**, and everything reaches them"
        )
    elif not found.before and found.after:
        said += listed("a network policy from now on; workspaces reach only", found.opened)
    elif found.changed:
        said += listed("the network opens", found.opened)
        said += listed("the network closes", found.closed)
    return said + (_by_name(named) if named else [])


def agents_lines(found: NetworkChange) -> list[str]:
    """Return the change for the pods of Coder's own agents, which have a policy all the while."""
    opened = listed("the network opens to the pod of Coder's own agents", found.opened)
    return opened + listed("the network closes to the pod of Coder's own agents", found.closed)


def listed(title: str, found: Sequence[Reached]) -> list[str]:
    """Return peers and ports below a title, nothing without any."""
    if not found:
        return []
    shown = [
        f"  - {'in from ' if each.incoming else ''}{_where(each.where)}: {each.ports}"
        + (f"; because: {code(each.why.rstrip('.'))}" if each.why else "")
        for each in found[:_MOST]
    ]
    more = [f"  - and {len(found) - _MOST} more"] if len(found) > _MOST else []
    return [f"- {title} ({len(found)}):", *shown, *more]


def _where(where: str) -> str:
    """Return peers as code; of more than a line holds, the first, none cut, and how many more."""
    parts = where.split(", ")
    shown = len(parts)
    while shown > 1 and len(", ".join(parts[:shown])) > LINE:
        shown -= 1
    more = len(parts) - shown
    return code(", ".join(parts[:shown])) + (f" and {more} more" if more else "")


def _by_name(named: Translation) -> list[str]:
    hosts = len(named.selectors) + len(named.addresses)
    said = [f"- by name, outside the jail too: {hosts} hosts, by TCP 443 and 80"]
    if named.wider:
        whole = some([each.host for each in named.wider], code)
        said.append(f"  - there with every method and path ({len(named.wider)}): {whole}")
    if named.unresolved:
        said.append(f"  - not found by these names: {some(named.unresolved, code)}")
    if named.closed:
        said.append(f"  - not public, open by `network.allow` alone: {some(named.closed, code)}")
    return said


def to_json(found: NetworkChange, named: Translation | None) -> dict[str, Any]:
    """Return the change as plain data."""
    return {
        "policy": {"before": found.before, "after": found.after},
        "opened": [_reached(each) for each in found.opened],
        "closed": [_reached(each) for each in found.closed],
        "byName": None
        if named is None
        else {
            "hosts": len(named.selectors) + len(named.addresses),
            "everyMethodAndPath": [each.host for each in named.wider],
            "notFound": list(named.unresolved),
            "notPublic": list(named.closed),
        },
    }


def _reached(found: Reached) -> Mapping[str, Any]:
    return {
        "direction": "in" if found.incoming else "out",
        "where": found.where,
        "ports": found.ports,
        "reason": found.why,
    }
