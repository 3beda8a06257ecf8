"""What a stack says of its Coder, its cluster and its Boundary is what its policy is judged by."""

from typing import Any

import pytest

from components.settings.load import load
from tests.components.test_settings import changed, problems, valid

KEY = "/api/v2/workspaceagents/me/gitsshkey"
NETWORK: dict[str, Any] = {
    "coderd": {"addresses": ["10.1.2.3"]},
    "clusterRanges": ["10.96.0.0/12"],
}


def stack(rule: str, network: Any = None, **workspaces: str) -> dict[str, Any]:
    values = changed("policy.rules", [{"rule": rule, "why": "x"}])
    return {**values, "network": network or NETWORK, "workspaces": workspaces}


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("domain=10.1.2.3", "an agent makes itself a token"),
        ("method=GET domain=10.96.0.1", "an agent speaks to pods and Services of the cluster"),
        ("domain=coder.coder.svc.cluster.local", "an agent makes itself a token"),
        ("method=GET domain=168.63.129.16", "the node's metadata service"),
    ],
)
def test_a_rule_for_an_address_of_coder_or_the_cluster_is_the_worst(rule: str, why: str) -> None:
    (problem,) = problems(stack(rule))
    assert problem.startswith('policy.highestGrade = "G"')
    assert f"exfiltration grade is H, by rule '{rule}' of group stack ({why}" in problem


@pytest.mark.parametrize("host", ["10.1.2.3", "coder.coder.svc", "coder.example.com"])
def test_what_the_catalogue_demands_holds_for_every_host_and_address_of_coder(host: str) -> None:
    (problem,) = problems(stack(f"method=GET domain={host} path=/*{KEY}"))
    assert f"GET https://{host}/{KEY} must be denied (an agent gets the owner's private" in problem


def test_an_access_url_by_address_inside_the_clusters_ranges_is_a_coder_as_any_other() -> None:
    values = {**stack("domain=example.org"), "coder": {"accessUrl": "https://10.96.0.7"}}
    assert load("dev", values).own.coder > {"10.96.0.7"}
    values["policy"]["rules"] = [{"rule": "method=POST domain=10.96.0.7", "why": "x"}]
    assert "highestGrade" in " ".join(problems(values))


def test_coders_service_is_named_by_its_bare_name_in_its_own_namespace() -> None:
    rule = "method=POST domain=coder path=/api/v2/users/me/keys/tokens"
    load("dev", stack(rule))
    assert "makes itself a token" in problems(stack(rule, namespace="coder"))[0]


@pytest.mark.parametrize(
    ("rule", "grade"), [("domain=ngrok.io", "E"), ("method=GET domain=internal", "H")]
)
def test_the_grade_that_is_accepted_is_that_of_the_stacks_release(rule: str, grade: str) -> None:
    values = stack(rule)
    values["policy"].update(groups=[], highestGrade="A")
    load("dev", values)
    values["workspaces"] = {"boundaryVersion": "v0.5.4"}
    (problem,) = problems(values)
    assert f'highestGrade = "A": the policy\'s exfiltration grade is {grade}, by rule' in problem


def test_the_default_policy_is_the_worst_where_a_release_takes_it_for_hosts_below_coders() -> None:
    values = {**valid(), "workspaces": {"boundaryVersion": "v0.5.4"}}
    assert "apps of workspaces" in problems(values)[0]
    values["policy"] = {"highestGrade": "H"}
    load("dev", values)
