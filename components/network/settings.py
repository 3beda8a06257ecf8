"""The sections `network` and `workspaceNamespace` of a stack's settings.

What a value may be is said by the components' Args alone: here they are only built.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field
from pydantic.alias_generators import to_camel

from components.boundary import Policy
from components.coder_agents import ISOLATED
from components.network.args import (
    AcceptedPolicy,
    Coderd,
    Dns,
    Opening,
    PolicyKind,
    WorkspaceNetworkPolicyArgs,
)
from components.network.namespace_args import (
    Level,
    Limits,
    PodSecurity,
    Quota,
    WorkspaceNamespaceArgs,
)
from components.network.values import Fault, NetworkArgsError, meant
from components.settings.section import Flag, SettingsSection, no_list, no_map
from components.syntax import LAST_PORT

Port = Annotated[int, Field(ge=1, le=LAST_PORT)]
# Far more than there is, and nothing that a quantity could not hold.
Bound = Annotated[int, Field(ge=1, le=1_000_000)]


@dataclass(frozen=True)
class TemplatePart:
    """What the network has to know of a template.

    Attributes:
        name: its name.
        proxy_port: of Boundary, also while the firewall is switched off; None without a firewall.
        landlocked: whether Landlock is its jail, also while the firewall is switched off.
        net_admin: whether its pods add that capability.
        policy: what confines it now.
        isolated_agents: whether Coder's own agents use it from a pod of their own.
    """

    name: str
    proxy_port: int | None = None
    landlocked: bool = False
    net_admin: bool = False
    policy: Policy | None = None
    isolated_agents: bool = False


@dataclass(frozen=True)
class Surroundings:
    """The other sections' part in these two.

    Attributes:
        namespace: of the workspaces.
        coderd_namespace: of coderd.
        access_url: of Coder.
        largest: what the largest workspace takes.
        templates: all of the stack, in its order.
        force: take over what another field manager owns.
    """

    namespace: str
    coderd_namespace: str
    access_url: str
    largest: Limits
    templates: Sequence[TemplatePart]
    force: bool = False

    @property
    def confined(self) -> bool:
        """Whether a template has a firewall, switched on or off."""
        return any(template.proxy_port is not None for template in self.templates)

    @property
    def isolated_agents(self) -> bool:
        """Whether a template gives Coder's own agents a pod of their own."""
        return any(template.isolated_agents for template in self.templates)

    @property
    def access_name(self) -> str:
        """The host name of the access URL, empty for an address."""
        host = urlsplit(self.access_url).hostname or ""
        try:
            meant(host)
        except ValueError:
            return host
        return ""

    @property
    def access_port(self) -> int:
        """The port of the access URL."""
        parts = urlsplit(self.access_url)
        return parts.port or (443 if parts.scheme == "https" else 80)


class DnsSettings(SettingsSection):
    """Where the cluster answers DNS."""

    namespace: str = Field(Dns.namespace, description="Namespace of the pods that answer DNS.")
    pod_labels: dict[str, str] = Field(
        default_factory=lambda: dict(Dns().pod_labels), description="Labels of those pods."
    )
    ports: list[Port] = Field(
        list(Dns().ports), description="Ports on which those pods listen; 5353 on OpenShift."
    )
    addresses: list[str] = Field(
        default_factory=no_list,
        description="Addresses that answer on port 53 besides, such as a cache on the node's "
        "169.254.20.10, or the DNS Service's own where the node answers for it.",
    )


class CoderdSettings(SettingsSection):
    """Where workspaces reach coderd."""

    namespace: str | None = Field(
        None,
        description="Namespace of the pods at which the access URL ends inside the cluster, "
        "coderd's or an ingress controller's; coder.namespace if unset.",
    )
    pod_labels: dict[str, str] = Field(
        default_factory=lambda: dict(Coderd().pod_labels), description="Labels of those pods."
    )
    ports: list[Port] = Field(
        list(Coderd().ports),
        description="Ports on which those pods listen, not the Service's.",
    )
    addresses: list[str] = Field(
        default_factory=no_list,
        description="CIDRs or addresses behind the access URL that are not public, such as an "
        "internal load balancer's; public ones too where agentsAllowed is isolated.",
    )


