"""Six updates on the real engine, in a git repository of the test's own, and back over each.

Each test goes on from where the one before it went back to.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.environment import Environment
from ops import deployed, engine, git, history, recovery, replaced, report, rollback
from ops.assessment import StackPreview
from ops.hosted import Host, hosted
from ops.state import StackState
from tests.ops import what_runs
from tests.ops.api_proxy import through
from tests.ops.conftest import CODE, copied, quiet

STACK = "usgov"  # no other file of this environment has it
HCL = "components/workspace_template/terraform/main.tf"


@dataclass
class World:
    """A checkout, a deployment, and what each update left there.

    One session stays open for all of it. What goes forward is this process, for as long as the
    checkout's code is this one's, and then one other: starting one takes as long as an update.
    """

    repository: Path
    environment: Environment
    config: dict[str, Any] = field(default_factory=dict)
    left: dict[int, dict[str, bytes]] = field(default_factory=dict)
    _opened: engine.Session | None = None
    _later: Host | None = None
    _open: ExitStack = field(default_factory=ExitStack)
    _known: tuple[history.Update, ...] | None = None

    @property
    def state(self) -> Path:
        return self.environment.state

    def write(self) -> None:
        document = {"config": {f"firewalled-coder:{k}": v for k, v in self.config.items()}}
        path = self.repository / "stacks" / f"Pulumi.{STACK}.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))

    def commit(self) -> None:
        self.write()
        git.run(self.repository, "add", "-A")
        git.run(self.repository, "commit", "-q", "--allow-empty", "-m", "change")

    @property
    def now(self) -> engine.Session:
        assert self._opened is not None
        return self._opened

    @contextmanager
    def opened(self) -> Iterator[None]:
        with (
            engine.session(STACK, quiet, root=self.repository, state=self.state) as self._opened,
            self._open,
        ):
            yield

    def edit(self, path: Path, more: str) -> None:
        """Change the checkout's code, which goes forward in a process of its own from now on."""
        assert self._later is None, "one process for one state of the code"
        path.write_text(path.read_text() + more)
        made = hosted(Path(sys.executable), self.repository, self.now, STACK)
        self._later = self._open.enter_context(made)

    def up(self) -> None:
        """Deploy the checkout as it is, by its own code."""
        self.environment.prepare(STACK)
        message = history.record(self.repository, "up").message()
        if self._later is None:
            self.now.stack.up(message=message)
        else:
            assert self._later.run("up", message=message).error == ""
        self.left[len(self.left) + 1] = self.deployed()

    def updates(self) -> tuple[history.Update, ...]:
        if self._known is None:
            self._known = history.of(self.now.stack)
        return self._known

    @contextmanager
    def earlier(self, to: int | None, template: str | None = None) -> Iterator[rollback.Earlier]:
        """Have an update ready to go back to, as the command has it."""
        chosen = rollback.choose(self.updates(), to, STACK)
        with rollback.earlier(
            STACK, chosen, quiet, root=self.repository, state=self.state, template=template
        ) as ready:
            yield ready

    def reviewed(
        self, ready: rollback.Earlier, template: str | None = None
    ) -> tuple[StackPreview, history.Record]:
        return rollback.preview(ready, deployed.of_stack(self.now.stack), template)

    def go(self, ready: rollback.Earlier, template: str | None = None) -> StackPreview:
        found, record = self.reviewed(ready, template)
        self._known = None
        rollback.apply(ready, record, found.steps)
        return found

    def back(
        self, to: int | None, template: str | None = None
    ) -> tuple[history.Update, StackPreview]:
        """Go back as the command does; return the update that did it, and what was reviewed."""
        with self.earlier(to, template) as ready:
            found = self.go(ready, template)
        return self.updates()[0], found

    def at(self, number: int) -> None:
        """Have deployed what update `number` left, whatever was before."""
        if self.deployed() != self.left[number]:
            self.back(number)

    def kill(self) -> None:
        """Kill the engine; what it waits for is done, and it never learns it."""
        for process in engines(self):
            os.kill(process, signal.SIGKILL)

    def deployed(self) -> dict[str, bytes]:
        return what_runs.deployed(self.environment)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, empty: Environment) -> Iterator[World]:
    repository = tmp_path_factory.mktemp("repository")
    copied(repository, *CODE, "stacks")
    (repository / ".gitignore").write_text("__pycache__/\n")
    made = World(repository, Environment(repository, empty.state))
    _first(made)
    with made.opened():
        with empty.cluster.client() as client:
            body = {"metadata": {"name": "ai-workspaces"}}
            client.post("/api/v1/namespaces", json=body).raise_for_status()
        _six_updates(made)
        yield made


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


