"""What the workspaces' namespace enforces: Pod Security, a quota and limits; knows no Pulumi."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from components.network.values import Fault, NetworkArgsError
from components.workspace_template.values import NAMESPACE

_LABEL: Final = "pod-security.kubernetes.io"
_VERSION: Final = re.compile(r"latest|v1\.\d+")

STACK_ANNOTATION: Final = "firewalled-coder/stack"
"""Which stack the labels of a namespace are of, as PROJECT/STACK: one takes them back for all."""

Level = Literal["privileged", "baseline", "restricted"]
LEVEL: Final[Level] = "baseline"
"""The strictest that lets the stack's own workspaces start, without a jail that needs more."""


@dataclass(frozen=True)
class PodSecurity:
    """Which of the Pod Security Standards the namespace holds pods to.

    Attributes:
        enforce: pods beyond it are refused, other people's pods in the namespace too. None: the
            strictest that lets the stack's own workspaces start, `baseline`, or `privileged`
            where a jail needs the capability NET_ADMIN.
        warn: whoever makes a pod beyond it is warned.
        audit: such pods stand in the API server's audit log.
        version: of the standards: `latest`, or a release of Kubernetes such as `v1.34`.
    """

    enforce: Level | None = None
    warn: Level = LEVEL
    audit: Level = LEVEL
    version: str = "latest"


@dataclass(frozen=True)
class Quota:
    """What all workspaces of the namespace may take together; None is no bound.

    Attributes:
        pods: that are not finished.
        cpu: cores, by limit.
        memory: GiB, by limit.
        storage: GiB, as claimed.
    """

    pods: int | None = None
    cpu: int | None = None
    memory: int | None = None
    storage: int | None = None


@dataclass(frozen=True)
class Limits:
    """What one container and one claim may take.

    Attributes:
        cpu: cores of a container, also of one that says nothing; its request is then half a core.
        memory: GiB of a container, likewise; its request is then one.
        storage: GiB of a claim.
    """

    cpu: int
    memory: int
    storage: int


@dataclass(frozen=True)
class WorkspaceNamespaceArgs:
    """What the workspaces' namespace enforces.

    Attributes:
        namespace: it must exist.
        pod_security: Pod Security Standards.
        quota: for all of it; None for no ResourceQuota.
        limits: for one container and one claim; None for no LimitRange.
        net_admin: templates whose pods add NET_ADMIN, as the jail nsjail needs.
        largest: what a pod of the largest workspace takes, which quota and limits have to allow.
        pods: how many pods, each with a claim, a workspace has at most.
        force: take over labels that another field manager owns.
    """

    namespace: str = NAMESPACE
    pod_security: PodSecurity = PodSecurity()
    quota: Quota | None = None
    limits: Limits | None = None
    net_admin: tuple[str, ...] = ()
    largest: Limits | None = None
    pods: int = 1
    force: bool = False

    def __post_init__(self) -> None:
        """Refuse what no workspace could start with.

        Raises:
            NetworkArgsError: A level that refuses the stack's own pods, a version that is none,
                or a bound below the largest workspace.
        """
        found = tuple(_faults(self))
        if found:
            raise NetworkArgsError("workspace namespace", found)

    @property
    def enforced(self) -> Level:
        """The level that is enforced."""
        return self.pod_security.enforce or ("privileged" if self.net_admin else LEVEL)

    @property
    def labels(self) -> dict[str, str]:
        """The labels of the namespace."""
        security = self.pod_security
        levels = {"enforce": self.enforced, "warn": security.warn, "audit": security.audit}
        return {
            f"{_LABEL}/{mode}{suffix}": value
            for mode, level in levels.items()
            for suffix, value in (("", level), ("-version", security.version))
        }


def _faults(args: WorkspaceNamespaceArgs) -> Iterator[Fault]:
    security = args.pod_security
    if security.enforce == "restricted":
        right = (
            "would refuse every workspace: Claude Code is installed with sudo, which needs "
            "privilege escalation; enforce baseline, and warn and audit restricted"
        )
        yield Fault("pod_security.enforce", '"restricted"', right)
    if security.enforce == "baseline" and args.net_admin:
        right = (
            f"would refuse the workspaces of {', '.join(args.net_admin)}: nsjail needs NET_ADMIN, "
            "which baseline forbids; use the jail landjail, or privileged"
        )
        yield Fault("pod_security.enforce", '"baseline"', right)
    if not _VERSION.fullmatch(security.version):
        right = "must be latest, or a release of Kubernetes such as v1.34"
        yield Fault("pod_security.version", f'"{security.version}"', right)
    # A quota is of all pods together, a limit of each.
    bounds = {"quota": (args.quota, args.pods), "limits": (args.limits, 1)}
    for name, one in (("pods", 1), *(vars(args.largest).items() if args.largest else ())):
        for place, (bound, count) in bounds.items():
            value, least = getattr(bound, name, None), one * count
            if value is not None and value < least:
                right = f"must be {least} or more, which the largest workspace takes"
                yield Fault(f"{place}.{name}", str(value), right)
