"""McpServer: an MCP server that agents of the deployment may use, authenticated by headers.

Coder 2.37 or newer, experimental there. Coder sends a key as one header (`api_key`); more than
one header needs `custom_headers`. Keys are write-only: sent to Coder, kept in no state.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import pulumi
import pulumi_coderd as coderd

from components import syntax
from components.boundary.credentials import masked
from components.coder.mcp_headers import HEADER_NAME, authorization_value
from components.errors import refuse
from components.rotation import rotation_version

Availability = Literal["force_on", "default_on", "default_off"]
Transport = Literal["streamable_http", "sse"]

GITHUB_URL: Final = "https://api.githubcopilot.com/mcp/"
GITHUB_READ_ONLY_TOOLS: Final = (
    "get_me",
    "search_repositories",
    "get_repository",
    "search_code",
    "list_issues",
    "get_issue",
    "list_pull_requests",
    "get_pull_request",
)
_AVAILABILITIES: Final = ("force_on", "default_on", "default_off")
_TRANSPORTS: Final = ("streamable_http", "sse")


@dataclass(frozen=True)
class McpServerArgs:
    """One MCP server.

    Args:
        slug: id in Coder: a-z and 0-9 in groups joined by single hyphens.
        display_name: name shown to people.
        url: the server's endpoint. https, unless it is on this machine or takes no header.
        headers: what Coder sends with every request; every value is treated as a secret.
            `Authorization` takes the whole value, its scheme included: see authorization.
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
    headers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict, repr=False)
    tool_allow_list: tuple[str, ...] = ()
    tool_deny_list: tuple[str, ...] = ()
    availability: Availability = "default_off"
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
        if self.availability not in _AVAILABILITIES:
            yield f"availability {self.availability!r} is not one of {', '.join(_AVAILABILITIES)}"
        if self.transport not in _TRANSPORTS:
            yield f"transport {self.transport!r} is not one of {', '.join(_TRANSPORTS)}"
        if isinstance(self.url, str) and (
            problem := syntax.endpoint_problem(self.url, confidential=bool(self.headers))
        ):
            yield f"URL {masked(self.url)!r} {problem}"
        yield from _header_problems(self.headers)
        for tool in sorted(set(self.tool_allow_list) & set(self.tool_deny_list)):
            yield f"tool {tool!r} is both allowed and denied"
        if "" in (*self.tool_allow_list, *self.tool_deny_list):
            yield "a tool has no name"


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
        server = coderd.AgentsMcpServer(
            f"{name}-server",
            slug=args.slug,
            display_name=args.display_name,
            url=args.url,
            transport=args.transport,
            auth_type=_auth_type(len(headers)),
            api_key_header=None if more else header,
            api_key_value_wo=None if more else key,
            api_key_value_wo_version=None if more else version,
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
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.server_id = server.id
        self.register_outputs({"serverId": self.server_id})


def authorization(key: pulumi.Input[str]) -> pulumi.Output[str]:
    """The value of an Authorization header for a key, given alone or with its scheme."""
    return pulumi.Output.secret(key).apply(authorization_value)


def _auth_type(headers: int) -> str:
    return ("none", "api_key")[headers] if headers < 2 else "custom_headers"


def _header_problems(headers: Mapping[str, pulumi.Input[str]]) -> Iterator[str]:
    seen: set[str] = set()
    for header, value in headers.items():
        if not HEADER_NAME.match(header):
            yield f"{header!r} is no header name"
        if header.lower() in seen:
            yield f"header {header!r} is there twice"
        seen.add(header.lower())
        if value == "":
            yield f"header {header!r} has no value"
        elif isinstance(value, str) and not (value.isascii() and value.isprintable()):
            yield f"header {header!r} holds what HTTP cannot carry, such as a line end"
