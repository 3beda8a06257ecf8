"""The stand-in's application: every route it serves, and what a new deployment holds."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local.coderd import (
    ai_prices,
    ai_providers,
    deployment,
    gateway,
    groups,
    licence,
    mcp,
    people,
    tasks,
    templates,
    versions,
    workspaces,
)
from local.coderd.observability import Observability
from local.coderd.processes import Workspaces
from local.coderd.provisioner import Provisioner
from local.coderd.rest import Handler, RestCall, route
from local.coderd.store import Store, new_id, now
from local.coderd.terminal import Terminals

VERSION: Final = "v2.37.0"
"""The Coder release whose API is stood in for: the first with MCP servers for Coder Agents."""
ADMIN: Final = "admin"
"""Name of the user that the deployment's token belongs to."""

_V2: Final[Sequence[tuple[str, str, Handler]]] = (
    ("GET", "/entitlements", licence.entitlements),
    ("GET", "/users", people.list_users),
    ("POST", "/users", people.create_user),
    ("GET", "/users/{user}", people.get_user),
    ("POST", "/users/{user}/keys/tokens", people.create_token),
    ("GET", "/organizations", people.list_organizations),
    ("GET", "/organizations/{organization}", people.get_organization),
    ("GET", "/organizations/{organization}/members", people.list_members),
    ("GET", "/organizations/{organization}/members/", people.list_members),
    ("GET", "/organizations/{organization}/settings/workspace-sharing", deployment.sharing),
    ("GET", "/organizations/{organization}/groups", groups.list_groups),
    ("POST", "/organizations/{organization}/groups", groups.create_group),
    ("GET", "/organizations/{organization}/groups/{name}", groups.get_group_by_name),
    ("GET", "/groups/{group}", groups.get_group),
    ("PATCH", "/groups/{group}", groups.update_group),
    ("DELETE", "/groups/{group}", groups.delete_group),
    ("GET", "/external-auth", people.list_external_auth),
    ("GET", "/external-auth/{provider}", people.get_external_auth),
    ("GET", "/ai/providers", ai_providers.list_providers),
    ("POST", "/ai/providers", ai_providers.create_provider),
    ("GET", "/ai/providers/{provider}", ai_providers.get_provider),
    ("PATCH", "/ai/providers/{provider}", ai_providers.update_provider),
    ("DELETE", "/ai/providers/{provider}", ai_providers.delete_provider),
    ("GET", "/audit", people.list_audit),
    ("GET", "/experiments", deployment.experiments),
    ("POST", "/authcheck", people.check_authority),
    ("POST", "/files", versions.upload),
    ("GET", "/files/{file}", versions.download),
    ("POST", "/organizations/{organization}/templateversions", versions.create_version),
    ("GET", "/templateversions/{version}", versions.get_version),
    ("PATCH", "/templateversions/{version}", versions.update_version),
    ("GET", "/templateversions/{version}/logs", versions.version_logs),
    ("GET", "/templateversions/{version}/variables", versions.version_variables),
    ("GET", "/templateversions/{version}/external-auth", versions.version_external_auth),
    ("GET", "/organizations/{organization}/templates", templates.list_templates),
    ("POST", "/organizations/{organization}/templates", templates.create_template),
    ("GET", "/organizations/{organization}/templates/{name}", templates.get_template_by_name),
    ("GET", "/templates/{template}", templates.get_template),
    ("PATCH", "/templates/{template}", templates.update_template),
    ("DELETE", "/templates/{template}", templates.delete_template),
    ("GET", "/templates/{template}/versions", versions.list_versions),
    ("PATCH", "/templates/{template}/versions", versions.promote),
    ("GET", "/templates/{template}/versions/{name}", versions.get_version_by_name),
    ("GET", "/templates/{template}/acl", templates.get_acl),
    ("PATCH", "/templates/{template}/acl", templates.update_acl),
    ("GET", "/workspaces", workspaces.list_workspaces),
    ("GET", "/workspaces/{workspace}", workspaces.get_workspace),
    ("POST", "/workspaces/{workspace}/builds", workspaces.create_build),
    ("GET", "/workspacebuilds/{build}", workspaces.get_build),
    ("PATCH", "/workspacebuilds/{build}/cancel", workspaces.cancel_build),
    ("GET", "/workspacebuilds/{build}/logs", workspaces.build_logs),
    ("POST", "/users/{user}/workspaces", workspaces.create_workspace),
    ("POST", "/tasks/{user}", tasks.create_task),
    ("GET", "/tasks/{user}/{task}", tasks.get_task),
    ("GET", "/users/{user}/workspace/{name}", workspaces.get_workspace_by_name),
)
_EXPERIMENTAL: Final[Sequence[tuple[str, str, Handler]]] = (
    ("GET", "/ai/model-prices", ai_prices.list_prices),
    ("POST", "/ai/model-prices", ai_prices.upsert_prices),
    ("GET", "/organizations/{organization}/mcp-servers", mcp.list_servers),
    ("POST", "/organizations/{organization}/mcp-servers", mcp.create_server),
    ("GET", "/organizations/{organization}/mcp-servers/{server}", mcp.get_server),
    ("PATCH", "/organizations/{organization}/mcp-servers/{server}", mcp.update_server),
    ("DELETE", "/organizations/{organization}/mcp-servers/{server}", mcp.delete_server),
)


