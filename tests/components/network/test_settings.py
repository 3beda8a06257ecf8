"""What a stack says of its network reaches the components, and what is wrong has its key."""

import datetime
import re
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml

from components.network.args import (
    TEMPLATE_LABEL,
    WORKSPACE_LABELS,
    AcceptedPolicy,
    Coderd,
    Dns,
    Opening,
    WorkspaceNetworkPolicyArgs,
)
from components.network.namespace_args import Limits, PodSecurity, Quota
from components.settings.load import load
from components.settings.model import Settings
from components.settings.network import without_policy
from components.settings.problems import SettingsError
from program import plan

ROOT = Path(__file__).parents[3]


def settings(**more: Any) -> Settings:
    return load(
        "dev",
        {
            "coder": {"accessUrl": "https://coder.example.com:8443", "namespace": "coder-dev"},
            "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
            "templates": [
                {"name": "firewalled", "firewall": {}},
                {"name": "strict", "firewall": {"jail": "nsjail", "proxyPort": 9000}},
                {"name": "claude-code"},
            ],
            "secrets": {
                "coderToken": "x",
                "externalAuth": {"gitlab": {"clientId": "x", "clientSecret": "x"}},
            },
            **more,
        },
    )


def wrong(**more: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings(**more)
    return [str(problem) for problem in caught.value.problems]


def test_beside_a_firewall_there_is_a_policy_that_needs_no_setting() -> None:
    args = plan.network_policy(settings())
    assert args == WorkspaceNetworkPolicyArgs(
        namespace="coder-workspaces",
        coderd=Coderd(namespace="coder-dev", access_port=8443),
        proxy_ports={"firewalled": 8087, "strict": 9000},
        landlocked=("firewalled",),
    )
    assert plan.workspace_namespace(settings()) is None
    assert plan.alerts(settings()).network_policies == ("firewalled-coder-workspaces",)


def test_without_a_firewall_there_is_one_if_it_is_asked_for() -> None:
    plain = [{"name": "claude-code"}]
    assert plan.network_policy(settings(templates=plain)) is None
    assert plan.alerts(settings(templates=plain)).network_policies == ()
    asked = settings(templates=plain, network={"enabled": True})
    assert plan.network_policy(asked) is not None


def switched_off(*templates: str) -> dict[str, Any]:
    today = str(datetime.datetime.now(datetime.UTC).date())
    switch = {"state": "off", "reason": "incident", "until": today, "templates": list(templates)}
    return {"firewall": switch}


def test_the_emergency_switch_leaves_the_policy_and_takes_its_names_along() -> None:
    """What Boundary no longer confines, names would confine all the same."""
    by_name = {"network": {"byName": True}}
    on = plan.network_policy(settings(**by_name))
    assert on is not None
    assert set(on.by_name) == {"firewalled", "strict"}
    assert on.by_name["firewalled"] == settings().policy_of(settings().templates[0])
    some = plan.network_policy(settings(**by_name, **switched_off("strict")))
    assert some is not None
    assert set(some.by_name) == {"firewalled"}
    all_off = plan.network_policy(settings(**by_name, **switched_off()))
    assert all_off is not None
    assert all_off.by_name == {}
    # Running workspaces keep their jail, and so its port.
    assert all_off.proxy_ports == on.proxy_ports
    assert all_off.landlocked == on.landlocked
    plain = plan.network_policy(settings(**switched_off()))
    assert plain == plan.network_policy(settings())


def test_no_policy_beside_a_firewall_has_a_reason_that_is_said() -> None:
    assert wrong(network={"enabled": False}) == [
        "network.reason: required with enabled: false beside a firewall: why there is no policy"
    ]
    off = settings(network={"enabled": False, "reason": "the mesh does it"})
    assert plan.network_policy(off) is None
    assert without_policy(off) == "the mesh does it"
    assert without_policy(settings()) == ""
    plain = settings(templates=[{"name": "open"}], network={"enabled": False})
    assert without_policy(plain) == ""


def test_everything_a_stack_says_arrives() -> None:
    page = (ROOT / "docs" / "network.md").read_text(encoding="utf-8")
    said: dict[str, Any] = {}
    for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        for key, value in yaml.safe_load(block).items():
            if key in ("firewalled-coder:network", "firewalled-coder:workspaceNamespace"):
                said[key] = {**said.get(key, {}), **value}
    network = said["firewalled-coder:network"]
    namespace = said["firewalled-coder:workspaceNamespace"]
    given = settings(
        network=network, workspaceNamespace=namespace, kubernetes={"forceConflicts": True}
    )
    assert plan.network_policy(given) == WorkspaceNetworkPolicyArgs(
        coderd=Coderd(
            namespace="ingress-nginx",
            pod_labels={"app.kubernetes.io/name": "ingress-nginx"},
            ports=(80, 443),
            addresses=("10.1.2.3",),
            access_port=8443,
        ),
        dns=Dns(addresses=("169.254.20.10",)),
        cluster_ranges=("10.244.0.0/16", "10.96.0.0/12"),
        allow=(
            Opening(to="10.20.0.0/16", ports=(443, 22), why="GitLab is on an internal network"),
            Opening(to="outside", ports=(9418,), why="public repositories by git's own protocol"),
            Opening(
                namespace="packages",
                pod_labels={"app": "mirror"},
                ports=("8081-8083",),
                why="our mirrors",
            ),
        ),
        accepted_policies=(
            AcceptedPolicy("allow-monitoring", "Prometheus scrapes the workspaces"),
            AcceptedPolicy("mesh", "the mesh's own traffic", "CiliumNetworkPolicy"),
        ),
        proxy_ports={"firewalled": 8087, "strict": 9000},
        landlocked=("firewalled",),
        by_name=plan.network_policy(settings(network={"byName": True})).by_name,  # type: ignore[union-attr]
    )
    args = plan.workspace_namespace(given)
    assert args is not None
    assert args.pod_security == PodSecurity(warn="restricted", audit="restricted")
    assert (args.quota, args.limits) == (Quota(60, 240, 480), Limits(8, 16, 100))
    assert (args.net_admin, args.enforced, args.force) == (("strict",), "privileged", True)


@pytest.mark.parametrize(
    ("section", "value", "problem"),
    [
        ("network", {"dns": {"ports": [0]}}, "network.dns.ports[0] = 0: must be greater than"),
        ("network", {"dns": {"podLabels": {"a b": "c"}}}, "network.dns.podLabels: 'a b' is no"),
        ("network", {"clusterRanges": ["x"]}, 'network.clusterRanges[0] = "x": must be a CIDR'),
        (
            "network",
            {"allow": [{"to": "169.254.169.254", "ports": [80], "why": "x"}]},
            'network.allow[0].to = "169.254.169.254": is where clouds answer',
        ),
        (
            "network",
            {"allow": [{"to": "10.0.0.1", "ports": [80]}]},
            "network.allow[0].why: missing; it is required",
        ),
        (
            "network",
            {"allow": [{"to": "outside", "ports": ["8000-9000"], "why": "x"}]},
            "templates[1].firewall.proxyPort = 9000: is open to network.allow[0]",
        ),
        (
            "network",
            {"allow": [{"to": "outside", "ports": ["20000-29999"], "why": "x"}]},
            "network.allow[0].ports[0] = 20000-29999: each session's Boundary listens at one of "
            "20000-29999 (firewalled): an agent in the jail",
        ),
        ("network", {"coderd": {"ports": [25000]}}, "network.coderd.ports[0] = 25000: each sess"),
        (
            "network",
            {"allow": [{"to": "::ffff:10.0.0.1", "ports": [80], "why": "x"}]},
            'network.allow[0].to = "::ffff:10.0.0.1": must be written 10.0.0.1/32',
        ),
        ("network", {"alow": []}, "network.alow = []: unknown key; known here: acceptedPolicies"),
        (
            "network",
            {"acceptedPolicies": [{"name": "A b", "reason": "x"}]},
            'network.acceptedPolicies[0].name = "A b": must be the name of one policy',
        ),
        (
            "network",
            {"acceptedPolicies": [{"name": "allow-monitoring"}]},
            "network.acceptedPolicies[0].reason: missing; it is required",
        ),
        (
            "network",
            {"acceptedPolicies": [{"name": "a", "reason": "x", "kind": "AdminNetworkPolicy"}]},
            'network.acceptedPolicies[0].kind = "AdminNetworkPolicy"',
        ),
        (
            "workspaceNamespace",
            {"podSecurity": {"enforce": "baseline"}},
            'workspaceNamespace.podSecurity.enforce = "baseline": would refuse the workspaces of '
            "strict",
        ),
        (
            "workspaceNamespace",
            {"quota": {"memory": 8}},
            "workspaceNamespace.quota.memory = 8: must be 16 or more",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_right(
    section: str, value: dict[str, Any], problem: str
) -> None:
    found = wrong(**{section: value})
    assert any(each.startswith(problem) for each in found), found


def test_boundarys_default_port_is_one_of_coderds() -> None:
    templates = [{"name": "firewalled", "firewall": {"proxyPort": 8080}}]
    (problem,) = wrong(templates=templates)
    assert problem.startswith(
        "templates[0].firewall.proxyPort = 8080: is open to network.coderd: an agent in the jail"
    )
    coderd = {"coderd": {"ports": [8443]}}
    settings(templates=templates, network=coderd)
    # Where there is no policy, every port is open anyway.
    settings(templates=templates, network={"enabled": False, "reason": "none here"})


def test_an_access_url_at_a_port_of_sessions_is_refused_where_its_address_is_opened() -> None:
    coder = {"coder": {"accessUrl": "https://coder.example.com:25000"}}
    (problem,) = wrong(**coder, network={"coderd": {"addresses": ["10.1.2.3"]}})
    assert problem.startswith(
        'coder.accessUrl = "https://coder.example.com:25000": is open at network.coderd.'
        "addresses, and each session's Boundary listens at one of 20000-29999 (firewalled)"
    )
    settings(**coder)
    strict = {"templates": [{"name": "strict", "firewall": {"jail": "nsjail"}}]}
    settings(**coder, **strict, network={"coderd": {"addresses": ["10.1.2.3"]}})


def test_the_template_gives_its_pods_the_labels_that_policies_select() -> None:
    folder = ROOT / "components" / "workspace_template" / "terraform"
    (locals_,) = [
        each for each in hcl2.loads((folder / "main.tf").read_text())["locals"] if "labels" in each
    ]
    labels = {
        key.strip('"'): value.strip('"')
        for key, value in locals_["labels"].items()
        if not key.startswith("__")
    }
    assert WORKSPACE_LABELS.items() <= labels.items()
    assert labels[TEMPLATE_LABEL] == "${data.coder_workspace.me.template_name}"


ISOLATED = {"name": "firewalled", "firewall": {}, "agentsAllowed": "isolated"}


def test_isolated_agents_have_a_policy_of_their_own_while_the_firewall_is_off_too() -> None:
    day = datetime.datetime.now(datetime.UTC).date()
    off = {"state": "off", "reason": "r", "until": str(day), "who": "w"}
    for switch in ({}, off):
        args = plan.network_policy(settings(templates=[ISOLATED], firewall=switch))
        assert args is not None
        assert args.isolated_agents
        assert args.agents_host == ""
        named = plan.network_policy(
            settings(templates=[ISOLATED], firewall=switch, network={"byName": True})
        )
        assert named is not None
        assert named.agents_host == "coder.example.com"
    without = plan.network_policy(settings(network={"byName": True}))
    assert without is not None
    assert (without.isolated_agents, without.agents_host) == (False, "")


def test_an_address_as_access_url_is_no_name() -> None:
    found = settings(
        coder={"accessUrl": "https://203.0.113.7"},
        templates=[ISOLATED],
        network={"byName": True, "coderd": {"addresses": ["203.0.113.7"]}},
    )
    args = plan.network_policy(found)
    assert args is not None
    assert args.agents_host == ""


@pytest.mark.parametrize(
    ("template", "network"),
    [
        (ISOLATED, {"enabled": False, "reason": "the mesh does it"}),
        ({"name": "claude-code", "agentsAllowed": "isolated"}, {}),
    ],
)
def test_isolated_agents_without_a_network_policy_are_refused(
    template: dict[str, Any], network: dict[str, Any]
) -> None:
    (problem,) = wrong(templates=[template], network=network)
    assert problem == (
        'templates[0].agentsAllowed = "isolated": needs the network policy that keeps their pod to '
        "Coder, and this stack has none: set network.enabled: true, or agentsAllowed: false"
    )
    assert settings(templates=[template], network={"enabled": True})


@pytest.mark.parametrize("value", ["Isolated", "yes please", 2, [], {}])
def test_what_agents_allowed_may_be_is_told_once(value: object) -> None:
    (problem,) = wrong(templates=[{**ISOLATED, "agentsAllowed": value}])
    assert problem.startswith("templates[0].agentsAllowed = ")
    assert problem.endswith(": must be true, false or isolated")


def test_a_quota_has_room_for_both_pods_and_both_claims() -> None:
    quota = {"pods": 1, "cpu": 8, "memory": 32, "storage": 50}
    section = {"quota": quota, "limits": {"cpu": 8}}
    assert settings(workspaceNamespace=section)
    found = wrong(templates=[ISOLATED], workspaceNamespace=section)
    assert [each.split(":")[0] for each in found] == [
        "workspaceNamespace.quota.pods = 1",
        "workspaceNamespace.quota.cpu = 8",
        "workspaceNamespace.quota.storage = 50",
    ]
