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

from components.ai_gateway import BEFORE_PRICES, PRICE
from components.settings.model import Settings
from components.settings.problems import Problem, as_shown

RELEASE: Final = "0.0.25"
"""The first release known to have AgentsMcpServer and agents_allowed of a template."""
AI_PROVIDER_RELEASE: Final = "0.0.20"
"""The first release with AiProvider."""
_MCP_SERVER: Final = "AgentsMcpServer"
_AI_PROVIDER: Final = "AiProvider"
_AGENTS_ALLOWED: Final = "agents_allowed"


def problems(settings: Settings) -> Iterator[Problem]:
    """Yield every setting that the installed package cannot declare."""
    needs = _needs(f"{RELEASE} or newer")
    if not hasattr(coderd, _MCP_SERVER):
        for index, server in enumerate(settings.mcp_servers):
            yield Problem(f"mcpServers[{index}]", as_shown(server.slug), f"{needs}the server")
    if not hasattr(coderd.Template, _AGENTS_ALLOWED):
        for index, template in enumerate(settings.templates):
            if template.agents_allowed is not None:
                key, value = f"templates[{index}].agentsAllowed", template.agents_allowed
                yield Problem(key, as_shown(value), f"{needs}the setting")
    gateway = settings.ai_gateway
    if gateway.providers and not hasattr(coderd, _AI_PROVIDER):
        names = ", ".join(provider.name for provider in gateway.providers)
        right = f"{_needs(f'{AI_PROVIDER_RELEASE} or newer')}the providers"
        yield Problem("aiGateway.providers", as_shown(names), right)
    if gateway.prices and not hasattr(coderd, PRICE):
        labels = ", ".join(price.label for price in gateway.prices)
        right = f"{_needs(f'newer than {BEFORE_PRICES}, with ai_model_price')}the prices"
        yield Problem("aiGateway.prices", as_shown(labels), right)


def _needs(release: str) -> str:
    return (
        f"needs the provider coder/coderd {release}; the installed package "
        f"pulumi_coderd is of {metadata.version('pulumi_coderd')}: name that release in "
        "Pulumi.yaml and run `pulumi install`, or remove "
    )