def seed(
    store: Store, token: str, external_auth: Mapping[str, Sequence[str]], licensed: bool = True
) -> None:
    """Put in what a deployment has before anyone uses it; what is there already stays.

    Args:
        store: the deployment's memory.
        token: session token of the administrator.
        external_auth: the configured external logins by id, and who has logged in to each. In
            Coder they are environment variables and a visit in the browser; users that are not
            there yet are made.
        licensed: whether the deployment has a licence.
    """
    with store.transaction():
        licence.seed(store, licensed)
        organization = store.find("organization", lambda item: bool(item["is_default"]))
        if organization is None:
            moment = now()
            organization = store.put(
                "organization",
                {
                    "id": new_id(),
                    "name": "coder",
                    "display_name": "Coder",
                    "description": "Builtin default organization.",
                    "icon": "",
                    "created_at": moment,
                    "updated_at": moment,
                    "is_default": True,
                },
            )
            store.put(
                "group",
                {
                    "id": organization["id"],
                    "organization_id": organization["id"],
                    "name": people.EVERYONE,
                    "display_name": "",
                    "avatar_url": "",
                    "quota_allowance": 0,
                    "members": [],
                },
            )
        users = {user["username"]: user for user in store.all("user")}
        if ADMIN not in users:
            users[ADMIN] = people.add_user(store, ADMIN, roles=("owner",))
        people.add_token(store, users[ADMIN], token)
        for name in dict.fromkeys(name for names in external_auth.values() for name in names):
            if name not in users:
                users[name] = people.add_user(store, name)
        for provider in store.all("external_auth"):
            if provider["id"] not in external_auth:
                store.delete("external_auth", provider["id"])
        for id, names in external_auth.items():
            store.put("external_auth", {"id": id, "display_name": id, "logins": list(names)})


def application(
    store: Store, access_url: str, directory: Path, workspace_url: str = ""
) -> Starlette:
    """The stand-in over a seeded store.

    Args:
        store: the deployment's memory, closed when the application ends.
        access_url: the address that users reach it at.
        directory: holds the folders of the workspaces.
        workspace_url: the URL by which workspaces know it; the access URL if empty.
    """
    running = Workspaces(store, directory, workspace_url or access_url, access_url)
    observability = Observability(store, running.audit)
    provisioner = Provisioner(store, running)
    terminals = Terminals(store, running)

    def waking(method: str, handler: Handler) -> Handler:
        def call(given: RestCall) -> Any:
            answer = handler(given)
            provisioner.wake()
            return answer

        return handler if method == "GET" else call

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        provisioner.start()
        yield
        terminals.close()
        provisioner.stop()
        running.stop()
        store.close()

    async def build_info(_: Request) -> Response:
        return JSONResponse(
            {
                "external_url": "https://github.com/coder/coder",
                "version": VERSION,
                "dashboard_url": access_url,
                "telemetry": False,
                "workspace_proxy": False,
                "agent_api_version": "1.0",
                "provisioner_api_version": "1.6",
                "upgrade_message": "",
                "deployment_id": store.all("organization")[0]["id"],
            }
        )

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("OK")

    routes = [
        Route("/healthz", healthy),
        Route("/api/v2/buildinfo", build_info),
        terminals.route,
        gateway.models(store),
        observability.route,
        *(
            route(store, method, f"/api/v2{path}", waking(method, handler), access_url)
            for method, path, handler in _V2
        ),
        *(
            route(store, method, f"/api/experimental{path}", waking(method, handler), access_url)
            for method, path, handler in _EXPERIMENTAL
        ),
    ]
    return Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={
            HTTPException: _unrouted,
            Exception: _defect,
        },
    )


async def _unrouted(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    return JSONResponse({"message": "Route not found."}, status)


async def _defect(_: Request, error: Exception) -> Response:
    # The text of an exception may quote what was sent: its type says enough.
    return JSONResponse(
        {"message": "An internal server error occurred.", "detail": type(error).__name__},
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )
