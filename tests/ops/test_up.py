from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation
from typer.testing import CliRunner

from components import kubeconfig
from components.boundary import Policy
from components.coder.api import CoderdError
from components.coder.lookup import UnknownOrganizationError
from components.errors import ArgsError, OperatorError
from components.settings.problems import Problem, SettingsError
from local import cluster, coderd, daemon
from ops import (
    changes,
    deployed,
    engine,
    foreseen,
    history,
    provider_inputs,
    recovery,
    removal,
    stack_file,
    stacks,
    terminal,
    unrecorded,
    up,
)
from ops.assessment import StackPreview
from ops.cli import app
from ops.diagnostics import RunError
from ops.heard import Heard
from ops.project import ROOT
from ops.stack_reach import StackReach, of_settings
from ops.template_changes import Registered
from ops.tokens import AI_PROVIDER, ALERTS, STACK, WORKSPACE_TEMPLATE
from tests.ops.states import state_of


def command_error(stderr: str, stdout: str = "") -> automation.CommandError:
    return automation.errors.create_command_error(
        automation.CommandResult(stdout=stdout, stderr=stderr, code=1)
    )


LOCKED = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to "
    "end or delete the lock file with `pulumi cancel`.\n"
    "  file:///x/.pulumi/locks/a.json: created by ada@desk (pid 4711) at 2026-11-26T06:00:00Z"
)
STRAY = "error: resource urn:pulumi:dev::a::b::c violates plan: properties changed: ~data"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SettingsError("dev", [Problem("coder", "", "missing")]), "coder: missing"),
        (OperatorError("no such stack"), "no such stack"),
        (ArgsError("template", ["no name"]), "no name"),
        (command_error(LOCKED), "by ada@desk, process 4711, since 2026-11-26T06:00:00Z"),
        (command_error("error: PULUMI_ACCESS_TOKEN must be set"), "PULUMI_ACCESS_TOKEN must be"),
        (command_error("", stdout=f"   {STRAY}\n"), "the program left the plan and was stopped"),
        (command_error("boom"), "boom"),
    ],
)
def test_what_can_go_wrong_is_one_message(error: Exception, said: str) -> None:
    message = terminal.explained(error)
    assert message is not None
    assert said in message


def test_an_engine_that_cannot_be_built_is_one_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("FIREWALLED_CODER_CACHE", str(tmp_path / "cache"))
    with (
        pytest.raises(OperatorError, match="Go is needed to build pulumi: install Go"),
        engine.session("dev", lambda _: None),
    ):
        pass


def test_whatever_an_operator_is_told_has_one_base() -> None:
    """By its class, not by where it was raised."""
    for error in (
        ArgsError, CoderdError, kubeconfig.ClusterError, SettingsError, UnknownOrganizationError,
        RunError, cluster.LocalClusterError, daemon.DaemonError, coderd.LocalCoderdError,
    ):  # fmt: skip
        assert issubclass(error, OperatorError), error


def test_a_mistake_in_the_code_is_not_explained() -> None:
    assert terminal.explained(KeyError("x")) is None


OUTPUTS: Mapping[str, Any] = {
    "templates": {
        name: {"versionName": f"version-of-{name}"} for name in ("firewalled", "claude-code")
    },
    "callbackUrls": {"gitlab": "https://coder.example/callback"},
    "dashboards": ["agent-firewall"],
    "mcpServers": {"github": "id"},
    "aiProviders": {"claude": "id"},
}


