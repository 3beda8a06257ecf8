"""The group `coder` opens what Claude Code needs, and none of the ways out of the firewall."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from components.boundary import Contract, Expectation, Own, Policy, build_policy, with_own
from components.boundary.coverage import Part
from components.boundary.leaving import DOORS, leaving

HOST = "coder.example.com"
OWN = Own(frozenset({HOST}))
RECORDED = Path(__file__).parents[2] / "recordings" / "claude-code-2.1.197" / "requests.jsonl"
OLD, NEW = "/api/v2/aibridge/anthropic/", "/api/v2/ai-gateway/anthropic/"


def policy(*groups: str) -> Policy:
    return build_policy(groups, coder_host=HOST, gitlab_hosts=["gitlab.example.com"])


def recorded() -> list[dict[str, str]]:
    return [json.loads(line) for line in RECORDED.read_text().splitlines()]


def test_what_claude_code_asks_of_the_gateway_is_allowed_under_both_names() -> None:
    asked = [each for each in recorded() if each["method"] != "CONNECT"]
    assert {urlsplit(each["target"]).path.removeprefix(OLD) for each in asked} == {
        "v1/messages",
        "v1/messages/count_tokens",
        "v1/models",
    }
    for each in asked:
        for url in (each["target"], each["target"].replace(OLD, NEW)):
            decision = policy("coder").decide(each["method"], url)
            assert decision.allowed, (each["method"], url)
            assert decision.rule is not None
            assert "*" not in decision.rule.rule.text


def test_a_coder_of_this_machine_is_judged_by_its_paths() -> None:
    here = build_policy(["coder"], coder_host="127.0.0.1", gitlab_hosts=["gitlab.example.com"])
    url = "http://127.0.0.1:3000/api/v2/ai-gateway/anthropic/v1/messages"
    assert here.decide("POST", url).allowed
    for method, path, leaves in (
        ("POST", "/api/v2/ai-gateway/anthropic/v1/messages", False),
        ("POST", "/api/v2/users/me/keys/tokens", True),
    ):
        part = Part(method, ("127", "0", "0", "1"), tuple(path.strip("/").split("/")))
        assert bool(leaving(part, Own(frozenset({"127.0.0.1"})))) is leaves
        assert leaving(part, Own(frozenset({HOST}))), (
            "another's Coder: what runs in the pod beside the jail"
        )


def test_the_hosts_that_claude_code_asks_for_itself_are_in_the_catalogue() -> None:
    hosts = {
        each["target"].removesuffix(":443") for each in recorded() if each["method"] == "CONNECT"
    }
    paths = {
        "raw.githubusercontent.com": "/anthropics/claude-code/refs/heads/main/CHANGELOG.md",
        "downloads.claude.ai": "/claude-code-releases/latest",
    }
    # What it fetches from these two are plugins, which a stack adds where it wants them.
    plugins = {"github.com", "registry.npmjs.org"}
    assert hosts - plugins == {"api.anthropic.com", *paths}
    for host in (*sorted(hosts - plugins), "claude.ai", "platform.claude.com"):
        url = f"https://{host}{paths.get(host, '/v1/x')}"
        assert policy("anthropic").decide("GET", url).allowed, url
    for host in ("statsig.anthropic.com", "x.claude.ai", "http-intake.logs.datadoghq.com"):
        assert not policy("anthropic", "telemetry").decide("POST", f"https://{host}/").allowed


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v2/buildinfo"),
        ("PATCH", "/api/v2/workspaceagents/me/app-status"),
        ("GET", "/api/v2/workspaceagents/me/external-auth?id=&match=gitlab.example.com"),
    ],
)
def test_what_reporting_and_git_credentials_need_is_allowed(method: str, path: str) -> None:
    assert policy("coder").decide(method, f"https://{HOST}{path}").allowed


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v2/aibridge/anthropic/v1/messages"),
        ("POST", "/api/v2/aibridge/anthropic/v1/models"),
        ("POST", "/api/v2/aibridge/anthropic/v1/messages/"),
        ("POST", "/api/v2/aibridge/anthropic/v1/messages/batches"),
        ("POST", "/api/v2/aibridge/openai/v1/responses"),
        ("GET", "/api/v2/aibridge/interceptions"),
        ("GET", "/api/v2/workspaceagents/me/gitsshkey"),
        ("GET", "/api/v2/workspaceagents/me/rpc"),
        ("POST", "/api/v2/workspaceagents/me/log-source"),
        ("GET", "/"),
        ("GET", "/api/v2/users/me"),
        ("GET", "/api/v2/workspaces"),
    ],
)
def test_nothing_else_of_coder_is_allowed(method: str, path: str) -> None:
    assert not policy("coder").decide(method, f"https://{HOST}{path}").allowed


def test_the_catalogues_own_contract_holds_for_it_and_not_for_every_path() -> None:
    contract = with_own(Contract(), HOST)
    denied = {(each.method, each.url) for each in contract.must_deny}
    assert ("POST", f"https://{HOST}/api/v2/users/{'0' * 8}-0000-0000-0000-{'0' * 12}/keys") in (
        denied
    )
    assert any("%2e%2e" in url for _, url in denied)
    assert any("..%2f" in url for _, url in denied)
    assert not contract.check(policy("coder", "gitlab", "anthropic"))
    assert len(contract.check(policy("summit-2026"))) == len(denied) == len(contract.must_deny)


def test_a_trailing_wildcard_lets_dot_segments_break_the_contract() -> None:
    rule = Policy.from_json(
        [{"rule": f"method=POST domain={HOST} path={NEW}v1/*", "group": "stack", "why": "x"}]
    )
    reasons = {each.expectation.reason for each in with_own(Contract(), HOST).check(rule)}
    assert reasons == {
        "dot segments lead nowhere, whatever resolves them between Boundary and Coder"
    }


def test_what_a_stack_must_allow_is_not_demanded_to_be_denied() -> None:
    url = f"https://{HOST}:8443/api/v2/users/me"
    own = with_own(Contract(must_allow=(Expectation("GET", url, "the CLI asks who it is"),)), HOST)
    left = {(each.method, each.url) for each in own.must_deny}
    assert ("GET", f"https://{HOST}/api/v2/users/me") not in left
    assert len(left) == len(with_own(Contract(), HOST).must_deny) - 1


def way(method: str, path: str, host: str = HOST) -> str:
    labels = tuple(host.split("."))
    return leaving(Part(method, labels, tuple(path.strip("/").split("/")) if path else ()), OWN)


def test_every_door_is_one_by_its_method_and_path_alone() -> None:
    for each in DOORS:
        assert way(each.method, "/".join(each.path)) == each.why
        assert way("*", "/".join(each.path))
        assert not way("GET", "/".join(each.path))
        assert not way(each.method, "/".join(each.path), "other.example.com")
    assert way("*", "") == way("POST", "") == DOORS[0].why
    assert way("POST", "/api/v2/users/me/*") == DOORS[0].why


@pytest.mark.parametrize(
    "path",
    ["/*/api/v2/users/me/keys", "/api/*/v2/*/users/*/keys/*", "/*/*/*/*/*/*/*/*/*", "/api/*"],
)
def test_a_wildcard_may_stand_between_two_of_the_slashes_that_coder_takes_for_one(
    path: str,
) -> None:
    assert way("POST", path) == DOORS[0].why


@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("POST", "/api/v2/aibridge/openai/v1/responses", True),
        ("POST", "/api/v2/ai-gateway/*", True),
        ("POST", "/api/v2/workspaceagents/me/log-source", True),
        ("PATCH", "/api/v2/workspaceagents/me/*", True),
        ("POST", "/api/v2/workspaceagents/*/log-source", False),
        ("POST", "/api/v2/something-new", False),
        ("DELETE", "/api/v2/workspaces/*", False),
        ("DELETE", "", False),
        ("PATCH", "/*/v2/templates/x", False),
        ("POST", "/graphql", True),
        ("POST", "/v1/x/apps/*", True),
        ("POST", "/@ann/x.main/apps/claude/message", False),
        ("POST", "/*/x.main/*/claude", False),
        ("HEAD", "/api/*", True),
    ],
)
def test_writing_to_coders_api_leaves_unless_it_is_known_not_to(
    method: str, path: str, known: bool
) -> None:
    assert bool(way(method, path)) is not known


@pytest.mark.parametrize(
    ("host", "method", "expected"),
    [
        ("*.coder.example.com", "*", True),
        ("*.coder.example.com", "GET", False),
        ("code--main--other--ann.coder.example.com", "POST", True),
        ("x.*.coder.example.com", "POST", True),
        ("registry.coder.example.com", "POST", False),
        ("a--b.example.com", "POST", False),
        ("*.example.net", "POST", False),
    ],
)
def test_the_apps_of_workspaces_answer_below_coders_host(
    host: str, method: str, expected: bool
) -> None:
    assert ("apps of workspaces" in way(method, "", host)) is expected


def test_a_pattern_of_many_wildcards_is_answered_at_once() -> None:
    assert "starts another agent" in way("POST", "/*" * 40 + "/send")
    assert way("POST", "/x" + "/*" * 40) == ""
