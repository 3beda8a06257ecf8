"""Whether the pods of Coder's own agents reach what is declared, by all policies that there are."""

from __future__ import annotations

from components.coder_agents import ISOLATED
from components.kubeconfig import ClusterError
from components.network.args import AGENTS_LABELS, TEMPLATE_LABEL
from components.network.manifests import network_policies
from components.network.reach import network_change
from components.settings.model import Settings
from components.settings.network import surroundings
from components.settings.templates import TemplateSettings
from ops.stack_reach import manifests
from ops.verification.cluster import ClusterReader
from ops.verification.model import Failed, NotChecked

_SHOWN = 3


def isolated(cluster: ClusterReader, settings: Settings, template: TemplateSettings) -> str:
    """Say what the pods that a template gives Coder's own agents reach.

    Policies add up, so somebody else's may open what the stack's keeps closed. Only whether a
    plugin enforces them is not seen by this.

    Raises:
        Failed: no policy selects these pods, or they reach what the stack does not declare.
        NotChecked: the cluster cannot be asked.
    """
    namespace = settings.workspaces.namespace
    declared = settings.network.args(surroundings(settings))
    try:
        there = cluster.network_policies(namespace)
    except ClusterError as error:
        raise NotChecked(
            str(error),
            "see kubernetes.context and KUBECONFIG; the user has to list NetworkPolicies",
        ) from None
    labels = {**AGENTS_LABELS, TEMPLATE_LABEL: template.name}
    found = network_change(network_policies(declared) if declared else (), there, labels)
    if not found.after:
        raise Failed(
            "no network policy selects the pods of Coder's own agents, so they reach every host",
            "bring the stack up",
        )
    if found.opened:
        more = f" and {len(found.opened) - _SHOWN} more" if len(found.opened) > _SHOWN else ""
        opened = "; ".join(f"{each.where}: {each.ports}" for each in found.opened[:_SHOWN])
        raise Failed(
            "the pods of Coder's own agents reach besides what is declared, or are reached by "
            f"{opened}{more}",
            f"kubectl -n {namespace} describe networkpolicy: policies add up, another one opens it",
        )
    whole = network_change((), manifests(settings), labels).opened
    only = "; ".join(f"{each.where}: {each.ports}" for each in whole)
    return f"agentsAllowed is {ISOLATED}; their pods reach only {only}"