@dataclass
class Stack:
    """What `up` asks of an Automation API stack, and what it was told."""

    changes: Mapping[str, int]
    outputs: Mapping[str, Any] = field(default_factory=lambda: OUTPUTS)
    told: dict[str, Any] = field(default_factory=dict)

    def refresh(self, **options: Any) -> None:
        self.told.update(options)

    def destroy(self, **options: Any) -> None:
        self.told.update(options)

    def up(self, **options: Any) -> Any:
        self.told.update(options)
        for event in self.events():
            options["on_event"](automation.EngineEvent.from_json({"sequence": 0, **event}))

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what the engine ends with: the stack's outputs, and what was done."""
        urn = f"urn:pulumi:local::firewalled-coder::{STACK}::firewalled-coder-local"
        of_stack = {"urn": urn, "type": STACK, "parent": "", "inputs": {}}
        state = {**of_stack, "id": "", "provider": "", "outputs": self.outputs}
        step = {**of_stack, "op": "same", "provider": "", "new": state, "old": None}
        yield {"timestamp": 0, "resOutputsEvent": {"metadata": step}}
        summary = {"maybeCorrupt": False, "durationSeconds": 1, "policyPacks": {}}
        yield {"timestamp": 0, "summaryEvent": {**summary, "resourceChanges": self.changes}}


