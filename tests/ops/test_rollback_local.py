"""Ten updates on the real engine, in a git repository of the test's own, and back to each.

Each test goes on from where the one before it went back to.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.coderd.store import Store
from local.environment import Environment
from ops import deployed, engine, git, history, recovery, report, rollback
from ops.assessment import StackPreview
from ops.hosted import Host, hosted
from tests.ops.api_proxy import through
from tests.ops.conftest import CODE, copied, quiet

HCL = "components/workspace_template/terraform/main.tf"


@dataclass
class World:
    """A checkout, a deployment, and what each update left there.

    One session stays open for all of it, and one process for each state of the code that goes
    forward: starting either takes as long as an update of the engine.
    """

    repository: Path
    environment: Environment
    config: dict[str, Any] = field(default_factory=dict)
    left: dict[int, dict[str, bytes]] = field(default_factory=dict)
    _opened: engine.Session | None = None
    _open: ExitStack = field(default_factory=ExitStack)
    _hosts: dict[str, Host] = field(default_factory=dict)
    _known: tuple[history.Update, ...] | None = None

    @property
    def state(self) -> Path:
        return self.environment.state

    def write(self) -> None:
        document = {"config": {f"firewalled-coder:{k}": v for k, v in self.config.items()}}
        path = self.repository / "stacks" / "Pulumi.local.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))

    def commit(self, message: str) -> str:
        self.write()
        git.run(self.repository, "add", "-A")
        git.run(self.repository, "commit", "-q", "--allow-empty", "-m", message)
        return git.run(self.repository, "rev-parse", "HEAD")

    @property
    def now(self) -> engine.Session:
        assert self._opened is not None
        return self._opened

    @contextmanager
    def opened(self) -> Iterator[None]:
        with (
            engine.session("local", quiet, root=self.repository, state=self.state) as self._opened,
            self._open,
        ):
            yield

    def host(self) -> Host:
        """Return a process that runs the checkout's program as it now is."""
        code = git.run(self.repository, "rev-parse", "HEAD:components")
        if code not in self._hosts:
            made = hosted(Path(sys.executable), self.repository, self.now, "local")
            self._hosts[code] = self._open.enter_context(made)
        return self._hosts[code]

    def up(self) -> int:
        """Deploy the checkout as it is, by its own code; return the update's number."""
        self.environment.prepare("local")
        record = history.record(self.repository, "up")
        answer = self.host().run("up", message=record.message())
        assert answer.error == ""
        self._known = None
        number = self.updates()[0].number
        self.left[number] = self.deployed()
        return number

    def updates(self) -> tuple[history.Update, ...]:
        if self._known is None:
            self._known = history.of(self.now.stack)
        return self._known

    def back(
        self, to: int | None, template: str | None = None
    ) -> tuple[history.Update, StackPreview]:
        """Go back as the command does; return the update that did it, and what was reviewed."""
        chosen = rollback.choose(self.updates(), to, "local")
        present = deployed.of_stack(self.now.stack)
        self._known = None
        with rollback.earlier(
            "local", chosen, quiet, root=self.repository, state=self.state, template=template
        ) as ready:
            found, record = rollback.preview(ready, present, template)
            rollback.apply(ready, record)
        return self.updates()[0], found

    def at(self, number: int) -> None:
        """Have deployed what update `number` left, whatever was before."""
        if self.deployed() != self.left[number]:
            self.back(number)

    def deployed(self) -> dict[str, bytes]:
        """Return every active version's archive, every ConfigMap's content and network policy.

        The ids that Coder gave templates and versions, and the names that mark a version as
        another one, are replaced: they are new each time.
        """
        found: dict[str, bytes] = {}
        marks: dict[str, str] = {}
        store = Store(self.state / "coderd" / "coderd.db")
        with self.environment.coderd.client() as client:
            for template in client.get("/api/v2/organizations/default/templates").json():
                version = f"/api/v2/templateversions/{template['active_version_id']}"
                running = client.get(version).json()
                marks |= {
                    template["id"]: f"id of {template['name']}",
                    running["id"]: f"id of the version of {template['name']}",
                    running["name"]: f"name of the version of {template['name']}",
                }
                file = running["job"]["file_id"]
                content = store.file(file)
                assert content
                found[f"template {template['name']}"] = content
                variables = client.get(f"{version}/variables").json()
                found[f"variables {template['name']}"] = repr(variables).encode()
                shown = {key: template[key] for key in ("display_name", "description")}
                found[f"settings {template['name']}"] = repr(shown).encode()
        store.close()
        with self.environment.cluster.client() as client:
            maps = client.get("/api/v1/namespaces/monitoring/configmaps").json()["items"]
            for each in maps:
                data = each.get("data") or {}
                files = {name: without_marks(text, marks) for name, text in data.items()}
                content = (files, each["metadata"].get("annotations"))
                found[f"map {each['metadata']['name']}"] = repr(content).encode()
            policies = "/apis/networking.k8s.io/v1/namespaces/coder-workspaces/networkpolicies"
            for each in client.get(policies).json()["items"]:
                content = json.dumps(each["spec"], sort_keys=True).encode()
                found[f"network {each['metadata']['name']}"] = content
        return found


