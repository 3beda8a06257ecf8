"""How a stack's settings confine a template, and whether its workspaces could start so."""

from __future__ import annotations

from collections.abc import Iterator

from components.settings.model import Settings
from components.settings.problems import Problem
from components.settings.templates import TemplateSettings
from components.workspace_template.start_script import script_problems
from components.workspace_template.wiring import Firewall, ModuleVersions


def firewall(settings: Settings, template: TemplateSettings) -> Firewall | None:
    """Return how the template is confined, None without a firewall."""
    confined = settings.firewall_of(template)
    policy = settings.policy_of(template)
    if confined is None or policy is None:
        return None
    return Firewall(
        config=confined.config(policy, settings.coder.access_url),
        jail_type=confined.jail,
        policy=policy.to_json(),
        boundary_version=settings.workspaces.boundary_version,
        program=settings.workspaces.boundary,
        no_user_namespace=confined.no_user_namespace,
        seccomp_unconfined=confined.seccomp_unconfined,
    )


def start_problems(settings: Settings) -> Iterator[Problem]:
    """Yield which templates say more than Linux lets a workspace's start take.

    An older Coder, for which module 4 is taken, is known to nobody yet; the Args know it.
    """
    shared = settings.workspaces
    versions = ModuleVersions(shared.claude_code_module(None))
    for index, template in enumerate(settings.templates):
        confined = firewall(settings, template)
        key = "workspaces.claudePolicy"
        if confined is not None:
            key = "policy" if template.policy is None else f"templates[{index}].policy"
        for problem in script_problems(
            confined, shared.claude_policy, shared.claude_code.program, versions
        ):
            yield Problem(key, "", f"template {template.name}: {problem}")
