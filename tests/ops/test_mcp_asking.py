"""What a report says of how an MCP server is asked, in the settings' words."""

from typing import Any

import pytest

from ops.mcp_asking import asking
from ops.mcp_changes import server_change, server_lines, server_warnings
from tests.ops.test_mcp_changes import previewed

HEADER = {"authType": "api_key", "apiKeyHeader": "X-MCP-Readonly"}
KEY = {"authType": "api_key", "apiKeyHeader": "Authorization"}
BOTH = {"authType": "custom_headers"}
NOTHING = {"authType": "none"}
OIDC = {"authType": "user_oidc"}
LOGIN = {
    "authType": "oauth2",
    "oauth2AuthUrl": "https://auth.example.com/authorize",
    "oauth2TokenUrl": "https://auth.example.com/token",
    "oauth2Scopes": "read:jira",
}
READS = "an MCP server is no longer asked to read only"
NOBODY = "an MCP server is asked without proof of who asks"
TOKENS = "an MCP server gets the token of each person's login to Coder"
MOVED = "an MCP server's login is at another address"
MORE = "an MCP server's login is asked for more"
NO_MORE = "  - ⚠️ **no longer asked to read only** (`X-MCP-Readonly`)"


@pytest.mark.parametrize(
    ("old", "new", "warnings", "said"),
    [
        (BOTH, KEY, (READS,), NO_MORE),
        (HEADER, NOTHING, (READS,), NO_MORE),
        (KEY, BOTH, (), "  - asked to read only from now on"),
        # Coder's word for it is that of a key.
        (
            HEADER,
            BOTH,
            (),
            "  - what proves who asks: `none` (nothing is sent) → `api_key` (one key for "
            "everybody)",
        ),
        (
            BOTH,
            HEADER,
            (NOBODY,),
            "  - ⚠️ what proves who asks: `api_key` (one key for everybody) → `none` (nothing is "
            "sent)",
        ),
        (
            HEADER,
            OIDC,
            (TOKENS, READS),
            "  - ⚠️ what proves who asks: `none` (nothing is sent) → `user_oidc` (the token of each "
            "person's login to Coder)",
        ),
        (
            LOGIN,
            {**LOGIN, "oauth2TokenUrl": "https://evil.example/token"},
            (MOVED,),
            "  - ⚠️ Coder gets their tokens at: `https://auth.example.com/token` → "
            "`https://evil.example/token`",
        ),
        (
            LOGIN,
            {**LOGIN, "oauth2Scopes": "read:jira admin"},
            (MORE,),
            "  - ⚠️ scopes that Coder asks for: more: `admin`",
        ),
        (
            LOGIN,
            {**LOGIN, "oauth2Scopes": None},
            (MORE,),
            "  - ⚠️ scopes that Coder asks for: no longer: `read:jira`; whatever the login gives "
            "unasked",
        ),
        (
            {**LOGIN, "oauth2Scopes": "a read:jira"},
            LOGIN,
            (),
            "  - scopes that Coder asks for: no longer: `a`",
        ),
        (
            KEY,
            {**KEY, "availability": "force_on"},
            ("an MCP server is in every chat",),
            "  - ⚠️ in chats: `default_off` → `force_on` (every chat has it, and nobody can leave "
            "it out)",
        ),
    ],
)
def test_what_gets_weaker_is_said_in_words_and_in_the_headline(
    old: dict[str, Any], new: dict[str, Any], warnings: tuple[str, ...], said: str
) -> None:
    (step,) = previewed("update", old, new).steps
    change = server_change(step)
    assert server_warnings([change]) == warnings
    lines = server_lines(change, lambda rest: [each.path for each in rest])
    assert said in lines
    assert "authType" not in "".join(lines)


@pytest.mark.parametrize("inputs", [HEADER, KEY, BOTH, NOTHING, OIDC, LOGIN])
def test_what_stays_is_not_told(inputs: dict[str, Any]) -> None:
    (step,) = previewed("update", inputs, {**inputs, "description": "x"}).steps
    assert asking(step) == ()


def test_an_address_that_reads_alone_is_as_good_as_the_header() -> None:
    url = {"url": "https://mcp.example/readonly"}
    (step,) = previewed("update", {**url, **KEY}, {"url": "https://mcp.example/", **KEY}).steps
    assert [each.warning for each in asking(step)] == [READS]
    (step,) = previewed("update", BOTH, {**url, **KEY}).steps
    assert asking(step) == ()


def test_a_server_that_is_new_is_not_weaker_but_for_whose_token_it_gets() -> None:
    (step,) = previewed("create", {}, LOGIN).steps
    assert not any(each.warning for each in asking(step))
    (step,) = previewed("create", {}, OIDC).steps
    assert [each.warning for each in asking(step) if each.warning] == [TOKENS]
