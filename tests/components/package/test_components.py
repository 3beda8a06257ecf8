"""The package's components on Pulumi's mocks, given what a program in another language gives."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components import boundary, package
from components.coderd_env import EnvVar, _checked
from components.errors import ArgsError
from components.package.coder import CoderdEnvironment, GitLabExternalAuth
from components.package.mcp_server import McpServer
from components.package.observability import Alerts, Dashboards
from components.package.workspace_template import WorkspaceTemplate
from tests.components.recording import Recorder, record

GITLAB = {
    "index": 0.0,
    "id": "gitlab",
    "host": "gitlab.example.com",
    "client_id": "id",
    "client_secret": "s3cret",
}
TEMPLATE = {"name": "a", "namespace": "b", "image": "registry.example.com/c:1"}
MADE = {
    "random:index/randomId:RandomId": {"hex": "0123456789abcdef"},
    "random:index/randomInteger:RandomInteger": {"result": 7},
    "coderd:index/template:Template": {"versions": [{"id": "v", "name": "n"}]},
}


def declared(component: Any, *given: Mapping[str, Any]) -> tuple[Recorder, list[dict[str, Any]]]:
    """Declare a component once with each of the arguments; return their attributes, too."""
    made = []

    def program() -> dict[str, pulumi.Output[Any]]:
        made.extend(component(f"x{place}", each) for place, each in enumerate(given))
        return {}

    recorder, _ = record(program, MADE)
    return recorder, [vars(each) for each in made]


def names(recorder: Recorder, kind: str) -> list[str]:
    """Sorted: resources register side by side."""
    return sorted(each["metadata"]["name"] for each in recorder.of(kind))


def test_a_component_has_the_type_of_its_name() -> None:
    login = {"namespace": "coder", "access_url": "https://c.example.com", "providers": [GITLAB]}
    variable = {"name": "A", "value": "1"}
    env = {"namespace": "coder", "secret_name": "s", "variables": [variable]}
    server = {"slug": "a", "display_name": "A", "url": "https://a.example.com"}
    for component, given in (
        (GitLabExternalAuth, login),
        (CoderdEnvironment, env),
        (McpServer, server),
        (Dashboards, {"dashboards": ["agent-firewall"]}),
        (Alerts, {}),
    ):
        recorder, _ = declared(component, given)
        tokens = {each.typ for each in recorder.registered}
        assert f"{package.NAME}:index:{component.__name__}" in tokens


def test_two_stand_in_one_namespace() -> None:
    only = {"dashboards": ["agent-firewall"]}
    recorder, _ = declared(Dashboards, {**only, "name_prefix": "a-"}, {**only, "name_prefix": "b-"})
    assert names(recorder, "ConfigMap") == ["a-agent-firewall", "b-agent-firewall"]
    recorder, _ = declared(Alerts, {"group": "a"}, {"group": "b"})
    assert names(recorder, "ConfigMap") == ["alerts-a", "alerts-b"]
    assert names(recorder, "PrometheusRule") == ["a", "b"]


def test_what_a_login_hands_on_is_set_once_it_is_known() -> None:
    def program() -> dict[str, pulumi.Output[Any]]:
        login = GitLabExternalAuth(
            "login",
            {"namespace": "coder", "access_url": "https://c.example.com", "providers": [GITLAB]},  # type: ignore[typeddict-item]
        )
        assert isinstance(login.variables, pulumi.Output)
        made = CoderdEnvironment(
            "env", {"namespace": "coder", "secret_name": "s", "variables": login.variables}
        )
        return {"names": made.names}

    recorder, outputs = record(program, MADE)
    (secret,) = recorder.of("Secret")
    data = {
        name: base64.b64decode(value).decode() for name, value in secret["data"]["value"].items()
    }
    assert data["CODER_EXTERNAL_AUTH_0_CLIENT_SECRET"] == "s3cret"
    assert data["CODER_EXTERNAL_AUTH_0_ID"] == "gitlab"
    assert outputs["names"] == sorted(data)
    assert len(recorder.of("DeploymentPatch")) == 2


def test_a_variable_that_is_set_twice_is_refused_once_it_is_known() -> None:
    with pytest.raises(ArgsError, match="A is set 2 times"):
        _checked([EnvVar("A", "1"), EnvVar("A", "2")])


def test_a_key_of_a_server_is_a_bearer_token() -> None:
    recorder, _ = declared(
        McpServer,
        {
            "slug": "a",
            "display_name": "A",
            "url": "https://a.example.com",
            "authorization": "k",
            "tool_allow_list": ["b", "a"],
        },
    )
    (server,) = recorder.of("AgentsMcpServer")
    assert server["apiKeyHeader"] == "Authorization"
    assert server["apiKeyValueWo"]["value"] == "Bearer k"
    assert server["toolAllowLists"] == ["a", "b"]


@pytest.mark.parametrize(
    ("firewall", "told"),
    [
        ({"coder_url": "https://c.example.com", "groups": ["none"]}, "unknown group 'none'"),
        ({"coder_url": "https://c.example.com", "proxy_port": 0.0}, "greater than or equal to 1"),
        ({"coder_url": "https://c.example.com", "jail_type": "cell"}, "'landjail' or 'nsjail'"),
        (
            {"coder_url": "https://c.example.com", "rules": [{"rule": "domain=*", "why": "x"}]},
            "opens every host|every host",
        ),
        (
            {"coder_url": "https://c.example.com", "rules": [{"rule": "domain=a.b", "why": ""}]},
            "'domain=a.b' gives no reason",
        ),
        ({"coder_url": "https://c.example.com", "boundary_version": ""}, "boundary version ''"),
    ],
)
def test_a_firewall_that_cannot_be_is_refused(firewall: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgsError, match=told):
        declared(WorkspaceTemplate, {**TEMPLATE, "firewall": firewall})


@pytest.mark.parametrize("given", [{}, {"groups": []}, {"groups": ["coder"]}])
def test_an_empty_list_of_groups_is_a_list_and_what_is_not_given_the_default(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    own = {"rule": "domain=a.example.com", "why": "a test"}
    firewall = {"coder_url": "https://c.example.com", "rules": [own], **given}
    declared(WorkspaceTemplate, {**TEMPLATE, "firewall": firewall})
    (config,) = tmp_path.rglob("boundary.yaml")
    rules = yaml.safe_load(config.read_text())["allowlist"]
    groups = given.get("groups", boundary.DEFAULT)
    host = "c.example.com"
    catalogue = boundary.build_policy(groups, coder_host=host, gitlab_hosts=[])
    assert rules == [*catalogue.texts, "domain=a.example.com"]


@pytest.mark.parametrize("key", ["", " ", "Bearer", "Bearer "])
@pytest.mark.parametrize("url", ["https://a.example.com", "http://a.example.com"])
def test_a_key_that_is_none_registers_no_server_without_one(key: str, url: str) -> None:
    given = {"slug": "a", "display_name": "A", "url": url, "authorization": key}
    with pytest.raises(ArgsError, match="authorization: holds no key"):
        declared(McpServer, given)


@pulumi.runtime.test
def test_a_key_that_is_told_later_is_not_sent_in_clear() -> None:
    given = {"slug": "a", "display_name": "A", "url": "http://a.example.com"}
    with pytest.raises(ArgsError, match="http"):
        McpServer("a", {**given, "authorization": pulumi.Output.secret("")})  # type: ignore[typeddict-item]


def test_a_pod_of_coders_own_agents_is_refused_where_nobody_makes_its_policy() -> None:
    with pytest.raises(ArgsError, match="agentsAllowed: must be true or false"):
        declared(WorkspaceTemplate, {**TEMPLATE, "agents_allowed": "isolated"})