def without_marks(text: str, marks: Mapping[str, str]) -> str:
    """Return a file with words in place of marks; JSON with its keys in their order."""
    for mark, words in marks.items():
        text = text.replace(mark, words)
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    repository = tmp_path_factory.mktemp("repository")
    copied(repository, *CODE)
    (repository / "stacks").mkdir()
    (repository / ".gitignore").write_text("__pycache__/\n")
    environment = Environment(repository, tmp_path_factory.mktemp("state"))
    try:
        made = World(repository, environment)
        _first(made)
        with made.opened():
            _ten_updates(made)
            yield made
    finally:
        environment.remove()


def _first(world: World) -> None:
    world.config = {
        "coder": {"accessUrl": "http://coder.localhost:7080"},
        "externalAuth": {"providers": [{"id": "gitlab", "host": "gitlab.example.com"}]},
        "templates": [
            {"name": "firewalled", "firewall": {"jail": "landjail"}},
            {"name": "open"},
        ],
        "policy": {"groups": ["coder", "python"]},
        "grafana": {"dashboards": ["agent-firewall", "ai-gateway"]},
        "workspaces": {"image": "registry.example.com/base:1"},
    }
    world.write()


def _ten_updates(world: World) -> None:
    """Change all that can change, some of it at once with something else."""
    config = world.config
    firewalled = config["templates"][0]

    def folder() -> None:
        config["grafana"]["folder"] = "Agents"

    def dashboards() -> None:
        config["grafana"]["dashboards"] = ["agent-firewall"]

    def reach() -> None:
        path = world.repository / HCL
        path.write_text(path.read_text() + "\n# a later hand\n")
        rule = {"rule": "domain=a.example", "why": "test"}
        config["policy"] = {"groups": ["coder"], "rules": [rule]}
        config["workspaces"] = {
            "image": "registry.example.com/base:2",
            "agentEnv": {"COLOR": "never"},
        }
        firewalled["agentsAllowed"] = True
        config["network"] = {"allow": [{"to": "10.9.0.0/24", "ports": [5432], "why": "db"}]}

    def less() -> None:
        config["templates"] = [firewalled]
        config["grafana"]["dashboards"] = ["ai-gateway"]

    for change in (
        lambda: None,
        folder,
        dashboards,
        reach,
        less,
        lambda: config["policy"].update(groups=["coder", "gitlab"]),
        lambda: config["workspaces"].update(image="registry.example.com/base:3"),
        lambda: config["grafana"].pop("folder"),
        lambda: config["workspaces"].update(agentEnv={"COLOR": "always"}),
        lambda: firewalled.pop("firewall"),
    ):
        change()
        world.commit("change")
        world.up()


KEPT_OUT = "- Coder's own agents may no longer use it"
OTHER_HOSTS = "opens pypa.io, www.pypa.io, pypi.org and 5 more, closes a.example"
CLOSED = "- the network closes (1):\n  - `10.9.0.0/24`"


def test_back_through_ten_updates_byte_for_byte_and_back_from_a_rollback(world: World) -> None:
    """Over each kind of change, some at once; to 2 and 1 below."""
    assert sorted(world.left) == list(range(1, 11))
    assert len({tuple(sorted(left.items())) for left in world.left.values()}) == 10
    head = git.run(world.repository, "rev-parse", "HEAD")
    world.back(9)
    assert world.deployed() == world.left[9]
    world.back(None)
    assert world.deployed() == world.left[10], "what was there before the last rollback"
    world.back(5)
    assert world.deployed() == world.left[5]
    done, found = world.back(3)
    assert world.deployed() == world.left[3]
    assert done.record is not None
    assert (done.record.command, done.record.rollback_of) == ("rollback", 3)
    text = report.to_markdown([found])
    assert KEPT_OUT in text, "as a preview says it"
    assert CLOSED in text
    closed = "network closes 10.9.0.0/24: TCP 5432"
    assert done.policy == (
        f"firewalled: {OTHER_HOSTS}, {closed}, Coder's own agents kept out; "
        "open: new, without a firewall"
    )
    world.back(4)
    assert world.deployed() == world.left[4]
    assert git.run(world.repository, "rev-parse", "HEAD") == head
    assert git.facts(world.repository).dirty is False
    assert len(git.run(world.repository, "worktree", "list").splitlines()) == 1


