"""How an agent leaves its firewall through Coder itself, and the contract that denies it.

The owner's session token is in the agent's environment: what its owner may do in Coder, an agent
may do whose policy lets the request through. A request of the table makes or starts what runs
outside the firewall, or another token. They are read of Coder's API; coderd 2.30 gave a token from
inside a real jail, and took the request for a workspace.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from components.boundary.contract import Contract, Expectation
from components.boundary.coverage import Part, Pattern, overlaps_path
from components.boundary.rule import WILDCARD
from components.boundary.url import UrlError, parse


class Door(NamedTuple):
    """A request by which an agent leaves; a `*` in the path is one segment, at the end more."""

    method: str
    path: Pattern
    why: str


def _doors(why: str, *requests: str) -> tuple[Door, ...]:
    split = (request.split(" /") for request in requests)
    return tuple(Door(method, tuple(path.split("/")), why) for method, path in split)


DOORS: Final = (
    *_doors(
        "an agent makes itself a token, which outlives the workspace",
        "POST /api/v2/users/*/keys",
        "POST /api/v2/users/*/keys/tokens",
    ),
    *_doors(
        "an agent makes a workspace without a firewall",
        "POST /api/v2/users/*/workspaces",
        "POST /api/v2/organizations/*/members/*/workspaces",
    ),
    *_doors(
        "an agent starts a workspace, on a template version of its choice",
        "POST /api/v2/workspaces/*/builds",
    ),
    *_doors(
        "an agent starts another agent, outside its firewall",
        "POST /api/v2/tasks/*",
        "POST /api/experimental/tasks/*",
        "POST /api/v2/chats",
        "POST /api/v2/chats/*",
        "POST /api/experimental/chats",
        "POST /api/experimental/chats/*",
    ),
    *_doors(
        "an agent uses the tools of Coder's MCP server, which make and enter workspaces",
        "POST /api/experimental/mcp/http",
    ),
    *_doors(
        "an agent of a template admin changes the template that confines it",
        "POST /api/v2/organizations/*/templates",
        "POST /api/v2/organizations/*/templateversions",
        "PATCH /api/v2/templates/*/versions",
    ),
    *_doors(
        "an agent speaks to the apps of workspaces, also of one without a firewall",
        "POST /*/*/apps/*",
    ),
)


def door(part: Part) -> Door | None:
    """Return the first door that a part of a rule on Coder's host opens, None for none."""
    for each in DOORS:
        if part.method in (WILDCARD, each.method) and overlaps_path(part.path, each.path):
            return each
    return None


# What the shipped contract tries: an id is as good as any other.
_SOME = "00000000-0000-0000-0000-000000000000"
_GATEWAY = "/api/v2/ai-gateway/anthropic/v1"


def _demands() -> tuple[tuple[str, str, str], ...]:
    doors = (
        (each.method, "/" + "/".join(each.path).replace(WILDCARD, _SOME), each.why)
        for each in DOORS
    )
    people = "an agent looks nobody up"
    dots = "dot segments lead nowhere, whatever resolves them between Boundary and Coder"
    return (
        *doors,
        *(("GET", f"/api/v2/users{end}", people) for end in ("", "/me", f"/{_SOME}")),
        ("GET", "/api/v2/workspaceagents/me/gitsshkey", "an agent gets no private key"),
        *(
            ("POST", f"{_GATEWAY}/{'/'.join([dot] * 4)}/users/me/keys/tokens", dots)
            for dot in ("..", "%2e%2e", "%2E.")
        ),
        ("POST", f"{_GATEWAY}/..%2f..%2f..%2f..%2fusers%2fme%2fkeys%2ftokens", dots),
        ("GET", "/api/v2/workspaceagents/me/../../users/me", dots),
        ("GET", "/api/v2/buildinfo/../users/me", dots),
    )


def with_own(contract: Contract, coder_host: str) -> Contract:
    """Return `contract` and what the catalogue itself demands where agents of a Coder are confined.

    What the contract wants allowed is not demanded to be denied: a stack may, and says why.
    """
    wanted = {(each.method, _path(each.url, coder_host)) for each in contract.must_allow}
    own = tuple(
        Expectation(method, f"https://{coder_host}{path}", why)
        for method, path, why in _demands()
        if (method, path) not in wanted
    )
    return replace(contract, must_deny=(*contract.must_deny, *own))


def _path(url: str, host: str) -> str | None:
    try:
        target = parse(url)
    except UrlError:
        return None
    return target.path if target.host == host else None
