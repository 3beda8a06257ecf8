"""MCP servers: registered, spoken with as Coder's client does, and not skipped by coderd."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel

from components.coder.api import RefusedError
from components.dashboards import logql
from components.mcp_server import auth_type_of
from components.settings.mcp import McpServerSettings
from ops import mcp_probe
from ops.verification.deployment import CoderDeployment
from ops.verification.model import Failed, NotChecked, note
from ops.verification.path import organization_of
from ops.verification.run import Run
from ops.verification.services import Services

SKIPPED: Final = "skipping MCP server"
"""What coderd logs of a server that it drops."""

_CODERD: Final = "coderd"
"""What lines of coderd hold, as its loggers and its source are named so."""

# Experimental in Coder 2.37; the second is what later notes name.
_PATHS: Final = ("/api/experimental", "/api/v2")
_BACK: Final = timedelta(hours=24)
_LINES: Final = 500


@dataclass(frozen=True)
class Server:
    """A server of the stack.

    Attributes:
        settings: as the stack has it.
        key: its key, None if it is not known here.
    """

    settings: McpServerSettings
    key: str | None = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What Coder sends it."""
        return self.settings.headers(self.key)


class RegisteredServer(BaseModel):
    """An MCP server as Coder has it; what it hides from who asks is empty."""

    id: str
    slug: str
    url: str
    enabled: bool
    # Coder shows both always; one that shows none lets every tool in.
    tool_allow_list: list[str] | None = None
    tool_deny_list: list[str] | None = None
    auth_type: str | None = None
    transport: str | None = None
    availability: str | None = None
    api_key_header: str | None = None
    oauth2_client_id: str | None = None
    oauth2_auth_url: str | None = None
    oauth2_token_url: str | None = None
    oauth2_revocation_url: str | None = None
    oauth2_scopes: str | None = None
    model_intent: bool | None = None
    allow_in_plan_mode: bool | None = None
    forward_coder_headers: bool | None = None

    @property
    def hidden(self) -> bool:
        """Whether Coder hides where it asks and how, as from who may not read its settings."""
        return not self.url and not self.transport

    @property
    def facts(self) -> dict[str, str]:
        """What evidence keeps of it, but for what is hidden."""
        plain = self.model_dump(exclude={"id", "slug", "tool_allow_list", "tool_deny_list"})
        return {
            **{name: _shown(value) for name, value in plain.items() if value not in (None, "")},
            "tools": _tools(set(self.tool_allow_list or ())),
            "denied tools": ", ".join(sorted(self.tool_deny_list or ())) or "none",
        }


def listed(deployment: CoderDeployment, organization: str | None) -> tuple[RegisteredServer, ...]:
    """Return the MCP servers of an organization, of the default one for None.

    Raises:
        NotChecked: this Coder has none.
        CoderdError, Failed: coderd cannot be asked.
    """
    path = f"/organizations/{organization_of(deployment, organization)}/mcp-servers"
    for prefix in _PATHS:
        try:
            return deployment.get(tuple[RegisteredServer, ...], f"{prefix}{path}")
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
    raise NotChecked("this Coder has no MCP servers", "they need Coder 2.37 or newer")


def _otherwise(found: RegisteredServer, settings: McpServerSettings) -> Iterator[str]:
    """Yield what Coder has otherwise than the stack, but for the URL and that it is enabled."""
    has, declared = set(found.tool_allow_list or ()), set(settings.tools)
    if has != declared:
        yield f"Coder lets agents call {_tools(has)}, and the stack {_tools(declared)}"
    if found.tool_deny_list:
        yield f"Coder denies {_tools(set(found.tool_deny_list))}, and the stack none"
    headers = settings.headers("key")
    wanted: dict[str, str | bool] = {
        "auth_type": settings.auth_type if settings.personal else auth_type_of(len(headers)),
        "availability": settings.availability,
        # The stack sets none of these, and Coder's own is false.
        "model_intent": False,
        "allow_in_plan_mode": False,
        "forward_coder_headers": False,
    }
    if not found.hidden:
        wanted |= {"transport": "streamable_http"}
        wanted |= {"api_key_header": next(iter(headers))} if len(headers) == 1 else {}
        wanted |= _login(settings)
    for name, value in wanted.items():
        if (there := getattr(found, name)) not in (None, value):
            yield f"Coder has {name} {_shown(there)}, and the stack {_shown(value)}"


def _login(settings: McpServerSettings) -> dict[str, str]:
    """Return what Coder as a client of a server's login has; nothing where it found that itself."""
    client = settings.oauth2
    if client is None:
        return {}
    return {
        "oauth2_client_id": client.client_id,
        "oauth2_auth_url": client.auth_url,
        "oauth2_token_url": client.token_url,
        "oauth2_revocation_url": client.revocation_url or "",
        "oauth2_scopes": " ".join(client.scopes),
    }


