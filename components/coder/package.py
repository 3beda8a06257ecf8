"""Whether the installed package of Coder's provider can declare what a stack's settings use.

The package names the one release of coder/coderd that the engine gets, so an older provider comes
with an older package: a virtual environment of an earlier commit, or a Pulumi.yaml whose pin was
lowered, for a registry's mirror say, before `pulumi install` wrote the package anew. What it lacks
would be an AttributeError or TypeError after other resources were declared.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from typing import Final

import pulumi_coderd as coderd

from components.settings.model import Settings
from components.settings.problems import Problem, as_shown

RELEASE: Final = "0.0.25"
"""The first release known to have AgentsMcpServer and agents_allowed of a template."""
_MCP_SERVER: Final = "AgentsMcpServer"
_AGENTS_ALLOWED: Final = "agents_allowed"


def problems(settings: Settings) -> Iterator[Problem]:
    """Yield every setting that the installed package cannot declare."""
    needs = (
        f"needs the provider coder/coderd {RELEASE} or newer; the installed package "
        f"pulumi_coderd is of {metadata.version('pulumi_coderd')}: name that release in "
        "Pulumi.yaml and run `pulumi install`, or remove "
    )
    if not hasattr(coderd, _MCP_SERVER):
        for index, server in enumerate(settings.mcp_servers):
            yield Problem(f"mcpServers[{index}]", as_shown(server.slug), f"{needs}the server")
    if not hasattr(coderd.Template, _AGENTS_ALLOWED):
        for index, template in enumerate(settings.templates):
            if template.agents_allowed is not None:
                key, value = f"templates[{index}].agentsAllowed", template.agents_allowed
                yield Problem(key, as_shown(value), f"{needs}the setting")
