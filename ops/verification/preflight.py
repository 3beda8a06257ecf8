"""What has to hold before a workspace is built: releases, rights, nodes, GitLab, names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx

from components import proxied
from components.coder.api import verification
from components.coder.lookup import role
from components.coder_agents import ISOLATED
from components.kubeconfig import ClusterError
from components.settings.model import Settings
from components.settings.templates import TemplateSettings
from components.syntax import is_image
from ops.verification import isolation, rights
from ops.verification.cluster import ClusterReader, DaemonSet
from ops.verification.deployment import BuildInfo, CoderDeployment, DeployedTemplate, User
from ops.verification.model import Failed, NotChecked, note
from ops.verification.path import organization_of
from ops.verification.run import Run

T = TypeVar("T")

LANDLOCK_KERNEL: Final = (6, 7)
"""The first Linux whose Landlock knows the network (ABI 4)."""

_RELEASE: Final = re.compile(r"(\d+)\.(\d+)")
_SECONDS: Final = 10.0
_SHOWN: Final = 3
# DaemonSets by which a cluster enforces NetworkPolicy, and what one has to be told, if anything.
_ENFORCERS: Final[Mapping[str, str]] = {
    "calico-node": "",
    "cilium": "",
    "anetd": "",
    "antrea-agent": "",
    "kube-router": "",
    "weave-net": "",
    "canal": "",
    "azure-npm": "",
    "aws-node": "--enable-network-policy=true",
    "ovnkube-node": "",
}


@dataclass(frozen=True)
class Preflight:
    """The checks before anything is made.

    Attributes:
        run: takes the checks.
        deployment: the deployment.
        settings: the stack's.
        templates: those that are verified.
        cluster: the cluster of the stack's Kubernetes provider.
        transport: how GitLab is reached, for tests.
    """

    run: Run
    deployment: CoderDeployment
    settings: Settings
    templates: Sequence[TemplateSettings]
    cluster: ClusterReader
    transport: httpx.BaseTransport | None = None

    def look(self) -> bool:
        """Make the checks; returns whether coderd answers at all."""
        answers = self.run.take("preflight.coder", "", self._coder)
        if answers:
            self.run.take("preflight.licence", "", self._licence)
            self.run.take("preflight.token", "", self._token)
            for template in self._watched:
                self.run.take("preflight.agents", template.name, partial(self._agents, template))
        if self._confined:
            self.run.take("preflight.kernel", "", self._kernel)
        self.run.take("preflight.network", "", self._network)
        for provider in self.settings.external_auth.providers:
            self.run.take(
                "preflight.gitlab",
                provider.id,
                partial(self._gitlab, provider.id, provider.host),
            )
        self.run.take("preflight.images", "", self._images)
        self.run.take("preflight.pins", "", self._pins)
        self.run.take("preflight.claude", "", self._claude)
        return answers

    @property
    def _confined(self) -> list[TemplateSettings]:
        return [each for each in self.templates if self.settings.firewall_of(each) is not None]

    @property
    def _watched(self) -> list[TemplateSettings]:
        confined = self._confined
        return [
            each for each in self.templates if each in confined or each.lets_agents_in == ISOLATED
        ]

    def _coder(self) -> str:
        build = self.deployment.get(BuildInfo, "/api/v2/buildinfo")
        user = self.deployment.get(User, "/api/v2/users/me")
        return f"Coder {build.version}, asked by {user.username}"

    def _licence(self) -> str:
        known = self.deployment.known(self.settings)
        if known.problems:
            raise Failed(
                "; ".join(map(str, known.problems[:_SHOWN])), "see the settings that it names"
            )
        lists = "with" if known.access_lists else "without"
        return f"release, licence, organization and groups fit the settings; {lists} access lists"

    def _token(self) -> str:
        organization = organization_of(self.deployment, self.settings.coder.organization)
        needed, more = rights.needed(self.settings), rights.UNNEEDED
        every = {**needed, **rights.OPTIONAL, **more}
        checks = {name: right.asked(organization) for name, right in every.items()}
        may = self.deployment.post(dict[str, bool], "/api/v2/authcheck", {"checks": checks})
        if lacking := [name for name in needed if not may.get(name)]:
            raise Failed(
                f"the token may not {', '.join(lacking)}",
                f"use the token of a user with the role {role(self.settings)}",
            )
        allowed = [*needed, *(name for name in rights.OPTIONAL if may.get(name))]
        without = [name for name in rights.OPTIONAL if not may.get(name)]
        too_much = [name for name in more if may.get(name)]
        return (
            f"it may {', '.join(allowed)}"
            + (f"; it may not {', '.join(without)}" if without else "")
            + (f"; more than the stack needs: {', '.join(too_much)}" if too_much else "")
        )

    def _agents(self, template: TemplateSettings) -> str:
        organization = organization_of(self.deployment, self.settings.coder.organization)
        path = f"/api/v2/organizations/{organization}/templates"
        by_name = {t.name: t for t in self.deployment.get(tuple[DeployedTemplate, ...], path)}
        deployed = by_name.get(template.name)
        if deployed is None:
            raise Failed(f"there is no template {template.name!r}", "bring the stack up")
        if deployed.agents_allowed is None:
            return "this Coder has no agents_allowed, which came with 2.37"
        if template.lets_agents_in == ISOLATED:
            return isolation.isolated(self.cluster, self.settings, template)
        if deployed.agents_allowed:
            raise Failed(
                "Coder's own agents may use it; their tools run outside of the jail and reach "
                "every host from there",
                f"coder templates edit {template.name} --agents-allowed=false",
            )
        return "agents_allowed is false"

    def _kernel(self) -> str:
        confined = [
            walls
            for each in self._confined
            if (walls := self.settings.firewall_of(each)) is not None
        ]
        jails = {walls.jail for walls in confined}
        # nsjail does what Bottlerocket's seccomp profile forbids, but not with SYS_ADMIN.
        held = any(
            walls.jail == "nsjail" and not (walls.seccomp_unconfined or walls.no_user_namespace)
            for walls in confined
        )
        nodes = _asked(self.cluster.nodes)
        if not nodes:
            raise NotChecked("the cluster has no nodes", "see jail.started, which starts a jail")
        wrong = []
        for node in nodes:
            found = _RELEASE.match(node.kernel)
            release = (int(found[1]), int(found[2])) if found else (0, 0)
            if "landjail" in jails and release < LANDLOCK_KERNEL:
                wrong.append(f"{node.name} has Linux {node.kernel}; landjail needs 6.7")
            if "nsjail" in jails and "Fargate" in node.image:
                wrong.append(f"{node.name} is Fargate, which nsjail does not run on")
            if held and "Bottlerocket" in node.image:
                wrong.append(
                    f"{node.name} is Bottlerocket, on which nsjail needs "
                    "firewall.seccompUnconfined, or firewall.noUserNamespace"
                )
        if wrong:
            more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
            raise Failed(
                f"{'; '.join(wrong[:_SHOWN])}{more}",
                "use nodes that have it, or keep workspaces from these",
            )
        kernels = sorted({node.kernel for node in nodes})
        return f"{len(nodes)} nodes with Linux {', '.join(kernels[:_SHOWN])}"

    def _network(self) -> str:
        daemons = _asked(self.cluster.daemons)
        found = [name for daemon in daemons if (name := _enforcer(daemon))]
        if not found:
            raise NotChecked(
                "no network plugin is known among the cluster's DaemonSets",
                "see jail.peers and jail.udp, which try it",
            )
        return f"{', '.join(sorted(set(found)))} enforces them"

    def _gitlab(self, identity: str, host: str) -> str:
        """Follow a login up to GitLab's page: what coderd sends there, and whether it answers."""
        callback = f"{self.settings.coder.access_url}/external-auth/{identity}/callback"
        with proxied.client(
            timeout=_SECONDS,
            follow_redirects=False,
            transport=self.transport,
            verify=verification(callback),
        ) as client:
            sent = _request(client, callback, self.deployment.coderd.token)
            address = sent.headers.get("Location", "")
            parts = urlsplit(address)
            if parts.hostname != urlsplit(f"https://{host}").hostname:
                raise Failed(
                    f"{callback} leads to {parts.hostname or sent.status_code}, not to {host}",
                    "see CODER_EXTERNAL_AUTH_*_AUTH_URL of coderd",
                )
            wanted = parse_qs(parts.query).get("redirect_uri", [""])[0]
            if wanted and wanted != callback:
                raise Failed(
                    f"coderd has GitLab come back to {wanted}",
                    "set coderd's CODER_ACCESS_URL to the stack's coder.accessUrl",
                )
            page = _request(client, address.partition("?")[0])
        if page.status_code >= 400 and page.status_code not in (401, 403):
            raise Failed(
                f"{host}/oauth/authorize answers {page.status_code}", "see the host in the settings"
            )
        return f"coderd leads to {host}, which answers; it comes back to {callback}"

    def _images(self) -> str:
        names = {"workspaces.image": self.settings.workspaces.image}
        if self.settings.grafana.database_role.delivery == "job":
            names["grafana.databaseRole.image"] = self.settings.grafana.database_role.image
        wrong = [f"{key}: {name}" for key, name in names.items() if not is_image(name)]
        if wrong:
            raise Failed(f"no image names: {', '.join(wrong)}", "give names as HOST/PATH:TAG")
        return ", ".join(names.values())

    def _pins(self) -> str:
        workspaces, database = self.settings.workspaces, self.settings.grafana.database_role
        if floating := self.settings.floating():
            raise Failed(
                f"the same stack may be another one tomorrow: {'; '.join(floating)}",
                "name what does not move",
            )
        module = workspaces.claude_code_module(self.deployment.known(self.settings).release)
        images = [workspaces.image, *([database.image] if database.delivery == "job" else [])]
        return (
            f"Boundary {workspaces.boundary_version}, module claude-code {module}, module "
            f"code-server {workspaces.modules.code_server}, {', '.join(images)}"
        )

    def _claude(self) -> str:
        program = self.settings.workspaces.claude_code.program
        if program is None:
            raise NotChecked(
                "Claude Code is whatever release its installer gives when a workspace starts, and "
                "updates itself; the module's release pins how it is installed, not which",
                "name one in workspaces.claudeCode.program: see docs/versions.md",
            )
        return program.title


def _asked(ask: Callable[[], list[T]]) -> list[T]:
    try:
        return ask()
    except ClusterError as error:
        raise NotChecked(
            str(error),
            "see kubernetes.context and KUBECONFIG; the user has to list nodes and DaemonSets",
        ) from None


def _enforcer(daemon: DaemonSet) -> str:
    wanted = _ENFORCERS.get(daemon.name)
    return daemon.name if wanted is not None and (not wanted or wanted in daemon.args) else ""


def _request(client: httpx.Client, url: str, token: str = "") -> httpx.Response:
    headers = {"Coder-Session-Token": token} if token else {}
    try:
        response = client.get(url, headers=headers)
    except httpx.HTTPError as error:
        raise Failed(
            f"{urlsplit(url).netloc} cannot be reached: {type(error).__name__}",
            "see whether it can be reached from here",
        ) from None
    note(f"GET {url}", str(response.status_code))
    return response