def _six_updates(world: World) -> None:
    """Change all that can change, most of it at once with something else."""
    config = world.config
    firewalled = config["templates"][0]

    def dashboards() -> None:
        config["grafana"] = {"dashboards": ["agent-firewall"], "folder": "Agents"}

    def reach() -> None:
        world.edit(world.repository / HCL, "\n# a later hand\n")
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

    def off() -> None:
        config["policy"]["groups"] = ["coder", "gitlab"]
        config["workspaces"].update(
            image="registry.example.com/base:3", agentEnv={"COLOR": "always"}
        )
        del config["grafana"]["folder"]
        del firewalled["firewall"]

    def another_namespace() -> None:
        firewalled["firewall"] = {"jail": "landjail"}
        config["workspaces"]["namespace"] = "ai-workspaces"

    for change in (lambda: None, dashboards, reach, less, off, another_namespace):
        change()
        world.commit()
        world.up()


KEPT_OUT = "- Coder's own agents may no longer use it"
OTHER_HOSTS = "opens pypa.io, www.pypa.io, pypi.org and 5 more, closes a.example"
LET_IN = "CODER'S OWN AGENTS LET IN"
THESE_HOSTS = "opens a.example, closes pypa.io, www.pypa.io, pypi.org and 5 more"
LET_IN_HERE = "- ⚠️ **Coder's own agents reach every host from here**"
CLOSED = "- the network closes (1):\n  - `10.9.0.0/24`"


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


def test_a_template_that_goes_back_to_a_namespace_without_a_policy_opens(world: World) -> None:
    with world.earlier(4, "firewalled") as ready:
        reviewed, record = world.reviewed(ready, "firewalled")
        assert reviewed.verdict == "opens"
        assert "in namespace `coder-workspaces` there is **no network policy**" in (
            report.to_markdown([reviewed])
        )
        assert "firewalled: NETWORK POLICY REMOVED" in record.policy
        # With everything else it has its policy; one process for both.
        world.go(replace(ready, targets=()))
    assert world.deployed() == world.left[4]


def test_back_through_six_updates_byte_for_byte(world: World) -> None:
    """Over each kind of change, most at once: to 4 above, and to 1 below."""
    assert sorted(world.left) == list(range(1, 7))
    assert [each.number for each in world.updates()][-6:] == list(range(6, 0, -1))
    assert len({tuple(sorted(left.items())) for left in world.left.values()}) == 6
    head = git.run(world.repository, "rev-parse", "HEAD")
    world.at(4)
    done, found = world.back(2)
    assert world.deployed() == world.left[2]
    assert done.record is not None
    assert (done.record.command, done.record.rollback_of) == ("rollback", 2)
    text = report.to_markdown([found])
    assert KEPT_OUT in text, "as a preview says it"
    assert CLOSED in text
    closed = "network closes 10.9.0.0/24: TCP 5432"
    assert done.policy == (
        f"firewalled: {OTHER_HOSTS}, {closed}, Coder's own agents kept out; "
        "open: new, without a firewall"
    )
    assert git.run(world.repository, "rev-parse", "HEAD") == head
    assert git.facts(world.repository).dirty is False
    assert len(git.run(world.repository, "worktree", "list").splitlines()) == 1


