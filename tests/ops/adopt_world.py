"""A deployment with stacks that may have lost their state, as the tests of adoption use it."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import yaml
from pulumi import automation

from components.coder.api import CoderdAccess, CoderdApi
from local.environment import Environment
from ops import adopt, deployed, engine, history, stacks
from ops.changes import PARTS_OF_REPLACEMENT
from ops.state import StackState
from ops.steps import observe

CONFINED = {"name": "confined", "firewall": {"jail": "landjail"}}
CHANGES: dict[str, Any] = {
    "templates": [{"name": "open"}, CONFINED],
    "network": {"enabled": True},
    "grafana": {"dashboards": ["agent-firewall"]},
    "mcpServers": [],
}
"""The settings of every stack here, beside those of its test."""


RECORD = history.Record("adopt", "a" * 40, False, "main", "ada@example.com")


@dataclass
class World:
    """A deployment, and stacks that may have lost their state.

    Attributes:
        environment: what it runs on.
        deployed: the settings that it is up with, beside CHANGES; None before it first was.
        sound: whether the last test left it as its own assertions say.
        said: what adoptions told.
        made: labels of what the stack has.
    """

    environment: Environment
    deployed: Mapping[str, Any] | None = None
    sound: bool = True
    said: list[str] = field(default_factory=list)
    made: set[str] = field(default_factory=set)

    @contextmanager
    def session(self, changes: Mapping[str, Any] | None = None) -> Iterator[engine.Session]:
        """Make the stack ready, with settings put over those that are deployed."""
        with engine.session(
            "local",
            lambda _: None,
            state=self.environment.state,
            changes={**CHANGES, **(self.deployed or {}), **(changes or {})},
        ) as ready:
            yield ready

    def ensure(self, *, stack: bool, changes: Mapping[str, Any] | None = None) -> None:
        """Have a deployment with nothing of the stack, or with all of it, as cheaply as it goes."""
        if not self.sound or (self.deployed is not None and not stack):
            self.environment.remove()
            self.deployed, self.made = None, set()
        deployed = self.deployed or {}
        if stack and (self.deployed is None or {**deployed, **(changes or {})} != deployed):
            self.up(changes)
        self.said.clear()

    def up(self, changes: Mapping[str, Any] | None = None) -> None:
        """Bring the stack up with settings put over those that are deployed."""
        with self.session(changes) as ready:
            ready.stack.up()
            self.is_up(ready, changes)

    def is_up(self, ready: engine.Session, changes: Mapping[str, Any] | None = None) -> None:
        """Take for deployed what was brought up in a session with `changes`."""
        self.deployed = {**(self.deployed or {}), **(changes or {})}
        self.made = labels(ready)

    def lose_the_state(self) -> None:
        shutil.rmtree(self.environment.state / "state")

    @contextmanager
    def running(
        self, ready: engine.Session, transport: httpx.BaseTransport | None = None
    ) -> Iterator[adopt.RunningStack]:
        settings = stacks.settings("local", ready.work_dir)
        coderd = CoderdAccess(settings.coder.api, self.environment.coderd.token, transport)
        with CoderdApi(coderd) as api:
            yield adopt.RunningStack(ready, settings, api, RECORD.message(), self.said.append)

    def adopt(
        self, ready: engine.Session, transport: httpx.BaseTransport | None = None
    ) -> adopt.Adoption:
        with self.running(ready, transport) as running:
            return adopt.take_over(running)

    def kubernetes(self, method: str, path: str, **content: Any) -> Any:
        with self.environment.cluster.client() as client:
            answer = client.request(method, path, **content)
            assert answer.is_success, answer.text
            return answer.json()

    def coderd(self, method: str, path: str, **content: Any) -> Any:
        with self.environment.coderd.client() as client:
            answer = client.request(method, f"/api/v2/{path}", **content)
            assert answer.is_success, answer.text
            return answer.json()

    def template(self, name: str) -> dict[str, Any]:
        return dict(self.coderd("GET", f"organizations/default/templates/{name}"))

    def everything(self) -> dict[str, Any]:
        """Return all that a person or a pod could notice, with the versions it had."""
        with self.environment.cluster.client() as cluster:
            found = dict(_objects(cluster))
        for template in self.coderd("GET", "organizations/default/templates"):
            versions = self.coderd("GET", f"templates/{template['id']}/versions")
            found[template["name"]] = (template, versions)
        return found


def _objects(cluster: httpx.Client) -> Iterator[tuple[str, str]]:
    """Yield the version of each object."""
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
        for each in cluster.get(path).raise_for_status().json()["items"]:
            yield f"{path}/{each['metadata']['name']}", each["metadata"]["resourceVersion"]


def labels(ready: engine.Session) -> set[str]:
    """Return what a stack has that exists outside of its state."""
    found = set()
    for each in StackState(ready.stack).resources.values():
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


def policies(ready: engine.Session) -> dict[str, str]:
    """Return what the state says of each template's policy."""
    return {
        name: json.dumps(policy.to_json()) if policy else ""
        for name, policy in deployed.of_stack(ready.stack).policies.items()
    }


