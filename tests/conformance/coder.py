"""A Coder deployment in which templates and MCP servers of one name are ours."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

from components.coder.api import TOKEN_HEADER, CoderdAccess, CoderdApi, CoderdError, RefusedError
from components.coder.entitlements import Entitlements
from ops.existing import Existing, Version

MCP_SINCE = (2, 37)


@dataclass(frozen=True)
class CoderFacts:
    """What a deployment says of itself."""

    version: str
    organization: str
    login: str
    owner: bool
    entitlements: Entitlements

    @property
    def has_servers(self) -> bool:
        """Whether MCP servers can be registered, by this token's user."""
        parts = self.version.removeprefix("v").split("-")[0].split("+")[0].split(".")
        number = tuple(int(part) for part in parts[:2] if part.isdigit())
        return self.owner and number >= MCP_SINCE


class OwnTemplates:
    """One deployment, asked by its REST API.

    Args:
        url: its address.
        token: session token of a template administrator.
        name: what all that is ours is called, or begins with.
    """

    def __init__(self, url: str, token: str, name: str) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self.name = name
        self._where = CoderdAccess(self.url, token)

    @property
    def templates(self) -> tuple[str, str]:
        """Names of the templates, the one with a firewall first."""
        return f"{self.name}-firewalled", f"{self.name}-open"

    def facts(self, organization: str | None, login: str | None) -> CoderFacts:
        """Ask what is needed before a walk; raises CoderdError.

        Args:
            organization: its name; the default one if None.
            login: id of an external login that coderd knows; the first if None.
        """
        with CoderdApi(self._where) as api:
            build = api.get("/api/v2/buildinfo")
            entitlements = Entitlements.of(build, api.get("/api/v2/entitlements"))
            every = api.get("/api/v2/organizations")
            names = [each["name"] for each in every if organization or each.get("is_default")]
            if organization and organization not in names:
                raise CoderdError(f"no organization {organization!r}; there are {names}")
            logins = [each["id"] for each in api.get("/api/v2/external-auth")["providers"]]
            if not logins or (login and login not in logins):
                raise CoderdError(
                    f"no external login {login or ''}".rstrip()
                    + f"; there are {', '.join(logins) or 'none'}. A template names one, and Coder "
                    "refuses a version that names one it does not know"
                )
            roles = {role["name"] for role in api.get("/api/v2/users/me")["roles"]}
        return CoderFacts(
            str(build["version"]),
            organization or names[0],
            login or logins[0],
            "owner" in roles,
            entitlements,
        )

    def taken(self, organization: str) -> list[str]:
        """Return what is there already of the walk's names; raises CoderdError."""
        with CoderdApi(self._where) as api:
            there = Existing(api, organization)
            found = [f"template {name}" for name in self.templates if name in there.templates()]
            servers, providers = there.servers(), there.ai_providers()
        found += [f"MCP server {self.name}" for slug in servers if slug == self.name]
        return found + [f"AI provider {self.name}" for name in providers if name == self.name]

    def template(self, organization: str, name: str) -> dict[str, Any]:
        """Return one template; raises CoderdError."""
        with CoderdApi(self._where) as api:
            found: dict[str, Any] = api.get(
                f"/api/v2/organizations/{organization}/templates/{name}"
            )
        return found

    def running(self, organization: str, name: str) -> Version:
        """Return the version that new workspaces of a template get; raises CoderdError."""
        template = self.template(organization, name)
        with CoderdApi(self._where) as api:
            found = Existing(api, organization).running(template)
        if found is None:
            raise CoderdError(f"template {name} has no version that can be read")
        return found

    def provider(self) -> dict[str, Any] | None:
        """Return our provider of the AI Gateway, None without one; raises CoderdError."""
        with CoderdApi(self._where) as api:
            return Existing(api, None).ai_providers().get(self.name)

    def prices(self, type: str) -> list[dict[str, Any]]:
        """Return the prices that were set for our model of a type; raises CoderdError."""
        with CoderdApi(self._where) as api:
            asked = {"provider": type, "model": self.name, "source": "custom"}
            return list(api.get("/api/experimental/ai/model-prices", **asked))

    def describe(self, template: str, text: str) -> None:
        """Change a template's description, as someone in the web interface does."""
        self._send("PATCH", f"/api/v2/templates/{template}", {"description": text})

    def remove(self, organization: str) -> list[str]:
        """Delete what is left of ours, and return what it was; raises CoderdError."""
        left = []
        with CoderdApi(self._where) as api:
            there = Existing(api, organization)
            templates, servers = there.templates(), there.servers()
            providers = there.ai_providers()
        for name in self.templates:
            if name in templates:
                self._send("DELETE", f"/api/v2/templates/{templates[name]['id']}")
                left.append(f"template {name}")
        if self.name in servers:
            path = f"/api/experimental/organizations/{there.organization}/mcp-servers"
            self._send("DELETE", f"{path}/{servers[self.name]}")
            left.append(f"MCP server {self.name}")
        if self.name in providers:
            self._send("DELETE", f"/api/v2/ai/providers/{providers[self.name]['id']}")
            left.append(f"AI provider {self.name}")
        return left

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        answer = httpx.request(
            method, f"{self.url}{path}", json=body, headers={TOKEN_HEADER: self.token}, timeout=30
        )
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            raise RefusedError(answer.status_code, answer.text[:200])
