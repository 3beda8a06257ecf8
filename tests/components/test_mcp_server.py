import json
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components import mcp_server
from components.coder.mcp_headers import (
    READ_ONLY_HEADER,
    authorization_problem,
    authorization_value,
)
from components.errors import ArgsError
from components.mcp_server import (
    McpServer,
    McpServerArgs,
    OAuth2Client,
    authorization,
    login_parts,
)
from tests.components.github_mcp import GITHUB_READ_ONLY_TOOLS, GITHUB_URL
from tests.components.recording import Recorder, record

SECRET_MARK = "4dabf18193072939515e22adb298388d"
KEY = "ghp-key-of-the-test"


CLIENT = OAuth2Client(
    "coder", "https://l.example/authorize", "https://l.example/token", scopes=("read", "issues")
)


def args(**given: Any) -> McpServerArgs:
    return McpServerArgs(**{"slug": "github", "display_name": "GitHub", "url": GITHUB_URL, **given})


def declare(**given: Any) -> tuple[Recorder, dict[str, Any]]:
    def program() -> dict[str, pulumi.Output[Any]]:
        # Outputs belong to the event loop of the program, so they are made in it.
        made = {key: value() if callable(value) else value for key, value in given.items()}
        return {"id": McpServer("github", args(**made)).server_id}

    return record(program, {"random:index/randomInteger:RandomInteger": {"result": 7}})


def server(**given: Any) -> dict[str, Any]:
    recorder, outputs = declare(**given)
    assert outputs == {"id": "github-server-id"}
    (inputs,) = recorder.of("AgentsMcpServer")
    return dict(inputs)


def revealed(value: Any) -> Any:
    assert SECRET_MARK in value
    return value["value"]


def test_one_header_is_an_api_key() -> None:
    inputs = server(
        headers=lambda: {"Authorization": authorization(KEY)},
        tool_allow_list=GITHUB_READ_ONLY_TOOLS,
    )
    assert revealed(inputs.pop("apiKeyValueWo")) == f"Bearer {KEY}"
    assert inputs == {
        "slug": "github",
        "displayName": "GitHub",
        "url": "https://api.githubcopilot.com/mcp/readonly",
        "transport": "streamable_http",
        "authType": "api_key",
        "apiKeyHeader": "Authorization",
        "apiKeyValueWoVersion": 7,
        "toolAllowLists": sorted(GITHUB_READ_ONLY_TOOLS),
        "availability": "default_off",
        "enabled": True,
    }


def test_two_headers_are_custom_headers() -> None:
    inputs = server(headers=lambda: {"Authorization": authorization(KEY), READ_ONLY_HEADER: "true"})
    assert inputs["authType"] == "custom_headers"
    assert revealed(inputs["customHeadersWo"]) == {
        "Authorization": f"Bearer {KEY}",
        "X-MCP-Readonly": "true",
    }
    assert inputs["customHeadersWoVersion"] == 7
    assert not {key for key in inputs if key.startswith("apiKey")}


def test_no_header_is_no_authentication() -> None:
    recorder, _ = declare()
    (inputs,) = recorder.of("AgentsMcpServer")
    assert inputs["authType"] == "none"
    assert not {key for key in inputs if "Wo" in key or key.startswith("apiKey")}
    assert recorder.of("RandomInteger") == []


def test_switches() -> None:
    given = {
        "tool_deny_list": ("delete_repository",),
        "availability": "force_on",
        "enabled": False,
        "transport": "sse",
        "description": "Repositories",
        "icon_url": "/icon/github.svg",
        "model_intent": True,
        "allow_in_plan_mode": True,
        "forward_coder_headers": False,
        "organization_id": "organization",
    }
    inputs = server(**given)
    expected = {
        "toolDenyLists": ["delete_repository"],
        "availability": "force_on",
        "enabled": False,
        "transport": "sse",
        "description": "Repositories",
        "iconUrl": "/icon/github.svg",
        "modelIntent": True,
        "allowInPlanMode": True,
        "forwardCoderHeaders": False,
        "organizationId": "organization",
    }
    assert {key: inputs[key] for key in expected} == expected


