"""What a stack's agent variables may not say where a template has a firewall."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from components.jail_env import jail_problem
from components.settings.problems import Problem
from components.settings.templates import TemplateSettings
from components.settings.workspaces import WorkspacesSettings


def variable_problems(
    shared: WorkspacesSettings | None, templates: Sequence[TemplateSettings | None]
) -> Iterator[Problem]:
    """Yield each variable that breaks a firewall, at the place where it is written.

    Also while the emergency switch has the firewall off: it comes back as it was.
    """
    confined = {
        f"templates[{index}]": template.agent_env
        for index, template in enumerate(templates)
        if template is not None and template.firewall is not None
    }
    every = {"workspaces": shared.agent_env, **confined} if shared and confined else confined
    for place, variables in every.items():
        for name, value in variables.items():
            if problem := jail_problem(name, value):
                yield Problem(f"{place}.agentEnv.{name}", "", problem)