class AllowedSettings(SettingsSection):
    """What else workspaces reach, by TCP."""

    to: str = Field(
        "", description="A CIDR, an address, or outside for every public address; or namespace."
    )
    namespace: str = Field("", description="Namespace of pods that are reached; or to.")
    pod_labels: dict[str, str] = Field(
        default_factory=no_map, description="Labels of those pods; all of the namespace if empty."
    )
    ports: list[int | str] = Field(description="TCP ports, or ranges such as 8000-8100.")
    why: str = Field(min_length=1, description="Why workspaces need it; shown in reviews.")


class AcceptedPolicySettings(SettingsSection):
    """Somebody else's policy that may open what this stack's close."""

    name: str = Field(description="Its name, in the namespace of the workspaces.")
    kind: PolicyKind = Field(AcceptedPolicy.kind, description="Its kind.")
    reason: str = Field(
        min_length=1, description="Why what it opens is accepted; shown in reviews."
    )


class NetworkSettings(SettingsSection):
    """What the cluster lets workspaces reach."""

    enabled: Flag | None = Field(
        None, description="Whether there is a network policy; if unset, with a firewall there is."
    )
    reason: str | None = Field(
        None, min_length=1, description="Why there is none; required then, beside a firewall."
    )
    dns: DnsSettings = Field(
        default_factory=DnsSettings.model_construct, description="The cluster's DNS."
    )
    coderd: CoderdSettings = Field(
        default_factory=CoderdSettings.model_construct, description="coderd."
    )
    allow: list[AllowedSettings] = Field(
        default_factory=no_list, description="What else workspaces reach."
    )
    cluster_ranges: list[str] = Field(
        default_factory=no_list,
        description="CIDRs of the cluster's pods, Services and nodes, which no CIDR opens; needed "
        "where they are public addresses, or an entry of allow holds them.",
    )
    by_name: Flag = Field(
        False,
        description="Workspaces of a firewalled template reach the hosts of its policy alone, "
        "whatever runs in them; needs Cilium 1.19.",
    )
    accepted_policies: list[AcceptedPolicySettings] = Field(
        default_factory=no_list,
        description="Other people's policies that may open more; any other that does is warned of.",
    )

    def is_on(self, around: Surroundings) -> bool:
        """Whether there is a policy: said so, or else because a template has a firewall.

        The emergency switch does not count. It is for a firewall that keeps people from their
        work; agents without one need what the policy closes all the less.
        """
        return around.confined if self.enabled is None else self.enabled

    def args(self, around: Surroundings) -> WorkspaceNetworkPolicyArgs | None:
        """Return the component's arguments, None without a policy; raises NetworkArgsError."""
        if not self.is_on(around):
            if around.confined and not self.reason:
                right = "required with enabled: false beside a firewall: why there is no policy"
                raise NetworkArgsError("network policy", [Fault("reason", "", right)])
            return None
        namespace = self.coderd.namespace or around.coderd_namespace
        return WorkspaceNetworkPolicyArgs(
            namespace=around.namespace,
            dns=Dns(**_frozen(self.dns)),
            coderd=Coderd(
                **{
                    **_frozen(self.coderd),
                    "namespace": namespace,
                    "access_port": around.access_port,
                }
            ),
            allow=tuple(Opening(**_frozen(each)) for each in self.allow),
            cluster_ranges=tuple(self.cluster_ranges),
            proxy_ports={
                template.name: template.proxy_port
                for template in around.templates
                if template.proxy_port is not None
            },
            landlocked=tuple(each.name for each in around.templates if each.landlocked),
            by_name={
                template.name: template.policy
                for template in around.templates
                if self.by_name and template.policy is not None
            },
            isolated_agents=around.isolated_agents,
            agents_host=around.access_name if self.by_name and around.isolated_agents else "",
            accepted_policies=tuple(
                AcceptedPolicy(**_frozen(each)) for each in self.accepted_policies
            ),
        )

    @property
    def accepted(self) -> dict[str, str]:
        """Why a policy of somebody else may open more, by `KIND/NAME`."""
        return {f"{each.kind}/{each.name}": each.reason for each in self.accepted_policies}