def keepers(**given: Any) -> Any:
    recorder, _ = declare(**given)
    (version,) = recorder.of("RandomInteger")
    return revealed(version["keepers"])


def test_a_changed_key_bumps_the_version() -> None:
    before = keepers(headers=lambda: {"Authorization": authorization(KEY)})
    assert before == keepers(headers=lambda: {"Authorization": authorization(KEY)})
    assert before != keepers(headers=lambda: {"Authorization": authorization(KEY + "x")})
    assert before != keepers(headers=lambda: {"X-Key": authorization(KEY)})


def test_the_key_stands_in_the_write_only_input_alone() -> None:
    recorder, _ = declare(
        headers=lambda: {"Authorization": authorization(KEY), READ_ONLY_HEADER: "true"}
    )
    others = [a.inputs for a in recorder.registered if not a.typ.endswith("AgentsMcpServer")]
    assert KEY not in json.dumps(others)
    (inputs,) = recorder.of("AgentsMcpServer")
    inputs.pop("customHeadersWo")
    assert KEY not in json.dumps(inputs)
    assert KEY not in repr(args(headers={"Authorization": KEY}))


@pytest.mark.parametrize(
    ("key", "header"),
    [
        (KEY, f"Bearer {KEY}"),
        (f"Bearer {KEY}", f"Bearer {KEY}"),
        (f" Bearer  {KEY}\n", f"Bearer {KEY}"),
        (f"bearer {KEY}", f"Bearer {KEY}"),
        (f"BEARER\t{KEY}", f"Bearer {KEY}"),
        ("Basic dTpw", "Basic dTpw"),
        (f"token {KEY}", f"token {KEY}"),
        ('Digest username="u", realm="r"', 'Digest username="u", realm="r"'),
        ("bearerkey", "Bearer bearerkey"),
    ],
)
def test_a_scheme_is_said_once(key: str, header: str) -> None:
    assert authorization_problem(key) is None
    assert authorization_value(key) == header
    inputs = server(headers=lambda: {"Authorization": authorization(key)})
    assert revealed(inputs["apiKeyValueWo"]) == header
    assert authorization_value(header) == header


@pytest.mark.parametrize(
    "key",
    [
        "",
        " ",
        "Bearer",
        "basic ",
        "a\x07b",
        "schlüssel",
        "a@b c",
        "Bearer Bearer x1",
        "Basic a b",
        "bearer x y",
    ],
)
def test_a_key_that_cannot_be_sent(key: str) -> None:
    problem = authorization_problem(key)
    assert problem
    assert key.strip() not in problem or not key.strip() or key.strip().isalpha()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"slug": "Git Hub"}, "the slug takes"),
        ({"display_name": " "}, "display name is empty"),
        ({"availability": "always"}, "force_on, default_on, default_off"),
        ({"transport": "stdio"}, "streamable_http, sse"),
        ({"slug": "git--hub"}, "single hyphens"),
        ({"url": "api.example.com/mcp"}, "must be a URL such as https"),
        ({"url": "ftp://api.example.com/mcp"}, "must be a URL such as https"),
        ({"url": "https://api.example.com:x/mcp"}, "must be a URL such as https"),
        ({"url": "https://api.example.com:65536/mcp"}, "must be a URL such as https"),
        ({"url": "https://u:s3cr3t@api.example.com/mcp"}, "must hold no user or password"),
        ({"url": "https://s3cr3t@api.example.com/mcp"}, "must hold no user or password"),
        ({"url": "https://api.example.com/mcp?token=s3cr3t"}, "a credential in its query"),
        ({"headers": {"X-Key": "s3cr3t\nX-Other: 1"}}, "what HTTP cannot carry"),
        ({"url": "http://api.example.com/mcp", "headers": {"K": "v"}}, "in clear; use https"),
        ({"headers": {"A b": "s3cr3t"}}, "is no header name"),
        ({"headers": {"": "s3cr3t"}}, "is no header name"),
        ({"headers": {"X-Key": "s3cr3t", "x-key": "s3cr3t"}}, "is there twice"),
        ({"headers": {"X-Key": ""}}, "has no value"),
        ({"tool_allow_list": ("a",), "tool_deny_list": ("a",)}, "both allowed and denied"),
        ({"tool_allow_list": ("",)}, "a tool has no name"),
        ({"tool_allow_list": ("*",)}, "leave tool_allow_list empty for every tool"),
        ({"tool_deny_list": ("delete_*",)}, "Coder takes no pattern here"),
        ({"auth_type": "basic"}, "headers, oauth2, user_oidc"),
        ({"auth_type": "oauth2", "headers": {"K": "s3cr3t"}}, "no headers of one's own"),
        ({"auth_type": "user_oidc", "url": "http://a.example.com/mcp"}, "in clear; use https"),
        ({"oauth2": CLIENT}, "oauth2 is for auth_type oauth2"),
        (
            {"auth_type": "oauth2", "oauth2": replace(CLIENT, token_url="http://l.example/t")},
            "token_url 'http://l.example/t' would send",
        ),
    ],
)
def test_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgsError, match=message) as caught:
        args(**given)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/mcp", "http://localhost/mcp"])
