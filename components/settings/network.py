"""What a stack's settings say of its network, with what the sections take from each other."""

from __future__ import annotations

from components.boundary import PolicyError
from components.coder_agents import ISOLATED
from components.network.namespace_args import Limits
from components.network.settings import Surroundings, TemplatePart, faults
from components.settings.model import Settings
from components.settings.problems import Problem


def surroundings(settings: Settings) -> Surroundings:
    """Return what the sections on the network take from the others; raises PolicyError."""
    sizes = settings.workspaces.resources
    return Surroundings(
        namespace=settings.workspaces.namespace,
        coderd_namespace=settings.coder.namespace,
        access_url=settings.coder.access_url,
        largest=Limits(max(sizes.cpu.options), max(sizes.memory.options), max(sizes.disk.options)),
        templates=[
            TemplatePart(
                name=template.name,
                proxy_port=template.firewall.proxy_port if template.firewall else None,
                landlocked=template.firewall is not None and template.firewall.jail == "landjail",
                net_admin=template.firewall is not None and template.firewall.jail == "nsjail",
                policy=settings.policy_of(template),
                isolated_agents=template.lets_agents_in == ISOLATED,
            )
            for template in settings.templates
        ],
        force=settings.kubernetes.force_conflicts,
    )


def without_policy(settings: Settings) -> str:
    """Return why there is no network policy beside a firewall, nothing where there is one."""
    around = surroundings(settings)
    missing = around.confined and not settings.network.is_on(around)
    return (settings.network.reason or "") if missing else ""


def problems(settings: Settings) -> list[Problem]:
    """Return what is wrong with it, when the policies of its templates can be built."""
    try:
        around = surroundings(settings)
    except PolicyError:
        return []  # told already
    found = faults(settings.network, settings.workspace_namespace, around)
    return [Problem(*fault) for fault in found]
