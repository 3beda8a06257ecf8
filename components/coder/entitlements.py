"""What a deployment's licence and release allow, and which settings need more.

The features are those that coder/coderd checks before it makes a template (CheckEntitlements in
internal/provider/template_resource.go of coder/terraform-provider-coderd), and those without which
coderd itself ignores a setting. `GET /api/v2/entitlements` tells which are on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.releases import (
    AGENTS_SINCE,
    AI_PRICES_SINCE,
    AI_PROVIDERS_SINCE,
    BEDROCK_PROTOCOL_SINCE,
    BEDROCK_ROLE_SINCE,
    TASKS_UNTIL,
    Number,
    words,
)
from components.settings.ai_gateway import AiGateway
from components.settings.model import Settings
from components.settings.problems import Problem, as_shown
from components.settings.templates import TemplateSettings

SCHEDULING: Final = "advanced_template_scheduling"
ACTIVE_VERSION: Final = "access_control"
ACCESS_LISTS: Final = "template_rbac"
PORT_SHARING: Final = "control_shared_ports"
AI_GATEWAY: Final = "aibridge"

_RELEASE: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Entitlements:
    """What a deployment can do.

    Attributes:
        version: its release, as it names it.
        features: names of the licensed features that are enabled.
    """

    version: str
    features: frozenset[str]

    @classmethod
    def of(cls, build: Mapping[str, Any], entitlements: Mapping[str, Any]) -> Entitlements:
        """Return what the answers of /api/v2/buildinfo and /api/v2/entitlements say.

        Raises KeyError, TypeError or AttributeError for an answer that is not coderd's.
        """
        features = entitlements["features"].items()
        return cls(
            version=str(build["version"]),
            features=frozenset(name for name, each in features if each["enabled"]),
        )

    @property
    def release(self) -> Number | None:
        """The release as numbers; None of a build between releases, which may have anything."""
        match = _RELEASE.match(self.version)
        if match is None:
            return None
        release = (int(match[1]), int(match[2]), int(match[3]))
        return None if release == (0, 0, 0) else release

    def problems(self, settings: Settings) -> Iterator[Problem]:
        """Yield every setting that the licence or the release does not allow."""
        for index, template in enumerate(settings.templates):
            for key, value, feature, what in _licensed(template):
                if feature not in self.features:
                    yield Problem(
                        f"templates[{index}].{key}",
                        f"{value:g}" if isinstance(value, float) else as_shown(value),
                        f"needs a Coder licence with {what} (feature {feature}), which "
                        f"{settings.coder.api} has not; remove it, or add the licence first",
                    )
        # What the stack says alone was found before coderd was asked.
        if problem := settings.workspaces.wiring_problem(self.release):
            yield Problem(f"workspaces.{problem[0]}", as_shown(problem[1]), problem[2])
        if self.release is not None and self.release >= TASKS_UNTIL and settings.workspaces.tasks:
            yield Problem(
                "workspaces.tasks",
                as_shown(True),
                f"Coder has no Tasks from {words(TASKS_UNTIL)} on, and {settings.coder.api} runs "
                f"{self.version}: remove it",
            )
        if self.release is not None and self.release < AGENTS_SINCE:
            needs = self._needs(settings, AGENTS_SINCE)
            for index, server in enumerate(settings.mcp_servers):
                yield Problem(f"mcpServers[{index}]", as_shown(server.slug), needs)
            # An older Coder answers without the field, which the provider takes for false.
            for index, template in enumerate(settings.templates):
                if template.agents_allowed:
                    shown = as_shown(template.agents_allowed)
                    yield Problem(f"templates[{index}].agentsAllowed", shown, needs)
        yield from self._gateway_problems(settings)

    def _gateway_problems(self, settings: Settings) -> Iterator[Problem]:
        gateway = settings.ai_gateway
        for key, value, since in _of_gateway(gateway):
            if self.release is not None and self.release < since:
                yield Problem(f"aiGateway.{key}", as_shown(value), self._needs(settings, since))
        if gateway.prices and AI_GATEWAY not in self.features:
            yield Problem(
                "aiGateway.prices",
                as_shown(", ".join(price.label for price in gateway.prices)),
                f"needs a Coder licence with the AI Gateway (feature {AI_GATEWAY}), which "
                f"{settings.coder.api} has not; remove them, or add the licence first",
            )

    def _needs(self, settings: Settings, since: Number) -> str:
        runs = f"{settings.coder.api} runs {self.version}"
        return f"needs Coder {words(since)} or newer; {runs}"


def _of_gateway(gateway: AiGateway) -> Iterator[tuple[str, str, Number]]:
    """Yield what needs a release: key below aiGateway, its value, the first release with it."""
    for index, provider in enumerate(gateway.providers):
        key = f"providers[{index}]"
        yield key, provider.name, AI_PROVIDERS_SINCE
        if provider.bedrock and provider.bedrock.role_arn:
            yield f"{key}.bedrock.roleArn", provider.bedrock.role_arn, BEDROCK_ROLE_SINCE
        if provider.bedrock and provider.bedrock.protocol == "mantle":
            yield f"{key}.bedrock.protocol", provider.bedrock.protocol, BEDROCK_PROTOCOL_SINCE
    for index, price in enumerate(gateway.prices):
        yield f"prices[{index}]", price.label, AI_PRICES_SINCE


def _licensed(template: TemplateSettings) -> Iterator[tuple[str, Any, str, str]]:
    """Yield the licensed settings that a template has: key, value, feature, its name in words."""
    lifetime = template.lifetime
    for key, value in (
        ("failureTtlHours", lifetime.failure_ttl_hours),
        ("dormantAfterHours", lifetime.dormant_after_hours),
        ("deleteDormantAfterHours", lifetime.delete_dormant_after_hours),
        ("stopDays", lifetime.stop_days),
    ):
        if value:
            yield f"lifetime.{key}", value, SCHEDULING, "advanced template scheduling"
    if template.require_active_version:
        yield "requireActiveVersion", True, ACTIVE_VERSION, "access control"
    if template.access is not None:
        named = template.access.model_dump(exclude_defaults=True)
        yield "access", named, ACCESS_LISTS, "template access control"
    level = template.max_port_share_level
    if level not in (None, "public"):
        yield "maxPortShareLevel", level, PORT_SHARING, "port sharing control"
