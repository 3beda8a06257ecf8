"""What decides what a stack's agents reach, wherever it was read, and what differs of two.

Reviews, the record of an update, rollbacks and `explain --against` all compare by `compared`, so
that no two of them disagree on what opens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from components.boundary import Own, Policy
from components.coder_agents import AgentsAllowed
from components.network.manifests import cilium_agents_policy, cilium_policies, network_policies
from components.network.reach import Manifest, NetworkChange
from components.settings.model import Settings
from components.settings.network import surroundings
from ops import network, stacks
from ops.reach import TemplateReach

if TYPE_CHECKING:
    # Loads the client of Coder's API, which explaining a URL has no use for.
    from ops.template_changes import Registered

_Change = Callable[[Iterable[Manifest], Iterable[Manifest], str, network.Namespaces], NetworkChange]


@dataclass(frozen=True)
class StackReach:
    """What decides what the agents of a stack's templates reach.

    Attributes:
        policies: of every template by its name; None without a firewall.
        agents_allowed: whether and from where Coder's own agents may use each; None if nobody said.
        network: every network policy, as the API server takes it; None if that is not known.
        releases: of Boundary, by template; one that is not in it has none, or none recorded.
        contracts: what is demanded of the policy of each, as a template registers it, empty for one
            without a firewall or if that is not known; None if it was not asked.
        namespaces: of the pods of each; one that is not in it is not known.
        suspended: what confines templates as soon as the emergency switch is on again; empty where
            it has none off, or that is not known.
        unrecorded: templates of which it is not recorded whether the switch has one off.
    """

    policies: Mapping[str, Policy | None]
    agents_allowed: Mapping[str, AgentsAllowed | None] = field(default_factory=dict)
    network: tuple[Manifest, ...] | None = ()
    releases: Mapping[str, str] = field(default_factory=dict)
    contracts: Mapping[str, str] | None = None
    namespaces: Mapping[str, str] = field(default_factory=dict)
    suspended: Mapping[str, Policy] = field(default_factory=dict)
    unrecorded: frozenset[str] = frozenset()


def off_unrecorded(
    policies: Mapping[str, Policy | None], templates: Mapping[str, Registered]
) -> frozenset[str]:
    """Return the templates without a firewall of which an older release recorded nothing else.

    It may be the emergency switch that has theirs off: the releases that record which rules it put
    off record the source, too.
    """
    return frozenset(
        name
        for name, each in templates.items()
        if name in policies and policies[name] is None and not each.source
    )


def of_settings(settings: Settings) -> StackReach:
    """Return what settings say; raises PolicyError and NetworkArgsError, which `load` refuses."""
    return StackReach(
        stacks.policies_of(settings),
        {template.name: template.lets_agents_in for template in settings.templates},
        manifests(settings),
        dict.fromkeys(
            (template.name for template in settings.templates if settings.firewall_of(template)),
            settings.workspaces.boundary_version,
        ),
        namespaces=dict.fromkeys(
            (template.name for template in settings.templates), settings.workspaces.namespace
        ),
        suspended=stacks.suspended_of(settings),
    )


def manifests(settings: Settings) -> tuple[Manifest, ...]:
    """Return every network policy of a stack, none without one; raises NetworkArgsError."""
    args = settings.network.args(surroundings(settings))
    if args is None:
        return ()
    agents = cilium_agents_policy(args)
    plain, named = network_policies(args), cilium_policies(args).values()
    return (*plain, *named, *([agents] if agents else ()))


def compared(old: StackReach, new: StackReach, own: Own | None = None) -> tuple[TemplateReach, ...]:
    """Return every template's change: those of `new` in its order, then those that go.

    A network that one side does not know is taken for the other's.

    Args:
        old: what is reached now.
        new: what is reached afterwards.
        own: the deployment's own hosts.
    """
    before = (new.network if old.network is None else old.network) or ()
    after = (old.network if new.network is None else new.network) or ()

    def places(name: str) -> network.Namespaces:
        # The network of the other side is in the other's namespace.
        return (
            None if old.network is None else old.namespaces.get(name),
            None if new.network is None else new.namespaces.get(name),
        )

    def left(name: str) -> NetworkChange:
        """Return what changes for pods that stay where they are while new ones go elsewhere."""
        was, then = places(name)
        if not was or not then or was == then:
            return NetworkChange()
        return network.change(before, after, name, (was, was))

    def change(name: str, of: _Change) -> NetworkChange:
        found = of(before, after, name, places(name))
        # A template that is new had no pods: nothing that they reached is reached no longer.
        return found if name in old.policies else replace(found, closed=())

    return tuple(
        TemplateReach(
            name,
            before=name in old.policies,
            after=name in new.policies,
            old=old.policies.get(name),
            new=new.policies.get(name),
            own=own or Own(),
            network=change(name, network.change),
            by_name=network.by_name(after, name, new.policies.get(name)),
            old_agents=old.agents_allowed.get(name),
            new_agents=new.agents_allowed.get(name),
            agents_network=change(name, network.agents_change),
            agents_whole=network.agents_change((), after, name, places(name)).opened,
            old_release=old.releases.get(name),
            new_release=new.releases.get(name),
            old_namespace=old.namespaces.get(name),
            new_namespace=new.namespaces.get(name),
            left=left(name),
            old_suspended=old.suspended.get(name),
            new_suspended=new.suspended.get(name),
            off_unrecorded=name in old.unrecorded,
        )
        for name in dict.fromkeys((*new.policies, *old.policies))
    )
