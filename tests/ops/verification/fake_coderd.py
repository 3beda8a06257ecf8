"""The routes of coderd that a golden path takes, in memory; builds advance with each look."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx

TOKEN = "session-token-of-the-test"
URL = "https://dev.coder.com"
WORKSPACE = "aaaaaaaa-0000-4000-8000-000000000001"
Answer = Callable[[httpx.Request, Any], httpx.Response]


class FakeCoderd:
    """A coderd whose every answer a test can change."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self.users = ["admin", "dana"]
        self.organizations = [{"id": "o-1", "name": "coder", "is_default": True}]
        self.features = {"template_rbac": {"enabled": False}}
        self.templates: dict[str, bool | None] = {"claude-code": None, "firewalled": False}
        self.import_job: dict[str, Any] = {"status": "succeeded", "file_id": "file-1"}
        self.external_auth = {"authenticated": True, "device": False}
        self.builds = [
            ({"status": "pending"}, "pending"),
            ({"status": "running"}, "starting"),
            ({"status": "succeeded"}, "running"),
        ]
        self.agents = [("connecting", "created"), ("connected", "starting"), ("connected", "ready")]
        self.agent_names = ["main"]
        self.delete_job = {"status": "running"}
        self.gone_after = 2
        self.cancelable = True
        self.tasks: dict[str, bool] = {}
        self.rights: dict[str, bool] = {}
        self.audit_status = 200
        self.audit: list[tuple[str, str, str]] = []
        self.mcp_servers: list[dict[str, Any]] | None = None
        self.files: dict[str, bytes] = {}
        self.version_name = "kind-otter"
        self.variables: dict[str, str] = {}
        self.exists = False
        self.deleting = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        path = request.url.path
        self.requests.append((request.method, request.url.raw_path.decode(), body))
        if path == "/api/v2/buildinfo":
            return self.json({"version": "v2.37.0"})
        if request.headers.get("Coder-Session-Token") != TOKEN:
            return httpx.Response(401, json={"message": "Cookie missing"})
        for pattern, answer in self.routes():
            if re.fullmatch(pattern, f"{request.method} {path}"):
                return answer(request, body)
        return httpx.Response(404, json={"message": "Route not found."})

    def routes(self) -> list[tuple[str, Answer]]:
        return [
            ("GET /api/v2/users/me", lambda *_: self.json(self.user("admin"))),
            ("GET /api/v2/users", self.found),
            ("GET /api/v2/external-auth/gitlab", lambda *_: self.json(self.external_auth)),
            ("GET /api/v2/organizations", lambda *_: self.json(self.organizations)),
            ("GET /api/v2/organizations/o-1/templates", self.listed),
            ("GET /api/v2/entitlements", lambda *_: self.json({"features": self.features})),
            (
                "GET /api/v2/templateversions/version-firewalled",
                lambda *_: self.json(
                    {"id": "version-firewalled", "name": self.version_name, "job": self.import_job}
                ),
            ),
            (
                "GET /api/v2/templateversions/version-firewalled/variables",
                lambda *_: self.json(
                    [{"name": name, "value": value} for name, value in self.variables.items()]
                ),
            ),
            ("POST /api/v2/authcheck", lambda _, body: self.json(self.may(body))),
            (r"GET /api/v2/files/[\w-]+", self.file),
            ("POST /api/v2/users/(me|dana)/workspaces", self.create),
            (r"POST /api/v2/tasks/me", self.task),
            (r"POST /api/experimental/tasks/me", self.task),
            (r"GET /api/v2/users/(admin|dana)/workspace/[\w-]+", self.named),
            (f"GET /api/v2/workspaces/{WORKSPACE}", self.workspace),
            (f"POST /api/v2/workspaces/{WORKSPACE}/builds", self.build),
            ("PATCH /api/v2/workspacebuilds/build-1/cancel", self.cancel),
            ("GET /api/v2/audit", self.audited),
            ("GET /api/experimental/organizations/o-1/mcp-servers", self.servers),
        ]

    @staticmethod
    def json(body: Any) -> httpx.Response:
        return httpx.Response(200, json=body)

    def user(self, name: str) -> dict[str, Any]:
        return {"id": f"id-{name}", "username": name, "roles": [{"name": "owner"}]}

    def may(self, body: Any) -> dict[str, bool]:
        return {name: self.rights.get(name, True) for name in body["checks"]}

    def found(self, request: httpx.Request, _: Any) -> httpx.Response:
        names = [name for name in self.users if request.url.params["q"] in name]
        return self.json({"users": [self.user(name) for name in names]})

    def listed(self, *_: Any) -> httpx.Response:
        return self.json(
            [
                {
                    "id": f"id-{name}",
                    "name": name,
                    "active_version_id": f"version-{name}",
                    **({} if agents is None else {"agents_allowed": agents}),
                }
                for name, agents in self.templates.items()
            ]
        )

    def file(self, request: httpx.Request, _: Any) -> httpx.Response:
        content = self.files.get(request.url.path.rpartition("/")[2])
        if content is None:
            return httpx.Response(404, json={"message": "Resource not found"})
        return httpx.Response(200, content=content)

    def create(self, _: httpx.Request, body: Any) -> httpx.Response:
        if body["name"] == "taken":
            return httpx.Response(
                409,
                json={
                    "message": 'Workspace "taken" already exists.',
                    "validations": [{"field": "name", "detail": "must be unique"}],
                },
            )
        self.exists = True
        return httpx.Response(201, json={"id": WORKSPACE, "name": body["name"]})

    def task(self, request: httpx.Request, body: Any) -> httpx.Response:
        prefix = request.url.path.split("/tasks/")[0]
        if prefix not in self.tasks:
            return httpx.Response(404, json={"message": "Route not found."})
        self.exists = True
        known = WORKSPACE if self.tasks[prefix] else None
        return httpx.Response(201, json={"id": "task-1", "workspace_id": known, **body})

    def named(self, *_: Any) -> httpx.Response:
        if not self.exists:
            return httpx.Response(404, json={"message": "Resource not found"})
        return self.workspace()

    def workspace(self, *_: Any) -> httpx.Response:
        assert self.exists
        if self.deleting:
            self.gone_after -= 1
            if self.gone_after < 0:
                return httpx.Response(410, json={"message": "deleted"})
            job, status, agents = self.delete_job, "deleting", []
        else:
            job, status = self.builds[0]
            built = self.agent_names if job["status"] == "succeeded" else []
            agents = [
                {"id": f"agent-{number}", "name": name, **self.agent()}
                for number, name in enumerate(built, 1)
            ]
            if len(self.builds) > 1:
                self.builds.pop(0)
            elif len(self.agents) > 1:
                self.agents.pop(0)
        build = {
            "id": "build-1",
            "transition": "delete" if self.deleting else "start",
            "status": status,
            "job": job,
            "resources": [{}, {"agents": agents}],
        }
        return self.json({"id": WORKSPACE, "latest_build": build})

    def agent(self) -> dict[str, str]:
        status, life = self.agents[0]
        return {"status": status, "lifecycle_state": life}

    def build(self, _: httpx.Request, body: Any) -> httpx.Response:
        assert body == {"transition": "delete"}
        if self.builds[0][0]["status"] in ("pending", "running"):
            return httpx.Response(409, json={"message": "A workspace build is already active."})
        self.deleting = True
        return httpx.Response(201, json={"id": "build-2"})

    def cancel(self, *_: Any) -> httpx.Response:
        if not self.cancelable:
            return httpx.Response(403, json={"message": "Builds may not be canceled."})
        self.builds = [({"status": "canceling"}, "canceling"), ({"status": "canceled"}, "canceled")]
        return self.json({"message": "Job has been marked as canceled..."})

    def audited(self, request: httpx.Request, _: Any) -> httpx.Response:
        if self.audit_status != 200:
            return httpx.Response(self.audit_status, json={"message": "Audit log is licensed."})
        wanted = request.url.params["q"].removeprefix("resource_id:")
        entries = [
            {"resource_id": id, "resource_type": kind, "action": action}
            for id, kind, action in self.audit
            if id == wanted
        ]
        return self.json({"audit_logs": entries, "count": len(entries)})

    def servers(self, *_: Any) -> httpx.Response:
        if self.mcp_servers is None:
            return httpx.Response(404, json={"message": "Route not found."})
        return self.json(self.mcp_servers)
