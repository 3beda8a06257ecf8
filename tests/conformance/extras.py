"""What the walk covers where a deployment has it: the AI Gateway, and Coder's own agents isolated.

Whether it has it is asked of the program itself: what makes it refuse the setting is why it is not
walked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from components.coder import package
from components.network.args import AGENTS_LABELS, TEMPLATE_LABEL
from components.network.manifests import AGENTS_NAME, network_policies
from components.network.reach import network_change
from components.settings.load import load
from components.settings.model import Settings
from components.settings.problems import Problem, SettingsError
from program import plan
from tests.conformance.cluster import OwnNamespace
from tests.conformance.coder import CoderFacts, OwnTemplates
from tests.conformance.project import CommandFailedError

ADDRESS: Final = "https://conformance.example.com"
# Before and after the walk's change.
_NAMES: Final = ("A conformance test", "A conformance test, changed")
_INPUT_PRICES: Final = (1_000_000, 2_000_000)
_PRICED: Final = "anthropic"
_ISOLATION: Final = frozenset({"coder_agents.tf", "coder_agents_kubernetes.tf"})
_TOLD: Final = 300

Values = dict[str, Any]


class Extra(StrEnum):
    """A part of the walk, by what a person calls it."""

    PROVIDERS = "AI Gateway's providers"
    PRICES = "AI Gateway's prices"
    ISOLATION = "Coder's own agents, isolated"


@dataclass(frozen=True)
class Extras:
    """What of it is walked, and how it is looked for.

    Attributes:
        coder: the deployment.
        facts: what it says of itself.
        cluster: with the namespace.
        base: the settings that every walk has, without secrets.
        walked: those that are.
        missing: why the others are not.
    """

    coder: OwnTemplates
    facts: CoderFacts
    cluster: OwnNamespace
    base: Values
    walked: frozenset[Extra] = frozenset()
    missing: Mapping[Extra, str] = field(default_factory=dict)

    def over(self, values: Values, *, changed: bool = False) -> Values:
        """Return settings, by top-level key, with those of what is walked."""
        return _over(self.coder.name, self.walked, values, changed=changed)

    @property
    def secrets(self) -> list[str]:
        """The paths below `secrets` that the settings need a value for."""
        return [f"aiProviders.{self.coder.name}.apiKey"] if Extra.PROVIDERS in self.walked else []

    @property
    def policies(self) -> list[str]:
        """Names of the network policies that somebody may delete by hand."""
        return [AGENTS_NAME] if Extra.ISOLATION in self.walked else []

    def look(self, *, changed: bool = False) -> list[str]:
        """Say what is there of each; raises CommandFailedError where it is otherwise."""
        looks: Mapping[Extra, Callable[[bool], str]] = {
            Extra.PROVIDERS: self._providers,
            Extra.PRICES: self._prices,
            Extra.ISOLATION: self._isolation,
        }
        return [look(changed) for extra, look in looks.items() if extra in self.walked]

    def provider(self) -> str:
        """Return the id of the provider, empty where none is walked."""
        return str(self._provider()["id"]) if Extra.PROVIDERS in self.walked else ""

    # What is there

    def _providers(self, changed: bool) -> str:
        there = self._provider()
        _expect(there["base_url"] == ADDRESS, f"the provider is at {there['base_url']}")
        _expect(not there["enabled"], "the provider is enabled")
        shown = there["display_name"]
        _expect(shown == _NAMES[changed], f"the provider is called {shown!r}")
        return "1 provider"

    def _provider(self) -> Values:
        found = self.coder.provider()
        if found is None:
            raise CommandFailedError(f"there is no AI provider {self.coder.name}")
        return found

    def _prices(self, changed: bool) -> str:
        found = [each["input_price"] for each in self.coder.prices(_PRICED)]
        _expect(found == [_INPUT_PRICES[changed]], f"{_PRICED}/{self.coder.name} costs {found}")
        return "1 price"

    def _isolation(self, _: bool) -> str:
        confined, isolating = self.coder.templates
        for name in self.coder.templates:
            files = (self.coder.running(self.facts.organization, name).files or {}).keys()
            held = _ISOLATION & files
            wanted = _ISOLATION if name == isolating else frozenset()
            _expect(held == wanted, f"{name} has of their pod {sorted(held) or 'nothing'}")
            allowed = self.coder.template(self.facts.organization, name).get("agents_allowed")
            _expect(allowed is (name == isolating), f"{name} has agents_allowed {allowed}")
        args = plan.network_policy(self._loaded(self.walked))
        declared = network_policies(args) if args else ()
        there = self.cluster.network_policies()
        for template in (confined, isolating):
            labels = {**AGENTS_LABELS, TEMPLATE_LABEL: template}
            found = network_change(declared, there, labels)
            _expect(found.before and not found.changed, f"their pods reach otherwise: {found}")
        return "their pod's policy and template"

    # What could be

    def _loaded(self, extras: frozenset[Extra]) -> Settings:
        login = self.facts.login
        credential = {"clientId": "id-of-a-client", "clientSecret": "not-a-secret"}
        secrets: Values = {"coderToken": "not-a-token", "externalAuth": {login: credential}}
        if Extra.PROVIDERS in extras:
            secrets["aiProviders"] = {self.coder.name: {"apiKey": "not-a-key"}}
        if self.base.get("mcpServers"):
            secrets["mcp"] = {self.coder.name: "not-a-key"}
        values = _over(self.coder.name, extras, self.base)
        return load(self.coder.name, {**values, "secrets": secrets})

    def _why_not(self, extra: Extra, *, keeps: bool) -> str:
        if extra is not Extra.ISOLATION and not self.facts.owner:
            return "the token is not an owner's"
        try:
            settings = self._loaded(frozenset({extra}))
        except SettingsError as error:
            return _told(error.problems)
        problems = [*self.facts.entitlements.problems(settings), *package.problems(settings)]
        if problems:
            return _told(problems)
        if extra is Extra.PRICES and not keeps:
            return f"Coder cannot remove a price: {_PRICED}/{self.coder.name} would stay; --prices"
        return ""


def of(
    coder: OwnTemplates, facts: CoderFacts, cluster: OwnNamespace, base: Values, *, keeps: bool
) -> Extras:
    """Return what a walk covers there.

    Args:
        coder: the deployment.
        facts: what it says of itself.
        cluster: with the namespace.
        base: the settings that every walk has, without secrets.
        keeps: whether a price may stay in Coder, which cannot remove one.
    """
    every = Extras(coder, facts, cluster, base)
    why = {extra: every._why_not(extra, keeps=keeps) for extra in Extra}
    missing = {extra: words for extra, words in why.items() if words}
    return replace(every, walked=frozenset(why) - missing.keys(), missing=missing)


def _over(name: str, extras: frozenset[Extra], values: Values, *, changed: bool = False) -> Values:
    gateway = Values()
    if Extra.PROVIDERS in extras:
        gateway["providers"] = [
            {
                "name": name,
                "type": "anthropic",
                "baseUrl": ADDRESS,
                "displayName": _NAMES[changed],
                # Nobody's request finds it.
                "enabled": False,
            }
        ]
    if Extra.PRICES in extras:
        price = {"inputPrice": _INPUT_PRICES[changed], "outputPrice": 0}
        gateway["prices"] = [{"providerType": _PRICED, "model": name, **price}]
    found = {**values, "aiGateway": gateway} if gateway else dict(values)
    if Extra.ISOLATION in extras:
        *others, isolating = values["templates"]
        found["templates"] = [*others, {**isolating, "agentsAllowed": "isolated"}]
    return found


def _told(problems: Sequence[Problem]) -> str:
    return "; ".join(map(str, problems))[:_TOLD]


def _expect(true: bool, otherwise: str) -> None:
    if not true:
        raise CommandFailedError(otherwise)