def left(done: adopt.Adoption) -> dict[str, str]:
    """Return what an adoption leaves to the next up, in the form of `changing`."""
    return {name: rest.split()[0] for name, _, rest in (x.partition(": ") for x in done.differing)}


def applied(ready: engine.Session) -> dict[str, str]:
    """Bring the stack up; return what was done, in the form of `changing`."""
    done: dict[str, str] = {}

    def on_event(event: automation.EngineEvent) -> None:
        if event.resource_pre_event is None:
            return
        step = event.resource_pre_event.metadata
        op = str(getattr(step.op, "value", step.op))
        # As a preview is observed: only the options of a single run differ in a provider.
        if op not in {"same", *PARTS_OF_REPLACEMENT} and "::pulumi:providers:" not in step.urn:
            done[step.urn.rpartition("::")[2]] = op

    ready.stack.up(on_event=on_event)
    return done


def refusing(status: int, body: Any, path: str = "") -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(path):
            return httpx.Response(status, json=body) if body else httpx.Response(status, text="no")
        answers: dict[str, Any] = {
            "buildinfo": {"version": "v2"},
            "organizations": [{"id": "1", "name": "coder", "is_default": True}],
            "authcheck": {"all": True},
        }
        return httpx.Response(200, json=answers.get(request.url.path.rsplit("/", 1)[1], []))

    return httpx.MockTransport(answer)


OTHER = {"id": "2", "name": "other", "is_default": False}


def unreachable(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


def nobody(world: World) -> str:
    """Return the token of an account that may read nothing."""
    path = "/api/v1/namespaces/default/serviceaccounts"
    world.kubernetes("POST", path, json={"metadata": {"name": "nobody"}})
    answer = world.kubernetes("POST", f"{path}/nobody/token", json={"spec": {}})
    return str(answer["status"]["token"])


@contextmanager
def kubeconfig(world: World, token: str) -> Iterator[None]:
    """Have the engine ask the cluster with another token."""
    path = world.environment.cluster.kubeconfig
    before = path.read_text()
    config = yaml.safe_load(before)
    config["users"][0]["user"] = {"token": token}
    path.write_text(yaml.safe_dump(config))
    try:
        yield
    finally:
        path.write_text(before)


def edit_as(world: World, manager: str, path: str, content: Mapping[str, Any]) -> None:
    """Change an object of the cluster as somebody else does."""
    world.kubernetes(
        "PATCH",
        f"{path}?fieldManager={manager}",
        content=json.dumps(content),
        headers={"Content-Type": "application/merge-patch+json"},
    )


def make_again_as(
    world: World, manager: str, path: str, data: Mapping[str, str] | None = None
) -> None:
    """Put an object of the cluster in the place of another, with other data if given."""
    made = world.kubernetes("GET", path)
    kept = {key: made["metadata"].get(key) for key in ("name", "labels", "annotations")}
    world.kubernetes("DELETE", path)
    made = {**made, "metadata": kept, "data": {**made["data"], **(data or {})}}
    world.kubernetes("POST", f"{path.rpartition('/')[0]}?fieldManager={manager}", json=made)
