"""Plans on the real engine, from a git repository of the test's own."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi import automation

from local.environment import PREFIX, Environment
from ops import deployed, engine, git, history, plan, preview, terminal, up
from ops.assessment import StackPreview
from tests.ops.conftest import Standing, quiet


@dataclass
class World:
    """A checkout and the environment that its stack `local` is deployed to."""

    repository: Path
    environment: Environment
    config: dict[str, Any]

    def opened(self) -> Any:
        return engine.session("local", quiet, root=self.repository, state=self.environment.state)

    def commit(self, **changes: Any) -> str:
        """Commit the settings with changes by top-level key; returns the commit."""
        config = {**copy.deepcopy(self.config), **changes}
        document = {"config": {f"{PREFIX}{key}": value for key, value in config.items()}}
        path = self.repository / "stacks" / "Pulumi.local.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        git.run(self.repository, "add", "-A")
        git.run(self.repository, "commit", "-q", "--allow-empty", "-m", "a change")
        return git.run(self.repository, "rev-parse", "HEAD")

    def rule(self, host: str, **changes: Any) -> str:
        """Commit one rule, with other changes by top-level key; returns the commit."""
        policy = copy.deepcopy(self.config["policy"])
        policy["rules"] = [{"rule": f"domain={host}", "why": "a test"}]
        return self.commit(policy=policy, **changes)

    def plan(self, file: Path) -> StackPreview:
        with self.opened() as ready:
            return preview.planned(ready, "local", file, self.repository)

    def up(self, file: Path | None = None) -> Mapping[str, int]:
        """Bring the stack up, from a plan if given; returns what was done, by operation."""
        with self.opened() as ready:
            reviewed = plan.load(file, "local") if file else None
            result, _ = up.apply(ready, "local", reviewed, self.repository)
        done = result.summary.resource_changes or {}
        return {str(kind): count for kind, count in done.items() if kind != "same"}

    def hosts(self) -> set[str]:
        """Return what the deployed policy names beyond the catalogue."""
        with self.opened() as ready:
            policy = deployed.of_stack(ready.stack).policies["firewalled"]
        assert policy
        return {each["rule"] for each in policy.to_json() if each["group"] == "stack"}


@pytest.fixture(scope="module")
def world(committed_stack: Standing) -> World:
    """A checkout, and the stack as it is committed, which was brought up by a plan."""
    committed_stack.as_committed = False
    repository = committed_stack.repository
    document = yaml.safe_load((repository / "stacks" / "Pulumi.local.yaml").read_text())
    config = {key.removeprefix(PREFIX): value for key, value in document["config"].items()}
    return World(repository, committed_stack.environment, config)


def test_the_first_update_is_one_by_a_plan(world: World, standing: Standing) -> None:
    assert standing.first.verdict == "opens"
    with world.opened() as ready:
        (made,) = history.of(ready.stack)[-1:]
    assert made.commit == git.run(world.repository, "rev-list", "--max-parents=0", "HEAD")


@pytest.fixture(scope="module")
def applied(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan that was applied."""
    file = tmp_path_factory.mktemp("applied") / "plan"
    commit = world.rule("one.example.org")
    assert world.plan(file).verdict == "opens"
    assert world.hosts() == set()
    assert world.up(file) == {"replace": 1, "update": 2}
    assert world.hosts() == {"domain=one.example.org"}
    with world.opened() as ready:
        made = history.of(ready.stack)[0]
    assert (made.commit, made.dirty) == (commit, False)
    assert made.policy == "firewalled: opens one.example.org"
    return file


def test_exactly_the_plan_is_applied_and_once(world: World, applied: Path) -> None:
    with world.opened() as ready:
        made = history.of(ready.stack)[0]
    with pytest.raises(plan.PlanError) as refused:
        world.up(applied)
    said = str(refused.value).splitlines()[1]
    assert set(said.partition(": ")[2].partition(" (")[0].split(", ")) == {
        "firewalled-coder-local changed",
        "firewalled changed",
        "firewalled-template changed",
        "firewalled-version changed",
        "dashboards-agent-firewall changed",
    }
    assert f"(update {made.number} by ada@example.com: up at {str(made.commit)[:12]})" in said


def test_a_plan_holds_no_secret_and_what_moved_since_is_named_and_nothing_applied(
    world: World, tmp_path: Path
) -> None:
    before = world.hosts()
    login = copy.deepcopy(world.config["externalAuth"])
    login["providers"].append({"id": "second", "host": "git.example.com"})
    then = world.rule("two.example.org", externalAuth=login)
    # The new provider's resources are made by this plan: their inputs stand in it.
    assert not world.plan(tmp_path / "plan").failure
    with world.opened() as ready:
        held = json.loads(ready.stack.get_all_config()["firewalled-coder:secrets"].value)
    values = [held["coderToken"], held["mcp"]["github"]]
    values += [part for each in held["externalAuth"].values() for part in each.values()]
    assert len(values) == 6
    text = (tmp_path / "plan").read_text()
    assert "coderd-variables" in text
    assert not any(value in text for value in values)
    now = world.rule("three.example.org", externalAuth=login)
    code = world.repository / "components" / "errors.py"
    text = code.read_text()
    code.write_text(text + "\n# Changed.\n")
    try:
        with pytest.raises(plan.PlanError) as refused:
            world.up(tmp_path / "plan")
    finally:
        code.write_text(text)
    said = str(refused.value)
    assert "  settings: firewalled-coder:policy changed" in said
    assert "  program: components/errors.py changed" in said
    assert f"(planned from {then[:12]}, now {now[:12]} with changes)" in said
    assert "  state:" not in said
    assert world.hosts() == before


def test_the_engine_stops_at_a_step_that_the_plan_has_not(world: World, applied: Path) -> None:
    before = world.hosts()
    world.rule("four.example.org")
    with world.opened() as ready:
        with (
            plan.load(applied, "local").unpacked() as file,
            pytest.raises(automation.CommandError) as stopped,
        ):
            ready.stack.up(plan=str(file))
        message = terminal.explained(stopped.value)
    assert message
    assert message.startswith("the program left the plan and was stopped: resource ")
    assert "firewalled-version violates plan: properties changed" in message
    assert world.hosts() == before
