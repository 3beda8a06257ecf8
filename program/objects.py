"""The objects of a stack that another stack may have made, as `components.ownership` asks for them.

What stands in the workspaces' namespace beside the network policies comes with its labels, which
`components.placement` asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.alerts.component import RULE_KIND, RULE_VERSION, AlertsArgs
from components.datasources import object_name
from components.network.args import WorkspaceNetworkPolicyArgs
from components.network.manifests import (
    CILIUM_KIND,
    CILIUM_VERSION,
    cilium_agents_policy,
    cilium_policies,
    network_policies,
)
from components.ownership import Objects
from components.settings.model import Settings
from program.plan import alerts, dashboards, data_sources, grafana_role

_GRAFANA: Final = "grafana.namespace"
_OWN_PREFIX: Final = (
    "give this stack a grafana.prefix of its own and name no uid that the other has, or name the "
    "namespace of another Grafana"
)
_OWN_NAMESPACE: Final = "name another namespace, or leave the network policy to one of the two"


def objects(settings: Settings, network: WorkspaceNetworkPolicyArgs | None) -> Iterator[Objects]:
    """Yield what a stack makes that another stack may have made.

    Args:
        settings: the stack's.
        network: arguments of its network policy, if it has one.
    """
    namespace, watched = settings.grafana.namespace, alerts(settings)
    shown, sources, role = dashboards(settings), data_sources(settings), grafana_role(settings)
    names = [f"{shown.name_prefix}{uid}" for uid in shown.dashboards]
    names += map(object_name, sources.uids)
    names += [role.script_name] if role else []
    # The last: every stack has it.
    names.append(watched.config_map)
    yield Objects(
        _GRAFANA, namespace, "/api/v1", "ConfigMap", tuple(names), _OWN_PREFIX, watched.folder
    )
    yield Objects(_GRAFANA, namespace, "/api/v1", "Secret", (sources.secret_name,), _OWN_PREFIX)
    if role and role.job:
        yield Objects(_GRAFANA, namespace, "/apis/batch/v1", "Job", (role.job_name,), _OWN_PREFIX)
    if _has_rule(settings, watched):
        yield Objects(
            "alerts.namespace",
            settings.alerts.namespace,
            f"/apis/{RULE_VERSION}",
            RULE_KIND,
            (watched.group,),
            _OWN_PREFIX.replace("the namespace of another Grafana", "another namespace"),
        )
    if network:
        yield from _network(network)


def _has_rule(settings: Settings, watched: AlertsArgs) -> bool:
    return bool(watched.alerts) and settings.alerts.evaluator == "prometheus"


def _network(args: WorkspaceNetworkPolicyArgs) -> Iterator[Objects]:
    key, namespace = "workspaces.namespace", args.namespace
    plain = tuple(each["metadata"]["name"] for each in network_policies(args))
    group = "/apis/networking.k8s.io/v1"
    yield Objects(key, namespace, group, "NetworkPolicy", plain, _OWN_NAMESPACE)
    named = [each["metadata"]["name"] for each in cilium_policies(args).values()]
    if agents := cilium_agents_policy(args):
        named.append(agents["metadata"]["name"])
    group = f"/apis/{CILIUM_VERSION}"
    yield Objects(key, namespace, group, CILIUM_KIND, tuple(named), _OWN_NAMESPACE)