def test_this_machine_needs_no_https(url: str) -> None:
    assert args(url=url, headers={"K": "v"}).url == url


def test_a_service_of_the_cluster_needs_no_https() -> None:
    url = "http://mcp.tools.svc:8080/mcp"
    assert args(url=url, headers={"K": "v"}, in_cluster=True).url == url


def test_each_person_logs_in_at_the_servers_own() -> None:
    inputs = server(
        auth_type="oauth2",
        oauth2=lambda: replace(CLIENT, client_secret=pulumi.Output.secret(KEY)),
    )
    assert inputs["authType"] == "oauth2"
    assert inputs["oauth2ClientId"] == "coder"
    assert inputs["oauth2AuthUrl"] == "https://l.example/authorize"
    assert inputs["oauth2TokenUrl"] == "https://l.example/token"
    assert inputs["oauth2Scopes"] == "read issues"
    assert revealed(inputs["oauth2ClientSecretWo"]) == KEY
    assert inputs["oauth2ClientSecretWoVersion"] == 7
    assert not {"apiKeyHeader", "customHeadersWo", "oauth2RevocationUrl"} & inputs.keys()


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ({"auth_type": "user_oidc"}, set()),
        # Coder asks the server where people log in.
        ({"auth_type": "oauth2"}, set()),
        # A public client.
        (
            {"auth_type": "oauth2", "oauth2": replace(CLIENT, scopes=())},
            {"oauth2ClientId", "oauth2AuthUrl", "oauth2TokenUrl"},
        ),
    ],
)
def test_nothing_secret_goes_to_coder(given: dict[str, Any], keys: set[str]) -> None:
    inputs = server(**given)
    assert inputs["authType"] == given["auth_type"]
    assert {key for key in inputs if key.startswith(("oauth2", "apiKey", "custom"))} == keys


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({}, None),
        ({"headers": {"K": "v"}}, None),
        ({"auth_type": "user_oidc"}, None),
        ({"auth_type": "oauth2"}, ["discovered"]),
        ({"auth_type": "oauth2", "oauth2": CLIENT}, ["client"]),
        ({"auth_type": "oauth2", "oauth2": replace(CLIENT, client_id="other")}, ["client"]),
        (
            {
                "auth_type": "oauth2",
                "oauth2": replace(CLIENT, client_secret=KEY, revocation_url="https://l.example/r"),
            },
            ["client", "secret", "revocation"],
        ),
    ],
)
def test_what_coder_would_keep_of_a_login_has_the_server_made_anew(
    given: dict[str, Any], parts: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[pulumi.ResourceOptions] = []
    made = mcp_server.coderd.AgentsMcpServer

    def seen(*name: Any, opts: pulumi.ResourceOptions, **inputs: Any) -> Any:
        found.append(opts)
        return made(*name, opts=opts, **inputs)

    monkeypatch.setattr(mcp_server.coderd, "AgentsMcpServer", seen)
    declare(**given)
    (opts,) = found
    # Another of the same slug is refused while this one is there.
    assert (opts.replacement_trigger, opts.delete_before_replace) == (parts, True)
    assert login_parts(args(**given)) == parts
