"""McpServer: an MCP server that agents of the deployment may use, and how Coder proves who asks.

Coder 2.37 or newer, experimental there. Coder sends a key as one header (`api_key`); more than
one header needs `custom_headers`. Keys are write-only: sent to Coder, kept in no state.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import pulumi
import pulumi_coderd as coderd

from components import syntax
from components.boundary.credentials import masked
from components.coder.mcp_access import (
    AVAILABILITY,
    Availability,
    client_problem,
    login_problems,
    tool_problem,
)
from components.coder.mcp_headers import authorization_value, is_header_name
from components.errors import refuse
from components.rotation import rotation_version

Transport = Literal["streamable_http", "sse"]
AuthType = Literal["headers", "oauth2", "user_oidc"]
_CHOICES: Final = {
    "availability": get_args(Availability),
    "transport": get_args(Transport),
    "auth_type": get_args(AuthType),
}


@dataclass(frozen=True)
class OAuth2Client:
    """Coder as a client of the login that an MCP server names.

    Args:
        client_id: the id that the login gave Coder.
        auth_url: where people are sent to log in.
        token_url: where Coder gets their tokens.
        client_secret: None for a public client.
        revocation_url: where Coder gives tokens back.
        scopes: what Coder asks for.
    """

    client_id: str
    auth_url: str
    token_url: str
    client_secret: pulumi.Input[str] | None = field(default=None, repr=False)
    revocation_url: str | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class McpServerArgs:
    """One MCP server.

    Args:
        slug: id in Coder: a-z and 0-9 in groups joined by single hyphens.
        display_name: name shown to people.
        url: the server's endpoint. https, unless it is on this machine or takes no header.
        auth_type: `headers`; or each person's own: `oauth2`, by a login at the server's, or
            `user_oidc`, by the token of the login to Coder. Both send no header besides.
        headers: what Coder sends with every request; every value is treated as a secret.
            `Authorization` takes the whole value, its scheme included: see authorization.
        oauth2: Coder as a client, for `oauth2`. None has Coder ask the server and register itself,
            which it does when the server is made, not later: with it, its revocation_url or its
            secret given or taken away, the server is made anew.
        in_cluster: whether the URL is that of a Service, to which http may carry a credential.
        tool_allow_list: tools that agents may call; empty allows all.
        tool_deny_list: tools that agents may not call.
        availability: whether a chat has it always, at first, or only when chosen.
        enabled: whether it can be used at all.
        transport: how Coder speaks with it.
        description: one line shown to people.
        icon_url: URL or path of an icon.
        model_intent: have the model say why it calls a tool. None leaves Coder's default.
        allow_in_plan_mode: usable while an agent only plans. None leaves Coder's default.
        forward_coder_headers: tell the server who asks. None leaves Coder's default.
        organization_id: None for the provider's.
    """

    slug: str
    display_name: pulumi.Input[str]
    url: pulumi.Input[str]
    auth_type: AuthType = "headers"
    headers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict, repr=False)
    oauth2: OAuth2Client | None = None
    in_cluster: bool = False
    tool_allow_list: tuple[str, ...] = ()
    tool_deny_list: tuple[str, ...] = ()
    availability: Availability = AVAILABILITY
    enabled: pulumi.Input[bool] = True
    transport: Transport = "streamable_http"
    description: pulumi.Input[str] = ""
    icon_url: pulumi.Input[str] | None = None
    model_intent: pulumi.Input[bool] | None = None
    allow_in_plan_mode: pulumi.Input[bool] | None = None
    forward_coder_headers: pulumi.Input[bool] | None = None
    organization_id: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        refuse(f"MCP server {self.slug!r}", self._problems())

    def _problems(self) -> Iterator[str]:
        if not syntax.is_slug(self.slug):
            yield "the slug takes a-z and 0-9 in groups joined by single hyphens, up to 63"
        if isinstance(self.display_name, str) and not self.display_name.strip():
            yield "the display name is empty"
        for name, choices in _CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                yield f"{name} {value!r} is not one of {', '.join(choices)}"
        if self.headers and self.auth_type != "headers":
            yield f"Coder sends no headers of one's own with auth_type {self.auth_type}"
        if self.oauth2 and (problem := client_problem(self.auth_type, key="auth_type")):
            yield f"oauth2 {problem}"
        yield from self._url_problems()
        yield from _header_problems(self.headers)
        for tool in sorted(set(self.tool_allow_list) & set(self.tool_deny_list)):
            yield f"tool {tool!r} is both allowed and denied"
        for each in (*self.tool_allow_list, *self.tool_deny_list):
            if problem := tool_problem(each, key="tool_allow_list"):
                yield f"tool {each!r}: {problem}"
        if "" in (*self.tool_allow_list, *self.tool_deny_list):
            yield "a tool has no name"

    def _url_problems(self) -> Iterator[str]:
        confidential = bool(self.headers) or self.auth_type != "headers"
        secret = confidential and not self.in_cluster
        # A value of another resource is not known yet.
        if isinstance(self.url, str) and (
            problem := syntax.endpoint_problem(self.url, confidential=secret)
        ):
            yield f"URL {masked(self.url)!r} {problem}"
        if self.oauth2 is not None:
            for name, url, problem in login_problems(self.oauth2):
                yield f"{name} {masked(url)!r} {problem}"


class McpServer(pulumi.ComponentResource):
    """An MCP server registered with Coder.

    Attributes:
        server_id: id in Coder.
    """

    server_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: McpServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("firewalledcoder:index:McpServer", name, None, opts)
        headers = {key: pulumi.Output.secret(value) for key, value in args.headers.items()}
        version = rotation_version(f"{name}-key-version", headers, parent=self) if headers else None
        (header, key), *more = headers.items() or ((None, None),)
        client = args.oauth2
        secret = None if client is None else client.client_secret
        if secret is not None:
            secret = pulumi.Output.secret(secret)
            version = rotation_version(f"{name}-key-version", {"secret": secret}, parent=self)
        server = coderd.AgentsMcpServer(
            f"{name}-server",
            slug=args.slug,
            display_name=args.display_name,
            url=args.url,
            transport=args.transport,
            auth_type=auth_type_of(len(headers)) if args.auth_type == "headers" else args.auth_type,
            api_key_header=None if more else header,
            api_key_value_wo=None if more else key,
            api_key_value_wo_version=version if headers and not more else None,
            oauth2_client_id=client and client.client_id,
            oauth2_client_secret_wo=secret,
            oauth2_client_secret_wo_version=version if secret is not None else None,
            oauth2_auth_url=client and client.auth_url,
            oauth2_token_url=client and client.token_url,
            oauth2_revocation_url=client and client.revocation_url,
            oauth2_scopes=" ".join(client.scopes) or None if client else None,
            custom_headers_wo=headers if more else None,
            custom_headers_wo_version=version if more else None,
            tool_allow_lists=sorted(args.tool_allow_list) or None,
            tool_deny_lists=sorted(args.tool_deny_list) or None,
            availability=args.availability,
            enabled=args.enabled,
            description=args.description or None,
            icon_url=args.icon_url,
            model_intent=args.model_intent,
            allow_in_plan_mode=args.allow_in_plan_mode,
            forward_coder_headers=args.forward_coder_headers,
            organization_id=args.organization_id,
            opts=pulumi.ResourceOptions(
                parent=self,
                replacement_trigger=login_parts(args),
                # A slug is one server's: another of it is refused while this one is there.
                delete_before_replace=True,
            ),
        )
        self.server_id = server.id
        self.register_outputs({"serverId": self.server_id})


def authorization(key: pulumi.Input[str]) -> pulumi.Output[str]:
    """The value of an Authorization header for a key, given alone or with its scheme."""
    return pulumi.Output.secret(key).apply(authorization_value)


def login_parts(args: McpServerArgs) -> list[str] | None:
    """Return which parts of a login a server has, None without a login.

    Coder keeps a part that is taken out of a server that stays, and asks the server where people
    log in only when it is made (coderd_agents_mcp_server sends what is set alone), so the server
    is made anew when they are others. The engine replaces nothing for a None of before or after.
    """
    if args.auth_type != "oauth2":
        return None
    if (client := args.oauth2) is None:
        return ["discovered"]
    parts = {"secret": client.client_secret, "revocation": client.revocation_url}
    return ["client", *(name for name, part in parts.items() if part is not None)]


def auth_type_of(headers: int) -> str:
    """Return how Coder calls it that it sends so many headers with every request."""
    return ("none", "api_key")[headers] if headers < 2 else "custom_headers"


def _header_problems(headers: Mapping[str, pulumi.Input[str]]) -> Iterator[str]:
    seen: set[str] = set()
    for header, value in headers.items():
        if not is_header_name(header):
            yield f"{header!r} is no header name"
        if header.lower() in seen:
            yield f"header {header!r} is there twice"
        seen.add(header.lower())
        if value == "":
            yield f"header {header!r} has no value"
        elif isinstance(value, str) and not (value.isascii() and value.isprintable()):
            yield f"header {header!r} holds what HTTP cannot carry, such as a line end"
