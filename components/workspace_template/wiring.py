"""How Claude Code comes into a workspace and into its jail: modules, providers, Boundary."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from components import releases
from components.agent_env import JAIL_TYPES
from components.boundary.config import JAIL_TYPE, JailType, document_of, unread_keys
from components.programs import Program, program_problem, wiring_problem

_SHOWN: Final = 3


@dataclass(frozen=True)
class Firewall:
    """Boundary switched on for a template.

    Args:
        config: the text of Boundary's configuration file, from boundary.render_config.
        jail_type: `landjail` (Landlock, Linux 6.7 or newer) or `nsjail` (network namespace; the
            workspace's container gets NET_ADMIN).
        policy: the rules of `config`, from Policy.to_json; kept in the stack's state so that the
            next preview can say what changes for people.
        boundary_version: release of the standalone binary, such as `v0.9.0`. With `latest` the
            same template is another firewall as soon as there is a newer one.
        program: a Boundary of that release in the image or at an address, None for GitHub's.
        no_user_namespace: nsjail makes no user namespace; the container gets SYS_ADMIN.
        seccomp_unconfined: the container has no seccomp profile, as nsjail needs on Bottlerocket.
    """

    config: str
    jail_type: JailType = JAIL_TYPE
    policy: Sequence[Mapping[str, str]] = ()
    boundary_version: str = releases.BOUNDARY
    program: Program | None = None
    no_user_namespace: bool = False
    seccomp_unconfined: bool = False


@dataclass(frozen=True)
class ModuleVersions:
    """Versions of the modules from registry.coder.com.

    Args:
        claude_code: 4.7 or a later 4, or 5.4 or a later 5: its wiring is in the HCL of its name.
        code_server: any release.
    """

    claude_code: str = releases.CLAUDE_CODE[5]
    code_server: str = releases.CODE_SERVER

    @property
    def wiring(self) -> int:
        """How Claude Code comes into the workspace: by module 4 or 5."""
        return releases.wiring_of(self.claude_code)


@dataclass(frozen=True)
class ProviderVersions:
    """Versions of the Terraform providers, exactly as Terraform is to install them.

    Args:
        coder: coder/coder; 2.13 brought what tasks.tf reads of a Task.
        kubernetes: hashicorp/kubernetes.
    """

    coder: str = releases.CODER_PROVIDER
    kubernetes: str = releases.KUBERNETES_PROVIDER


def wiring_problems(
    versions: ModuleVersions, firewall: Firewall | None, claude: Program | None, *, tasks: bool
) -> Iterator[str]:
    """Yield what the module of Claude Code does not do.

    Args:
        versions: which module.
        firewall: the template's, None without one.
        claude: a Claude Code of the stack's own.
        tasks: whether Coder's Tasks are wanted.
    """
    if problem := program_problem(claude):
        yield problem
    if not releases.is_claude_code_module(versions.claude_code):
        return
    if tasks and versions.wiring == 5:
        yield "module 5 has no Tasks: turn tasks off"
    boundary = firewall.program if firewall else None
    if problem := wiring_problem(versions.wiring, boundary, claude):
        yield problem


def firewall_problems(firewall: Firewall | None) -> list[str]:
    """Return what is wrong with a firewall by itself."""
    if firewall is None:
        return []
    found = []
    if firewall.jail_type not in JAIL_TYPES:
        found.append(f"jail type {firewall.jail_type!r} is not one of {', '.join(JAIL_TYPES)}")
    if not firewall.config.strip():
        found.append("the firewall's configuration is empty, with which Boundary does not start")
    if firewall.jail_type == "landjail":
        for name in ("no_user_namespace", "seccomp_unconfined"):
            if getattr(firewall, name):
                found.append(f"{name} is for the jail nsjail alone")
    if firewall.config.strip():
        found += _contradictions(firewall)
    found += unread_keys(firewall.config, firewall.boundary_version)
    if not releases.is_boundary(firewall.boundary_version):
        found.append(
            f"boundary version {firewall.boundary_version!r} is no release such as v0.9.0, "
            "nor latest"
        )
    return found


def _contradictions(firewall: Firewall) -> Iterator[str]:
    """Yield where the configuration is not what else is said of the firewall.

    Boundary runs by the first; the container, reviews and the next preview go by the others.
    """
    try:
        document = document_of(firewall.config)
    except ValueError as error:
        yield f"the firewall's configuration {error}"
        return
    if (jail := document.get("jail_type", firewall.jail_type)) != firewall.jail_type:
        yield f"the configuration says jail_type {jail}, and the firewall {firewall.jail_type}"
    without = document.get("no_user_namespace", False)
    if without is not firewall.no_user_namespace:
        yield (
            f"the configuration says no_user_namespace {str(without).lower()}, and the firewall "
            f"{str(firewall.no_user_namespace).lower()}"
        )
    written = set(document.get("allowlist") or ())
    told = {each.get("rule", "") for each in firewall.policy}
    for rules, what in (
        (written - told, "the configuration has and the policy has not"),
        (told - written, "the policy has and the configuration has not"),
    ):
        if rules:
            yield f"{what}: {_some(rules)}; render_config and to_json are to be of one policy"


def _some(rules: set[str]) -> str:
    shown = ", ".join(map(repr, sorted(rules)[:_SHOWN]))
    return shown if len(rules) <= _SHOWN else f"{shown} and {len(rules) - _SHOWN} more"


def version_problems(versions: ModuleVersions, providers: ProviderVersions) -> list[str]:
    """Return the versions for which there is no HCL."""
    found = []
    if not releases.is_claude_code_module(versions.claude_code):
        found.append(
            f"module claude-code {versions.claude_code!r} is not {releases.CLAUDE_CODE_MODULES}"
        )
    if not releases.is_release(versions.code_server):
        found.append(f"module code-server {versions.code_server!r} is no version such as 1.3.1")
    if not releases.is_coder_provider(providers.coder):
        found.append(f"provider coder {providers.coder!r} is not 2.13.0 or newer")
    if not releases.is_kubernetes_provider(providers.kubernetes):
        found.append(f"provider kubernetes {providers.kubernetes!r} is not 2.23.0 or newer")
    return found
