"""McpServer, for programs in other languages."""

from typing import NotRequired, TypedDict

import pulumi

from components import mcp_server
from components.coder.mcp_headers import authorization_problem
from components.errors import refuse
from components.package.inputs import build, known


class OAuth2ClientInputs(TypedDict):
    """Coder as a client of the login that an MCP server names."""

    client_id: str
    """The id that the login gave Coder."""
    auth_url: str
    """Where people are sent to log in."""
    token_url: str
    """Where Coder gets their tokens."""
    client_secret: NotRequired[pulumi.Input[str]]
    """Unset for a public client; treated as a secret."""
    revocation_url: NotRequired[str]
    """Where Coder gives tokens back."""
    scopes: NotRequired[list[str]]
    """What Coder asks for."""


class McpServerInputs(TypedDict):
    """One MCP server that agents may use."""

    slug: str
    """Id in Coder: a-z and 0-9 in groups joined by single hyphens."""
    display_name: pulumi.Input[str]
    """Name shown to people."""
    url: pulumi.Input[str]
    """The server's endpoint. https, unless it is on this machine or takes no header."""
    authorization: NotRequired[pulumi.Input[str]]
    """A key, alone or with its scheme; sent as the header Authorization."""
    headers: NotRequired[dict[str, pulumi.Input[str]]]
    """What Coder sends with every request; every value is treated as a secret."""
    auth_type: NotRequired[str]
    """headers; or each person's own: oauth2, by a login at the server's, or user_oidc."""
    oauth2: NotRequired[OAuth2ClientInputs]
    """Coder as a client, for oauth2; unset, Coder asks the server and registers itself."""
    in_cluster: NotRequired[bool]
    """Whether the URL is that of a Service, to which http may carry a credential."""
    tool_allow_list: NotRequired[list[str]]
    """Tools that agents may call; empty allows all."""
    tool_deny_list: NotRequired[list[str]]
    """Tools that agents may not call."""
    availability: NotRequired[str]
    """Whether a chat has it: force_on, default_on or default_off."""
    enabled: NotRequired[pulumi.Input[bool]]
    """Whether it can be used at all."""
    transport: NotRequired[str]
    """How Coder speaks with it: streamable_http or sse."""
    description: NotRequired[pulumi.Input[str]]
    """One line shown to people."""
    icon_url: NotRequired[pulumi.Input[str]]
    """URL or path of an icon."""
    model_intent: NotRequired[pulumi.Input[bool]]
    """Have the model say why it calls a tool."""
    allow_in_plan_mode: NotRequired[pulumi.Input[bool]]
    """Usable while an agent only plans."""
    forward_coder_headers: NotRequired[pulumi.Input[bool]]
    """Tell the server who asks."""
    organization_id: NotRequired[pulumi.Input[str]]
    """Organization of the server; the provider's if not given."""


class McpServer(mcp_server.McpServer):
    """An MCP server registered with Coder, authenticated by headers that no state keeps."""

    def __init__(
        self, name: str, args: McpServerInputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        known(McpServerInputs, args)
        headers = dict(args.get("headers") or {})
        # An empty one is none that was left out: a server without a key is asked for by neither.
        if (key := args.get("authorization")) is not None:
            problem = authorization_problem(key) if isinstance(key, str) else None
            refuse("McpServer", [f"authorization: {problem}"] if problem else [])
            headers["Authorization"] = mcp_server.authorization(key)
        super().__init__(name, build(mcp_server.McpServerArgs, args, headers=headers), opts)
