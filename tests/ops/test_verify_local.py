"""`ops verify local`: the stack is brought up by the engine, and looked at from inside for real.

As it is committed first; the tests from `groups` on are of a stack with more.
"""

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner
from typer.testing import Result as Ended

from components import kubeconfig
from local.cluster import CONTEXT
from local.environment import PREFIX, Environment
from local.verification import STOOD_IN
from local.workspace import landlock
from ops import engine, stacks
from ops.cli import app
from ops.project import ROOT
from ops.verification import scripts
from ops.verification.cluster import ClusterReader
from ops.verification.evidence import DATA
from ops.verification.state import RunState
from tests.ops.conftest import Standing, quiet

pytestmark = pytest.mark.usefixtures("alone")
LANDLOCK = landlock.abi() >= landlock.NETWORK_ABI
SUBJECTS = ("firewalled", "firewalled for developer")
OPEN = ("claude-code", "claude-code for developer")
COMMITTED = yaml.safe_load((ROOT / "stacks" / "Pulumi.local.yaml").read_text())["config"]
TEMPLATES = COMMITTED[f"{PREFIX}templates"]
# No workspace is made for another owner.
ALONE: dict[str, Any] = {"verify": {}}
JAIL = ("started", "policy", "claude", "typed", "allowed", "denied", "gateway", "tcp", "bind")
SERVICES = ("GRAFANA", "LOKI", "PROMETHEUS")

Verify = Callable[..., Ended]
Checks = Mapping[tuple[str, str], dict[str, Any]]


@dataclass(frozen=True)
class Whole:
    """The stack as it is committed, verified once with every check.

    Attributes:
        environment: what it runs on.
        ended: how the command ended.
        evidence: the folder of it.
    """

    environment: Environment
    ended: Ended
    evidence: Path

    @property
    def checks(self) -> Checks:
        return checks(self.ended)


def checks(ended: Ended) -> Checks:
    """The results by check and subject."""
    results = json.loads(ended.stdout)["results"]
    return {(each["check"], each["subject"]): each for each in results}


def of(results: Checks, outcome: str) -> set[tuple[str, str]]:
    return {key for key, each in results.items() if each["outcome"] == outcome}


@pytest.fixture(scope="module")
def verify(tmp_path_factory: pytest.TempPathFactory) -> Verify:
    """Return what runs the command on an environment of this module's own."""
    runs = tmp_path_factory.mktemp("runs")

    def verify(
        environment: Environment, *arguments: str, changes: Mapping[str, Any] | None = None
    ) -> Ended:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("CODER_SESSION_TOKEN", *(f"{s}_{k}" for s in SERVICES
                                                  for k in ("URL", "TOKEN"))):  # fmt: skip
                patch.delenv(name, raising=False)
            session = partial(engine.session, state=environment.state, changes=changes)
            patch.setattr(engine, "session", session)
            # Two of the allowed servers are not there, and Boundary leaves who asks waiting; nor
            # is one of the sockets' targets.
            patch.setattr(scripts, "ASK_SECONDS", 2)
            patch.setattr(scripts, "PROBE_SECONDS", 1)
            patch.setattr(
                "ops.verification.command.RunState", lambda _, *rest: RunState(runs, *rest)
            )
            return CliRunner().invoke(app, ["verify", *arguments])

    return verify


@pytest.fixture(scope="module")
def whole(
    alone: None,
    committed_stack: Standing,
    tmp_path_factory: pytest.TempPathFactory,
    verify: Verify,
) -> Whole:
    environment = committed_stack.environment
    folder = tmp_path_factory.mktemp("evidence") / "of-local"
    committed_stack.as_committed = False
    ended = verify(environment, "local", "--json", "--evidence", str(folder))
    return Whole(environment, ended, folder)


def test_all_holds_on_the_stack_as_it_is(whole: Whole) -> None:
    assert of(whole.checks, "failed") == set()
    assert whole.ended.exit_code == 0, whole.ended.output


def test_what_is_stood_in_is_told_and_nothing_else_is_left_out(whole: Whole) -> None:
    left = {check for check, _ in of(whole.checks, "not checked")}
    jail = set() if LANDLOCK else {f"jail.{name}" for name in JAIL}
    # No template of this stack isolates Coder's own agents.
    assert left - jail == {check for check in STOOD_IN if not check.startswith("agents.")}
    for (check, _), result in whole.checks.items():
        assert result["stood_in"] is (check in STOOD_IN), result
    assert "stood in on this machine" in whole.ended.stderr


@pytest.mark.parametrize("subject", [*SUBJECTS, *OPEN])
def test_the_golden_path(whole: Whole, subject: str) -> None:
    for check in ("owner", "template", "declared", "built", "agent", "inside", "deleted"):
        assert whole.checks[f"path.{check}", subject]["outcome"] == "passed"


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("check", JAIL)
def test_the_jail(whole: Whole, check: str, subject: str) -> None:
    result = whole.checks[f"jail.{check}", subject]
    assert result["outcome"] == ("passed" if LANDLOCK else "not checked"), result


@pytest.mark.skipif(not LANDLOCK, reason="this kernel's Landlock does not know the network")
@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_audit_of_each_workspace(whole: Whole, subject: str) -> None:
    denials = whole.checks["audit.denials", subject]
    assert denials["outcome"] == "passed"
    # What must be denied, and one request of the check's own.
    demanded = len(stacks.contract("local").must_deny) + 1
    assert denials["detail"].startswith(f"{demanded} denials")
    assert whole.checks["audit.metrics", subject]["outcome"] == "passed"