def test_one_template_goes_back_and_everything_else_stays(world: World) -> None:
    world.at(4)
    latest, reviewed = world.back(3, template="firewalled")
    now, then, before = world.deployed(), world.left[3], world.left[4]
    # Its tables know the name of the version that went until the next update.
    assert now.keys() == before.keys()
    gone_back = {"template firewalled", "variables firewalled"}
    assert not any(then[key] == before[key] for key in gone_back)
    for key in before.keys() - {"map dashboard-agent-firewall"}:
        part = then if key in gone_back else before
        assert now[key] == part[key], key
    found = deployed.of_stack(world.now.stack).policies["firewalled"]
    assert found is not None
    assert "domain=a.example" not in found.texts
    assert latest.record is not None
    assert (latest.record.template, latest.record.rollback_of) == ("firewalled", 3)
    assert latest.policy == f"firewalled: {OTHER_HOSTS}, Coder's own agents kept out"
    text = report.to_markdown([reviewed])
    assert KEPT_OUT in text
    assert CLOSED not in text


def engines(world: World) -> list[int]:
    """Return the processes of the engine that work on this deployment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().split(b"\0")
            mine = str(world.state).encode() in (process / "environ").read_bytes()
        except OSError:
            continue
        if line[0].endswith(b"pulumi") and mine:
            found.append(int(process.name))
    return found


def test_a_rollback_that_is_killed_half_way_can_be_finished(world: World) -> None:
    assert world.deployed() != world.left[2]
    before = world.deployed()

    def kill() -> None:
        # The object is there, and the engine never learns it.
        for process in engines(world):
            os.kill(process, signal.SIGKILL)

    with (
        through(world.environment.cluster, kill),
        pytest.raises(rollback.RollbackError, match="failed on the way"),
    ):
        world.back(2)
    assert world.deployed() not in (before, world.left[2])
    assert len(git.run(world.repository, "worktree", "list").splitlines()) == 1
    world.now.stack.cancel()
    # The command's first step: without it the provider has forgotten by which name it owns them.
    recovery.go_on(world.now, "local")
    world.back(2)
    assert world.deployed() == world.left[2]


def test_a_field_of_another_manager_is_a_conflict_that_names_it(world: World) -> None:
    world.at(2)
    path = "/api/v1/namespaces/monitoring/configmaps/dashboard-agent-firewall"

    def foreign(**fields: Any) -> None:
        manifest = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "dashboard-agent-firewall", **fields},
        }
        with world.environment.cluster.client() as client:
            answer = client.patch(
                path,
                params={"fieldManager": "somebody-else", "force": "true"},
                content=yaml.safe_dump(manifest),
                headers={"Content-Type": "application/apply-patch+yaml"},
            )
            assert answer.is_success, answer.text

    foreign(annotations={"grafana_folder": "Mine"})
    before = world.deployed()
    with pytest.raises(rollback.RollbackError) as refused:
        world.back(1)
    for part in (
        "nothing was applied",
        "dashboard-agent-firewall",
        'conflict with "somebody-else"',
        ".metadata.annotations.grafana_folder",
        "PULUMI_K8S_ENABLE_PATCH_FORCE=true",
    ):
        assert part in str(refused.value), "whose field it is, which one, and the way out"
    assert (
        world.deployed()["map dashboard-agent-firewall"] == before["map dashboard-agent-firewall"]
    )
    foreign()
    world.back(1)
    assert world.deployed() == world.left[1]


def test_a_template_that_goes_back_to_a_namespace_without_a_policy_opens(world: World) -> None:
    with world.environment.cluster.client() as client:
        client.post("/api/v1/namespaces", json={"metadata": {"name": "ai-workspaces"}})
    world.config["templates"][0]["firewall"] = {"jail": "landjail"}
    world.config["workspaces"]["namespace"] = "ai-workspaces"
    world.commit("another namespace")
    world.up()
    latest, reviewed = world.back(1, template="firewalled")
    assert reviewed.verdict == "opens"
    assert "in namespace `coder-workspaces` there is **no network policy**" in (
        report.to_markdown([reviewed])
    )
    assert "firewalled: NETWORK POLICY REMOVED" in latest.policy