def _shown(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value or "none"


def _tools(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "every tool"


class Mcp:
    """The checks of one server.

    Args:
        run: takes the checks.
        deployment: the deployment.
        organization: name of the server's organization; None for the default one.
        server: the server.
        services: what can be asked.

    Attributes:
        slug: its slug.
        id: its id in Coder, once it was found there.
    """

    def __init__(
        self,
        run: Run,
        deployment: CoderDeployment,
        organization: str | None,
        server: Server,
        services: Services,
    ) -> None:
        self.slug = server.settings.slug
        self.id = ""
        self._run = run
        self._deployment = deployment
        self._organization = organization
        self._server = server
        self._services = services

    def look(self) -> None:
        """Make the checks."""
        steps: Mapping[str, Callable[[], str]] = {
            "mcp.registered": self._registered,
            "mcp.handshake": self._handshake,
            "mcp.tools": self._tools,
            "mcp.skipped": self._skipped,
        }
        for check, step in steps.items():
            self._run.take(check, self.slug, step)

    def _registered(self) -> str:
        settings = self._server.settings
        found = {each.slug: each for each in listed(self._deployment, self._organization)}.get(
            settings.slug
        )
        if found is None:
            raise Failed(f"Coder has no MCP server {settings.slug}", "bring the stack up")
        self.id = found.id
        if not found.enabled:
            raise Failed("it is registered and not enabled", "bring the stack up")
        if not found.hidden and found.url != settings.url:
            raise Failed(f"Coder asks {found.url}, not {settings.url}", "bring the stack up")
        if otherwise := list(_otherwise(found, settings)):
            raise Failed(
                "; ".join(otherwise),
                "somebody changed it in Coder: `python -m ops refresh STACK`, then bring the "
                "stack up",
            )
        if found.hidden:
            raise NotChecked(
                "Coder hides from this token where it asks and how",
                "use the token of a user who may read how MCP servers are set up, as an owner may",
            )
        if settings.auth_type == "oauth2" and settings.oauth2 is None:
            return (
                f"{found.url}, enabled; people log in at {found.oauth2_auth_url or 'no URL'}, with "
                f"tokens of {found.oauth2_token_url or 'no URL'}, as Coder found out: the stack "
                "names neither"
            )
        return f"{found.url}, enabled"

    def _handshake(self) -> str:
        self._needs_key()
        try:
            result = mcp_probe.probe(self._server.settings.url, self._server.headers)
        except mcp_probe.ProbeError as error:
            raise Failed(str(error), "see the server's log and its key") from None
        note(f"MCP: initialize {self._server.settings.url}", str(result))
        if not result.accepted:
            raise Failed(str(result), "use a release of the server that answers 202")
        return str(result)

    def _tools(self) -> str:
        self._needs_key()
        allowed = self._server.settings.tools
        try:
            there = mcp_probe.tools(self._server.settings.url, self._server.headers)
        except mcp_probe.ProbeError as error:
            raise Failed(str(error), "see mcp.handshake") from None
        note(f"MCP: tools/list {self._server.settings.url}", ", ".join(there))
        if not allowed:
            raise NotChecked(
                f"the stack allows every tool, of which there are {len(there)}",
                "name the tools that agents may call in mcpServers.tools",
            )
        missing = [tool for tool in allowed if tool not in there]
        if missing:
            raise Failed(
                f"the server has no {', '.join(missing)}", f"it has {', '.join(sorted(there))}"
            )
        return f"{len(allowed)} of {len(there)} tools are allowed, each of them exists"

    def _skipped(self) -> str:
        loki = self._services.needs_loki
        logs = self._services.queries.coder_logs
        # `github` is not of the line of `github-enterprise`. A slug has letters, digits, hyphens.
        pattern = rf"(^|[^\w-]){self.slug}([^\w-]|$)"
        query = logql.matching(logql.containing(logs, SKIPPED), pattern)
        now = datetime.now(UTC)
        named = re.compile(pattern)
        found = loki.lines(query, now - _BACK, now, limit=_LINES)
        lines = [line for line in found if named.search(line)]
        if lines:
            often = f"{len(lines)} times" if len(found) < _LINES else f"{len(lines)} times or more"
            # Cut after its secrets are out: half of one is one.
            last = self._deployment.redaction.excerpt(lines[-1])[:200]
            raise Failed(
                f"coderd skipped it {often} in 24 hours; the last: {last}",
                "see mcp.handshake",
            )
        if not loki.has(logql.containing(logs, _CODERD), now - _BACK, now):
            raise NotChecked(
                "Loki has no line of coderd of the last 24 hours",
                "see grafana.lokiSelector and the log collector on coderd's nodes",
            )
        return "coderd has not skipped it in 24 hours"

    def _needs_key(self) -> None:
        if self._server.settings.personal:
            raise NotChecked(
                f"each person logs in to it (authType {self._server.settings.auth_type})",
                "choose the server in a chat of Coder's and call one of its tools",
            )
        if self._server.settings.auth_type == "none":
            return
        if self._server.key is None:
            raise NotChecked(
                "its key is not known here: the stack's secrets were not read",
                "run it without CODER_SESSION_TOKEN in the environment",
            )
