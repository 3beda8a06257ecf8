"""A deployment with stacks that may have lost their state, as the tests of adoption use it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from components.coder.api import CoderdAccess, CoderdApi
from local.environment import Environment
from ops import adopt, engine, history, stacks
from ops.steps import observe

CHANGES: dict[str, Any] = {
    "templates": [{"name": "open"}],
    "network": {"enabled": True},
    "grafana": {"dashboards": ["agent-firewall"]},
    "mcpServers": [],
}


RECORD = history.Record("adopt", "a" * 40, False, "main", "ada@example.com")


@dataclass
class World:
    """A deployment, and stacks that may have lost their state."""

    environment: Environment
    said: list[str] = field(default_factory=list)
    made: set[str] = field(default_factory=set)

    @contextmanager
    def session(self, changes: dict[str, Any] | None = None) -> Iterator[engine.Session]:
        state = self.environment.state
        with engine.session(
            "local", lambda _: None, state=state, changes={**CHANGES, **(changes or {})}
        ) as ready:
            yield ready

    def up(self, changes: dict[str, Any] | None = None) -> None:
        with self.session(changes) as ready:
            ready.stack.up()
            self.made = labels(ready)

    def lose_the_state(self) -> None:
        shutil.rmtree(self.environment.state / "state")

    def adopt(
        self, ready: engine.Session, transport: httpx.BaseTransport | None = None
    ) -> adopt.Adoption:
        settings = stacks.settings("local", ready.work_dir)
        coderd = CoderdAccess(settings.coder.api, self.environment.coderd.token, transport)
        with CoderdApi(coderd) as api:
            return adopt.take_over(
                adopt.RunningStack(ready, settings, api, RECORD.message(), self.said.append)
            )

    def kubernetes(self, method: str, path: str, **content: Any) -> Any:
        with self.environment.cluster.client() as client:
            answer = client.request(method, path, **content)
            assert answer.is_success, answer.text
            return answer.json()

    def everything(self) -> dict[str, Any]:
        """Return all that a person or a pod could notice, with the versions it had."""
        found: dict[str, Any] = {}
        for path in (
            "/api/v1/namespaces/monitoring/configmaps",
            "/api/v1/namespaces/monitoring/secrets",
            "/api/v1/namespaces/coder/secrets",
            "/apis/apps/v1/namespaces/coder/deployments",
            "/apis/networking.k8s.io/v1/namespaces/coder-workspaces/networkpolicies",
            "/api/v1/namespaces/coder-workspaces/resourcequotas",
            "/api/v1/namespaces/coder-workspaces/limitranges",
            "/api/v1/namespaces",
        ):
            for each in self.kubernetes("GET", path)["items"]:
                found[f"{path}/{each['metadata']['name']}"] = each["metadata"]["resourceVersion"]
        with self.environment.coderd.client() as client:
            for template in client.get("/api/v2/organizations/default/templates").json():
                versions = client.get(f"/api/v2/templates/{template['id']}/versions").json()
                found[template["name"]] = (template, versions)
        return found


def resources(ready: engine.Session) -> dict[str, Any]:
    deployment = ready.stack.export_stack().deployment or {}
    return {each["urn"]: each for each in deployment["resources"]}


def labels(ready: engine.Session) -> set[str]:
    """Return what a stack has that exists outside of its state."""
    found = set()
    for each in resources(ready).values():
        kind = each["type"].rpartition(":")[2]
        if kind in {"Template", "AgentsMcpServer"}:
            inputs = each["inputs"]
            found.add(f"template {inputs['name']}" if kind == "Template" else "MCP server notes")
        elif kind == "AiProvider":
            found.add(f"AI provider {each['inputs']['name']}")
        elif each["type"].startswith("kubernetes:") and not kind.endswith("Patch"):
            found.add(f"{kind} {each['id']}")
    assert {"template open", "Secret monitoring/aigov-grafana-db"} < found
    return found


def changing(ready: engine.Session) -> dict[str, str]:
    return {each.name: each.op for each in observe(ready.stack).values() if each.op != "same"}