def test_the_audit_of_coderd_and_the_mcp_server(whole: Whole) -> None:
    for key in (("audit.coderd", ""), ("mcp.registered", "github"), ("mcp.skipped", "github")):
        assert whole.checks[key]["outcome"] == "passed"


def test_nothing_stays(whole: Whole) -> None:
    with whole.environment.coderd.client() as client:
        assert client.get("/api/v2/workspaces").json()["count"] == 0
    args = subprocess.run(
        ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
    ).stdout
    assert f"{whole.environment.state}/coderd/workspaces" not in args


def test_the_evidence_is_whole_without_secrets_and_says_what_stood_in(
    whole: Whole, verify: Verify
) -> None:
    text = (whole.evidence / DATA).read_text()
    document = json.loads(text)
    # What is stood in was not made, and evidence says so.
    assert document["outcome"] == "not checked"
    assert document["stood_in"] == dict(STOOD_IN)
    assert len(document["results"]) == len(whole.checks)
    assert document["versions"]["firewalled"]["policy"]
    assert whole.environment.coderd.token not in text + whole.ended.output
    ended = verify(whole.environment, "--check", str(whole.evidence))
    assert ended.exit_code == 0, ended.output
    assert "whole: stack local, not checked" in ended.output
    assert "nothing of what is compared has changed since" in ended.output
    with (whole.evidence / DATA).open("a") as file:
        file.write(" ")
    ended = verify(whole.environment, "--check", str(whole.evidence))
    assert ended.exit_code == 1
    assert "evidence.json was changed" in ended.output


def test_pages_of_the_clusters_own_lists(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {"matchLabels": {"app": "x"}}
    pod = {
        "metadata": {"labels": {"app": "x"}},
        "spec": {"containers": [{"name": "x", "image": "x", "args": ["--an-argument"]}]},
    }
    path = "/apis/apps/v1/namespaces/default/daemonsets"
    with whole.environment.cluster.client() as client:
        for name in ("one", "three", "two"):
            spec = {"selector": labels, "template": pod}
            body = {"metadata": {"name": name}, "spec": spec}
            assert client.post(path, json=body).is_success
    monkeypatch.setenv("KUBECONFIG", str(whole.environment.cluster.kubeconfig))
    cluster = ClusterReader(partial(kubeconfig.client, CONTEXT), page=2)
    assert [each.name for each in cluster.daemons()] == ["one", "three", "two"]
    assert cluster.daemons()[2].args == ("--an-argument",)
    assert cluster.nodes() == []


def test_a_template_whose_firewall_is_off(whole: Whole, verify: Verify) -> None:
    """What is deployed decides, and not what the settings say."""
    first, second = TEMPLATES
    changes = {"templates": [first, {**second, "firewall": first["firewall"]}], **ALONE}
    ended = verify(whole.environment, "local", "--json", "--template", second["name"],
                   "--group", "jail", "--group", "path", changes=changes)  # fmt: skip
    assert ended.exit_code == 1, ended.output
    results, subject = checks(ended), second["name"]
    assert results["path.declared", subject]["outcome"] == "failed"
    assert "its variable firewall is 'false'" in results["path.declared", subject]["detail"]
    assert results["path.built", subject]["outcome"] == "passed"
    assert results["path.deleted", subject]["outcome"] == "passed"
    assert results["jail.started", subject]["outcome"] == "failed", results
    assert {key for key in of(results, "passed") if key[0].startswith("jail.")} == set()


@pytest.fixture(scope="module")
def groups(whole: Whole, verify: Verify) -> Ended:
    """Two groups of checks, of a stack with Tasks and a pod of their own for Coder's agents."""
    first, second = TEMPLATES
    changes = {
        "workspaces": {"tasks": True},
        "templates": [first, {**second, "agentsAllowed": "isolated"}],
        **ALONE,
    }
    with engine.session("local", quiet, state=whole.environment.state, changes=changes) as ready:
        ready.stack.up()
    asked = [part for group in ("jail", "agents") for part in ("--group", group)]
    return verify(whole.environment, "local", "--json", *asked, changes=changes)


def test_the_groups_that_are_asked_for_are_those_that_are_made(groups: Ended) -> None:
    results = checks(groups)
    # They need the path.
    assert {check.partition(".")[0] for check, _ in results} == {"path", "jail", "agents"}
    assert of(results, "failed") == set()
    left = {key for key, each in results.items()
            if each["outcome"] == "not checked" and not each["stood_in"]}  # fmt: skip
    jail = set() if LANDLOCK else {key for key in left if key[0].startswith("jail.")}
    assert left == jail
    assert groups.exit_code == (3 if jail else 0), groups.output


def test_tasks_where_a_stack_wants_them(groups: Ended) -> None:
    """With them comes module 4, which starts Claude Code with the workspace."""
    results, subject = checks(groups), f"{SUBJECTS[0]} as a Task"
    for check in ("built", "agent", "inside", "deleted"):
        assert results[f"path.{check}", subject]["outcome"] == "passed", results
    for check in JAIL if LANDLOCK else ():
        assert results[f"jail.{check}", subject]["outcome"] == "passed", results


def test_the_pod_of_coders_own_agents(groups: Ended) -> None:
    """Here it is a process of this machine, which proves nothing of its network."""
    results, subject = checks(groups), OPEN[0]
    agent = results["path.agent", subject]
    assert (agent["outcome"], agent["detail"]) == ("passed", "2 agents connected and ready")
    for check in (each for each in STOOD_IN if each.startswith("agents.")):
        assert results[check, subject]["stood_in"]