def _frozen(section: SettingsSection) -> dict[str, Any]:
    """Return a section's values by attribute, lists as tuples."""
    return {key: tuple(each) if isinstance(each, list) else each for key, each in section}


class PodSecuritySettings(SettingsSection):
    """Which of the Pod Security Standards pods are held to."""

    enforce: Level | None = Field(
        None,
        description="Refuses pods beyond it; if unset baseline, with the jail nsjail privileged.",
    )
    warn: Level = Field(PodSecurity.warn, description="Warns whoever makes a pod beyond it.")
    audit: Level = Field(
        PodSecurity.audit, description="Notes such pods in the API server's audit log."
    )
    version: str = Field(
        PodSecurity.version, description="Of the standards: latest, or such as v1.34."
    )


class QuotaSettings(SettingsSection):
    """What all workspaces may take together."""

    pods: Bound | None = Field(None, description="Pods.")
    cpu: Bound | None = Field(None, description="Cores, by limit.")
    memory: Bound | None = Field(None, description="Memory in GiB, by limit.")
    storage: Bound | None = Field(None, description="Homes in GiB.")


class LimitSettings(SettingsSection):
    """What one container and one home may take."""

    cpu: Bound | None = Field(None, description="Cores; the largest workspace's if unset.")
    memory: Bound | None = Field(None, description="GiB; the largest workspace's if unset.")
    storage: Bound | None = Field(None, description="Home in GiB; the largest if unset.")


class NamespaceSettings(SettingsSection):
    """What the workspaces' namespace enforces on every pod in it."""

    pod_security: PodSecuritySettings = Field(
        PodSecuritySettings.model_construct(),
        description="Pod Security Standards, as labels of the namespace.",
    )
    quota: QuotaSettings | None = Field(None, description="A ResourceQuota; none if unset.")
    limits: LimitSettings | None = Field(None, description="A LimitRange; none if unset.")

    def args(self, around: Surroundings) -> WorkspaceNamespaceArgs:
        """Return the component's arguments; raises NetworkArgsError."""
        limits = None
        if self.limits is not None:
            said = {key: value for key, value in dict(self.limits).items() if value is not None}
            limits = Limits(**{**vars(around.largest), **said})
        return WorkspaceNamespaceArgs(
            namespace=around.namespace,
            pod_security=PodSecurity(**dict(self.pod_security)),
            quota=None if self.quota is None else Quota(**dict(self.quota)),
            limits=limits,
            net_admin=tuple(each.name for each in around.templates if each.net_admin),
            largest=around.largest,
            pods=2 if around.isolated_agents else 1,
            force=around.force,
        )


def faults(
    network: NetworkSettings, namespace: NamespaceSettings | None, around: Surroundings
) -> Iterator[Fault]:
    """Yield what is wrong with the two sections; a fault's place is the setting's key."""
    for index, template in enumerate(around.templates):
        if template.isolated_agents and not network.is_on(around):
            right = (
                "needs the network policy that keeps their pod to Coder, and this stack has none: "
                "set network.enabled: true, or agentsAllowed: false"
            )
            yield Fault(f"templates[{index}].agentsAllowed", f'"{ISOLATED}"', right)
    for section, settings in (("network", network), ("workspaceNamespace", namespace)):
        try:
            if settings is not None:
                settings.args(around)
        except NetworkArgsError as error:
            for fault in error.faults:
                if fault.place == "coderd.access_port":
                    yield Fault("coder.accessUrl", f'"{around.access_url}"', fault.right)
                else:
                    yield fault._replace(place=_key(section, fault.place, around))


def _key(section: str, place: str, around: Surroundings) -> str:
    attribute, _, rest = place.partition(".")
    if attribute == "proxy_ports":
        names = [template.name for template in around.templates]
        return f"templates[{names.index(rest)}].firewall.proxyPort"
    # The name of an attribute is the setting's in snake case.
    return f"{section}.{'.'.join(map(to_camel, place.split('.')))}"