def current() -> StackReach:
    return of_settings(stacks.settings("local"))


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The stack `local`, deployed with one rule fewer than its settings have."""
    found = current()
    confined = found.policies["firewalled"]
    assert confined
    rules = [each for each in confined.to_json() if each["rule"] != "domain=crates.io"]
    fewer = Policy.from_json(rules)
    assert len(fewer) == len(confined) - 1
    there = deployed.Deployed(
        {"firewalled": fewer, "claude-code": None},
        None,
        templates={
            name: Registered(None, {}, agents) for name, agents in found.agents_allowed.items()
        },
        network={str(place): each for place, each in enumerate(found.network or ())},
    )
    assert there.network
    monkeypatch.setattr(deployed, "of_stack", lambda _: there)
    stack = Stack({"same": 9, "update": 2})

    @contextmanager
    def session(name: str, progress: engine.Progress) -> Iterator[engine.Session]:
        yield engine.Session(stack, Path())  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "session", session)
    # What an update left half-done is looked for by tests on the engine.
    monkeypatch.setattr(recovery, "go_on", lambda *_, **__: None)
    monkeypatch.setattr(unrecorded, "line", lambda *_: "")
    monkeypatch.setattr(removal, "check_going", lambda *_: None)
    return stack


def test_up_says_what_was_done_and_what_agents_reach_now(stack: Stack) -> None:
    result = CliRunner().invoke(app, ["up", "local"])
    assert result.exit_code == 0
    assert "stack local is up: 2 updated\n" in result.stdout
    assert "what agents reach: firewalled: opens crates.io\n" in result.stdout
    assert "180 allow rules  version version-of-firewalled" in result.stdout
    assert "claude-code          no firewall" in result.stdout
    # One line a template, not one a rule.
    assert result.stdout.count("domain=") == 0
    assert len(result.stdout.splitlines()) < 30
    assert stack.told["suppress_outputs"] is True
    assert stack.told["plan"] is None
    record = history.parse(stack.told["message"])
    assert record is not None
    assert record.command == "up"
    assert record.policy == "firewalled: opens crates.io"


@pytest.mark.parametrize(
    ("agents", "opening", "said"),
    [
        (True, [], "firewalled: CODER'S OWN AGENTS LET IN, opens crates.io"),
        (
            None,
            [{"to": "10.9.0.0/24", "ports": [5432], "why": "db"}],
            "claude-code: network opens 10.9.0.0/24: TCP 5432; "
            "firewalled: opens crates.io, network opens 10.9.0.0/24: TCP 5432",
        ),
    ],
    ids=["agents", "network"],
)
def test_up_says_all_that_a_preview_says_of_reach(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, agents: Any, opening: Any, said: str
) -> None:
    values = stack_file.values((ROOT / "stacks" / "Pulumi.local.yaml").read_bytes())
    if agents:
        values["templates"][0]["agentsAllowed"] = agents
    values["network"]["allow"] += opening
    monkeypatch.setattr(stack_file, "checked", lambda *_: (values, []))
    result = CliRunner().invoke(app, ["up", "local"])
    assert result.exit_code == 0, result.output
    assert f"what agents reach: {said}\n" in result.stdout
    record = history.parse(stack.told["message"])
    assert record is not None
    assert record.policy == said


def test_up_ends_with_what_a_review_would_have_warned_of(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Warned(Heard):
        def preview(self, *_: Any, **__: Any) -> StackPreview:
            return StackPreview("local", steps=(off,), kept=(named,))

    rules = {"groups": [{"rules": [{"alert": "BoundaryAuditSilent"}]}]}
    urn = f"urn:pulumi:local::p::{ALERTS}$kubernetes:x:PrometheusRule::alerts"
    off = changes.Step("delete", urn, "kubernetes:x:PrometheusRule", {"spec": rules}, {})
    provider = {"name": "claude", "displayName": "Claude"}
    named = changes.Step("same", "urn::claude", AI_PROVIDER, provider, {"name": "claude"})
    monkeypatch.setattr(up, "Heard", Warned)
    monkeypatch.setattr(foreseen, "warnings", lambda *_: ("1 alert is no longer watched",))
    monkeypatch.setattr(recovery, "go_on", lambda *_, **__: state_of())
    there = deployed.of_stack(None)  # type: ignore[arg-type]
    monkeypatch.setattr(deployed, "of_state", lambda _: there)
    result = CliRunner().invoke(app, ["up", "local"])
    assert result.exit_code == 0, result.output
    kept = "AI provider claude: display name: the settings name none, and Coder keeps `Claude`"
    assert f"warnings: 1 alert is no longer watched\n{kept}\n" in result.stdout
    assert callable(stack.told["on_event"])
    record = history.parse(stack.told["message"])
    assert record is not None
    assert record.warnings == "1 alert is no longer watched"


def test_of_what_a_stack_has_not_there_is_no_heading(stack: Stack) -> None:
    stack.outputs = {"templates": {}, "callbackUrls": {}, "dashboards": [], "alerts": {}}
    result = CliRunner().invoke(app, ["up", "local"])
    assert result.exit_code == 0, result.output
    for heading in ("Templates", "Log in with GitLab", "Dashboards", "Alerts"):
        assert heading not in result.stdout
    assert "Try next" in result.stdout


def test_up_that_changes_nothing_says_so(stack: Stack) -> None:
    stack.changes = {"same": 11}
    result = CliRunner().invoke(app, ["up", "local"])
    assert "stack local is up to date: nothing changed\n" in result.stdout


def test_an_error_of_the_engine_is_one_line(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: Any) -> None:
        raise command_error("error: no [such] namespace")

    monkeypatch.setattr(stack, "up", fails)
    result = CliRunner().invoke(app, ["up", "local"])
    assert result.exit_code == 1
    assert result.stderr == "error: no [such] namespace\n"


@pytest.mark.parametrize(
    ("command", "policy"),
    [
        (["refresh", "local"], history.UNCHANGED),
        (["destroy", "local", "--yes"], "claude-code, firewalled: template removed"),
    ],
)
def test_the_history_names_the_command_and_what_it_changes_for_agents(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, command: list[str], policy: str
) -> None:
    components = [
        {"urn": f"urn:pulumi:local::p::{WORKSPACE_TEMPLATE}::{name}", "type": WORKSPACE_TEMPLATE}
        for name in ("firewalled", "claude-code")
    ]
    monkeypatch.setattr(recovery, "go_on", lambda *_, **__: state_of(*components))
    monkeypatch.setattr(removal, "check_stack", lambda *_: None)
    monkeypatch.setattr(provider_inputs, "differing", lambda *_, **__: ())
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    record = history.parse(stack.told["message"])
    assert record is not None
    assert record.command == command[0]
    assert record.title.startswith(f"{command[0]} at ")
    assert record.policy == policy


def test_destroy_asks(stack: Stack) -> None:
    result = CliRunner().invoke(app, ["destroy", "local"], input="n\n")
    assert result.exit_code == 1
    assert "Remove everything that stack local made?" in result.stdout
