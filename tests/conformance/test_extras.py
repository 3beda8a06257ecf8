"""What is walked besides, and what each look finds wrong."""

from types import SimpleNamespace
from typing import Any

import pulumi_coderd
import pytest

from components.coder.entitlements import Entitlements
from components.network.manifests import AGENTS_NAME, network_policies
from program import plan
from tests.conformance import extras, walk
from tests.conformance.coder import CoderFacts, OwnTemplates
from tests.conformance.extras import Extra, Extras
from tests.conformance.project import CommandFailedError

CODER = OwnTemplates("https://coder.example.com", "token", "walk")


def facts(version: str = "v2.37.0", *, owner: bool = True, licensed: bool = True) -> CoderFacts:
    features = frozenset({"aibridge"} if licensed else ())
    return CoderFacts(version, "coder", "gitlab", owner, Entitlements(version, features))


def of(
    found: CoderFacts, *, keeps: bool = False, coder: Any = CODER, cluster: Any = None
) -> Extras:
    base = walk.settings(CODER, found, None)
    return extras.of(coder, found, cluster, base, keeps=keeps)


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of a provider that has prices."""
    monkeypatch.setattr(pulumi_coderd, "AiModelPrice", object, raising=False)


@pytest.mark.usefixtures("priced")
def test_a_deployment_that_has_all_of_it() -> None:
    found = of(facts(), keeps=True)
    assert (found.walked, found.missing) == (frozenset(Extra), {})
    assert found.secrets == ["aiProviders.walk.apiKey"]
    settings = found.over(walk.settings(CODER, facts(), None), changed=True)
    assert [each.get("agentsAllowed") for each in settings["templates"]] == [None, "isolated"]
    assert settings["aiGateway"]["providers"][0]["enabled"] is False


@pytest.mark.parametrize(
    ("found", "extra", "why"),
    [
        (facts("v2.33.1"), Extra.PROVIDERS, "needs Coder 2.34.0 or newer"),
        (facts("v2.36.1"), Extra.PRICES, "needs Coder 2.37.0 or newer"),
        (facts("v2.36.1"), Extra.ISOLATION, "needs Coder 2.37.0 or newer"),
        (facts(licensed=False), Extra.PRICES, "needs a Coder licence with the AI Gateway"),
        (facts(owner=False), Extra.PROVIDERS, "the token is not an owner's"),
        (facts(owner=False), Extra.PRICES, "the token is not an owner's"),
    ],
)
@pytest.mark.usefixtures("priced")
def test_why_it_is_not_walked(found: CoderFacts, extra: Extra, why: str) -> None:
    seen = of(found, keeps=True)
    assert why in seen.missing[extra]
    assert extra not in seen.walked


def test_an_older_package_has_no_prices() -> None:
    assert "newer than 0.0.30" in of(facts(), keeps=True).missing[Extra.PRICES]


@pytest.mark.usefixtures("priced")
def test_a_price_that_would_stay_is_asked_for() -> None:
    found = of(facts())
    assert found.missing == {
        Extra.PRICES: "Coder cannot remove a price: anthropic/walk would stay; --prices"
    }


def test_without_any_nothing_is_added_or_looked_for() -> None:
    found = of(facts("v2.33.1", owner=False, licensed=False))
    base = walk.settings(CODER, facts("v2.33.1"), None)
    assert (found.over(base), found.look(), found.policies, found.secrets) == (base, [], [], [])
    assert found.provider() == ""


class There:
    """What a deployment and its cluster answer; a test changes it."""

    def __init__(self) -> None:
        self.name, self.templates = CODER.name, CODER.templates
        self.shown: dict[str, Any] | None = {
            "id": "p-1",
            "base_url": extras.ADDRESS,
            "enabled": False,
            "display_name": "A conformance test",
        }
        self.costs = [1_000_000]
        self.files = {
            "walk-firewalled": {"main.tf": b""},
            "walk-open": {"coder_agents.tf": b"", "coder_agents_kubernetes.tf": b""},
        }
        self.allowed: dict[str, bool | None] = {"walk-firewalled": False, "walk-open": True}
        args = plan.network_policy(of(facts())._loaded(frozenset({Extra.ISOLATION})))
        assert args is not None
        self.policies = list(network_policies(args))

    def provider(self) -> dict[str, Any] | None:
        return self.shown

    def prices(self, _: str) -> list[dict[str, Any]]:
        return [{"input_price": each} for each in self.costs]

    def running(self, _: str, name: str) -> SimpleNamespace:
        return SimpleNamespace(files=self.files[name])

    def template(self, _: str, name: str) -> dict[str, Any]:
        return {"agents_allowed": self.allowed[name]}

    def network_policies(self) -> list[Any]:
        return self.policies


@pytest.mark.usefixtures("priced")
def test_what_is_there_as_it_should_be() -> None:
    there = There()
    found = of(facts(), keeps=True, coder=there, cluster=there)
    assert found.look() == ["1 provider", "1 price", "their pod's policy and template"]
    assert found.provider() == "p-1"
    with pytest.raises(CommandFailedError, match="is called 'A conformance test'"):
        found.look(changed=True)


def gone(there: There) -> None:
    there.shown = None


def enabled(there: There) -> None:
    assert there.shown is not None
    there.shown["enabled"] = True


def moved(there: There) -> None:
    assert there.shown is not None
    there.shown["base_url"] = "https://elsewhere.example.com"


def costs_nothing(there: There) -> None:
    there.costs = []


def no_pod(there: There) -> None:
    del there.files["walk-open"]["coder_agents_kubernetes.tf"]


def pod_of_both(there: There) -> None:
    there.files["walk-firewalled"] = there.files["walk-open"]


def kept_out(there: There) -> None:
    there.allowed["walk-open"] = None


def let_in(there: There) -> None:
    there.allowed["walk-firewalled"] = True


def no_policy(there: There) -> None:
    there.policies = [each for each in there.policies if each["metadata"]["name"] != AGENTS_NAME]


def too_wide(there: There) -> None:
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}
    there.policies.append({"kind": "NetworkPolicy", "metadata": {"name": "other"}, "spec": spec})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (gone, "there is no AI provider walk"),
        (enabled, "the provider is enabled"),
        (moved, "the provider is at https://elsewhere"),
        (costs_nothing, r"anthropic/walk costs \[\]"),
        (no_pod, r"walk-open has of their pod \['coder_agents.tf'\]"),
        (pod_of_both, "walk-firewalled has of their pod"),
        (kept_out, "walk-open has agents_allowed None"),
        (let_in, "walk-firewalled has agents_allowed True"),
        (no_policy, "their pods reach otherwise"),
        (too_wide, "their pods reach otherwise"),
    ],
)
@pytest.mark.usefixtures("priced")
def test_what_is_there_otherwise(change: Any, why: str) -> None:
    there = There()
    change(there)
    with pytest.raises(CommandFailedError, match=why):
        of(facts(), keeps=True, coder=there, cluster=there).look()
