"""The section `mcpServers`."""

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field
from pydantic.alias_generators import to_camel

from components import syntax
from components.coder.mcp_access import (
    AVAILABILITY,
    Availability,
    client_problem,
    login_problems,
    tool_problem,
)
from components.coder.mcp_headers import READ_ONLY_HEADER, authorization_value
from components.settings.section import Flag, SettingsSection, no_list
from components.settings.types import (
    DisplayName,
    Endpoint,
    NoDuplicates,
    Slug,
)


class OAuth2(SettingsSection):
    """Coder as a client of a server's login; its secret is `mcp.<slug>`, if it has one."""

    client_id: str = Field(min_length=1, description="Id that the login gave Coder.")
    auth_url: Endpoint = Field(description="Where people are sent to log in.")
    token_url: Endpoint = Field(description="Where Coder gets their tokens.")
    revocation_url: Endpoint | None = Field(
        None,
        description="Where Coder gives tokens back; given or taken away, the server is made anew.",
    )
    scopes: Annotated[list[Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$")]], NoDuplicates] = Field(
        default_factory=no_list, description="Scopes that Coder asks for."
    )


class McpServerSettings(SettingsSection):
    """One MCP server for agents; its key is the secret `mcp.<slug>`."""

    slug: Slug = Field(description="Slug in Coder.")
    display_name: DisplayName = Field(min_length=1, description="Name that people see.")
    url: Endpoint = Field(description="Its streamable HTTP endpoint.")
    description: str = Field("", description="One line that people see.")
    auth_type: Literal["api_key", "none", "oauth2", "user_oidc"] = Field(
        "api_key",
        description="Who an agent is to the server. api_key: whom the key is for; none: nobody; "
        "oauth2: each person, who logs in there; user_oidc: each person, by the token of their "
        "login to Coder.",
    )
    oauth2: OAuth2 | None = Field(
        None,
        description="For authType oauth2; null: Coder asks the server and registers itself. Given "
        "or taken away, the server is made anew.",
    )
    in_cluster: Flag = Field(
        False, description="A Service of coderd's cluster, NAME.NAMESPACE.svc, which may be http."
    )
    read_only: Flag = Field(
        True,
        description="Send X-MCP-Readonly: true, unless the URL ends in /readonly.",
    )
    tools: Annotated[list[Annotated[str, Field(min_length=1)]], NoDuplicates] = Field(
        default_factory=no_list,
        description="Tools allowed, each by its name; all if empty.",
    )
    availability: Availability = Field(AVAILABILITY, description="Whether chats start with it.")

    @property
    def takes_secret(self) -> bool:
        """Whether the server has a secret of the stack's: a key, or that of Coder as a client."""
        return self.auth_type == "api_key" or (
            self.auth_type == "oauth2" and self.oauth2 is not None
        )

    @property
    def personal(self) -> bool:
        """Whether each person proves who they are, which nobody can for them."""
        return self.auth_type in {"oauth2", "user_oidc"}

    def headers(self, key: str | None) -> dict[str, str]:
        """Return what Coder sends with every request, but for a person's own token.

        Args:
            key: the server's secret, if it is known.
        """
        proof = key is not None and self.auth_type == "api_key"
        return {
            **({"Authorization": authorization_value(key)} if proof and key else {}),
            **({READ_ONLY_HEADER: "true"} if self._says_read_only else {}),
        }

    @property
    def _says_read_only(self) -> bool:
        return self.read_only and not urlsplit(self.url).path.rstrip("/").endswith("/readonly")

    def problems(self) -> Iterator[tuple[str, str | bool, str]]:
        """Yield what does not fit together: a key of the server, its value, what is right."""
        confidential = (self.personal or bool(self.headers("key"))) and not self.in_cluster
        if problem := syntax.endpoint_problem(self.url, confidential=confidential):
            yield "url", self.url, problem
        elif self.in_cluster and not syntax.is_service_host(urlsplit(self.url).hostname or ""):
            yield (
                "url",
                self.url,
                "is no Service of a cluster, such as http://mcp.tools.svc:8080/mcp",
            )
        for index, tool in enumerate(self.tools):
            if problem := tool_problem(tool, key="tools"):
                yield f"tools[{index}]", tool, problem
        if self.oauth2 is not None:
            if problem := client_problem(self.auth_type, key="authType"):
                yield "oauth2", "", problem
            for name, url, problem in login_problems(self.oauth2):
                yield f"oauth2.{to_camel(name)}", url, problem
        if self.personal and self._says_read_only:
            yield (
                "readOnly",
                True,
                f"Coder sends no header of ours with authType {self.auth_type}: name a URL that "
                "reads alone, which ends in /readonly, or use false",
            )
