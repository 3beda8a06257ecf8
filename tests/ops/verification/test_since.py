"""What has changed since evidence was made, and what of it was compared at all."""

from dataclasses import replace
from typing import Any

import pytest

from ops.verification.evidence import Evidence
from ops.verification.left_out import LeftOut
from ops.verification.since import Now, Since, compare
from tests.ops.verification.test_evidence import EVIDENCE

FIREWALLED = EVIDENCE.versions["firewalled"]
GITHUB = (EVIDENCE.mcp_servers or {})["github"]
NOW = Now(
    commit=EVIDENCE.commit,
    dirty=False,
    release="v2.37.0",
    url="https://dev.coder.com",
    versions=EVIDENCE.versions,
    mcp_servers=EVIDENCE.mcp_servers,
)


def since(before: Evidence = EVIDENCE, **changes: Any) -> Since:
    return compare(before, replace(NOW, **changes))


def test_nothing_has_changed_and_what_was_compared_is_said() -> None:
    compared, not_compared, told = since().lines
    assert compared == (
        "compared: the checkout's commit; Coder's URL; Coder's release; version, policy and "
        "agents_allowed of template firewalled; address, tools and login of MCP server github"
    )
    assert not_compared.startswith("not compared: what was seen in workspaces, of the cluster")
    assert told == "nothing of what is compared has changed since"


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"commit": "c" * 40}, ["the checkout: aaaaaaaaaaaa → cccccccccccc"]),
        ({"release": "v2.38.1"}, ["Coder's release: v2.37.0 → v2.38.1"]),
        ({"url": "https://x"}, ["Coder's URL: https://dev.coder.com → https://x"]),
        (
            {"versions": {"firewalled": {**FIREWALLED, "agents_allowed": "true"}}},
            ["template firewalled: agents_allowed false → true"],
        ),
        (
            {"versions": {"firewalled": {**FIREWALLED, "version": "owl", "id": "v-2"}}},
            ["template firewalled: id v-1 → v-2", "template firewalled: version kind-otter → owl"],
        ),
        ({"versions": {**EVIDENCE.versions, "open": {}}}, ["template open is new"]),
        ({"versions": {}}, ["template firewalled is gone"]),
        (
            {"mcp_servers": {"github": {**GITHUB, "url": "https://evil", "tools": "every tool"}}},
            [
                "MCP server github: tools get_me, search → every tool",
                "MCP server github: url https://mcp.example.com/ → https://evil",
            ],
        ),
        ({"mcp_servers": {}}, ["MCP server github is gone"]),
        ({"mcp_servers": {"github": GITHUB, "jira": {}}}, ["MCP server jira is new"]),
        ({"mcp_servers": None}, ["MCP servers: Coder does not list them to this token now"]),
        (
            {"mcp_servers": {"github": {"tools": "get_me, search", "auth_type": "api_key"}}},
            ["MCP server github: url https://mcp.example.com/ → hidden from this token"],
        ),
    ],
)
def test_what_has_changed(changes: dict[str, Any], lines: list[str]) -> None:
    assert since(**changes).changed == lines
    assert since(**changes).lines[2:] == lines


def test_what_the_evidence_does_not_know_is_no_change_and_is_said() -> None:
    """Of an older format, and of a token that saw less."""
    old = {key: value for key, value in FIREWALLED.items() if key != "agents_allowed"}
    first = replace(EVIDENCE, format=1, versions={"firewalled": old}, mcp_servers=None)
    found = since(first)
    assert found.changed == []
    assert "agents_allowed, which evidence of this format does not have" in found.not_compared
    assert "MCP servers, which the evidence does not have" in found.not_compared
    assert "version and policy of template firewalled" in found.compared
    less = {key: value for key, value in GITHUB.items() if key != "url"}
    found = since(replace(EVIDENCE, mcp_servers={"github": less}))
    assert found.changed == []
    assert "what Coder hid of MCP server github then" in found.not_compared


def test_what_was_left_out_is_not_new() -> None:
    part = replace(EVIDENCE, left_out=LeftOut(("mcp",), ("open",), ("path.built",)))
    found = since(part, versions={**EVIDENCE.versions, "open": {}, "other": {}})
    assert found.changed == ["template other is new"]
    assert "template open, which the evidence leaves out" in found.not_compared


def test_what_cannot_be_compared_is_said() -> None:
    without = {id: each for id, each in EVIDENCE.catalogue.items() if id != "jail.tcp"}
    found = since(replace(EVIDENCE, dirty=True, catalogue=without), dirty=True)
    assert found.changed == []
    assert found.not_compared[:3] == [
        "the checkout's uncommitted changes of then",
        "the checkout's uncommitted changes of now",
        "checks that the evidence does not know: jail.tcp",
    ]


def test_a_stand_in_may_listen_elsewhere() -> None:
    local = replace(EVIDENCE, stood_in={"jail.udp": "a process"})
    assert since(local, url="http://127.0.0.1:9").changed == []
