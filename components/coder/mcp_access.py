"""How agents reach an MCP server, and who they are to it; no Pulumi, as settings ask too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, Protocol

from components import syntax

Availability = Literal["force_on", "default_on", "default_off"]
"""Whether a chat has a server always, at first, or only when chosen."""
AVAILABILITY: Final[Availability] = "default_off"


class LoginUrls(Protocol):
    """The addresses of the login that an MCP server names, to which credentials are sent."""

    @property
    def auth_url(self) -> str:
        """Where people are sent to log in."""

    @property
    def token_url(self) -> str:
        """Where Coder gets their tokens."""

    @property
    def revocation_url(self) -> str | None:
        """Where Coder gives tokens back."""


def client_problem(auth_type: str, *, key: str) -> str:
    """Return why Coder as a client of a login does not go with a way to prove who asks.

    Args:
        auth_type: that way.
        key: what it is called where it is said.
    """
    return "" if auth_type == "oauth2" else f"is for {key} oauth2, and this is {auth_type}"


def login_problems(client: LoginUrls) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and fault of a login's URLs."""
    for name in ("auth_url", "token_url", "revocation_url"):
        url = getattr(client, name)
        if url is not None and (problem := syntax.endpoint_problem(url, confidential=True)):
            yield name, url, problem


def tool_problem(tool: str, *, key: str) -> str:
    """Return why a name of a tool is none: Coder compares it letter by letter.

    Args:
        tool: as it is given.
        key: what the list of allowed tools is called where it is said.
    """
    if not set(tool) & {"*", "?"}:
        return ""
    return (
        f"Coder takes no pattern here: name each tool as the server does, or leave {key} empty "
        "for every tool of it"
    )