def test_a_conflict_names_its_field_and_a_rollback_killed_half_way_can_be_finished(
    world: World,
) -> None:
    world.at(2)
    before = world.deployed()
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

    with world.earlier(1) as ready:
        foreign(annotations={"grafana_folder": "Mine"})
        theirs = world.deployed()
        assert theirs != before
        with pytest.raises(rollback.RollbackError) as refused:
            world.reviewed(ready)
        for part in (
            "nothing was applied",
            "dashboard-agent-firewall",
            'conflict with "somebody-else"',
            ".metadata.annotations.grafana_folder",
            "PULUMI_K8S_ENABLE_PATCH_FORCE=true",
        ):
            assert part in str(refused.value), "whose field it is, which one, and the way out"
        assert world.deployed() == theirs
        foreign()
        with (
            through(world.environment.cluster, "/dashboard-ai-gateway?", world.kill),
            pytest.raises(rollback.RollbackError, match="failed on the way"),
        ):
            world.go(ready)
    assert world.deployed() != before
    making = [each["resource"]["urn"] for each in StackState(world.now.stack).pending]
    assert any(urn.endswith("::dashboards-ai-gateway") for urn in making)
    assert len(git.run(world.repository, "worktree", "list").splitlines()) == 1
    world.now.stack.cancel()
    # The present program has not what the rollback made.
    world.config["grafana"]["dashboards"] = ["agent-firewall"]
    world.commit()
    # The command's first step: without it the provider has forgotten by which name it owns them.
    world.environment.prepare(STACK)
    recovery.go_on(world.now, STACK)
    world.back(1)
    assert world.deployed() == world.left[1]
    with world.environment.cluster.client() as client:
        made = client.get("/api/v1/namespaces/monitoring/configmaps/dashboard-ai-gateway").json()
    assert len(made["metadata"]["managedFields"]) == 1, "the next change meets no other owner"


def test_a_rollback_killed_while_it_moved_the_network_policy_can_be_gone_back_from(
    world: World,
) -> None:
    world.at(1)
    policies = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"
    with (
        world.earlier(6) as ready,
        through(world.environment.cluster, policies.format("ai-workspaces"), world.kill),
        pytest.raises(rollback.RollbackError, match="failed on the way"),
    ):
        world.go(ready)
    world.now.stack.cancel()
    world.environment.prepare(STACK)
    # The present program has the policy where update 6 has it, and update 1 where it was.
    recovery.go_on(world.now, STACK)
    (waiting,) = replaced.waiting(StackState(world.now.stack))
    assert waiting["id"].startswith("coder-workspaces/")
    with world.earlier(1) as ready:
        reviewed, record = world.reviewed(ready)
        # Whoever answers no to it finds the state as it was.
        assert replaced.waiting(StackState(world.now.stack)) == [waiting]
        rollback.apply(ready, record, reviewed.steps)
    world._known = None
    assert world.deployed() == world.left[1]
    with world.environment.cluster.client() as client:
        (kept,) = client.get(policies.format("coder-workspaces")).json()["items"]
        assert len(kept["metadata"]["managedFields"]) == 1
        assert client.get(policies.format("ai-workspaces")).json()["items"] == []


def test_one_template_goes_back_and_everything_else_stays_and_it_comes_back(world: World) -> None:
    world.at(1)
    latest, reviewed = world.back(3, template="firewalled")
    now, then, before = world.deployed(), world.left[3], world.left[1]
    # Its tables know the name of the version that went until the next update.
    assert now.keys() == before.keys()
    gone_back = {"template firewalled", "variables firewalled"}
    assert not any(then[key] == before[key] for key in gone_back)
    for key in before.keys() - {"map dashboard-agent-firewall"}:
        part = then if key in gone_back else before
        assert now[key] == part[key], key
    found = deployed.of_stack(world.now.stack).policies["firewalled"]
    assert found is not None
    assert "domain=a.example" in found.texts
    assert latest.record is not None
    assert (latest.record.template, latest.record.rollback_of) == ("firewalled", 3)
    assert latest.policy == f"firewalled: {LET_IN}, {THESE_HOSTS}"
    text = report.to_markdown([reviewed])
    assert LET_IN_HERE in text
    assert "10.9.0.0/24" not in text
    world.back(None)
    assert world.deployed() == before, "what was there before the last rollback"
