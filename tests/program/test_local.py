"""The stack `local` on the real engine: what up, a change and destroy do, and leave alone."""

import json
import os
import signal
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi import automation

from local.environment import Environment
from local.ports import free_ports
from ops import deployed
from ops.engine import Session
from ops.project import ROOT
from ops.stacks import policies
from tests.program import coderd
from tests.program.conftest import resources, state, state_file
from tests.program.killing import engine_processes


def template_names(environment: Environment) -> list[str]:
    with environment.coderd.client() as client:
        templates = client.get("/api/v2/organizations/default/templates").raise_for_status()
    return sorted(template["name"] for template in templates.json())


def changes(result: automation.UpResult | automation.PreviewResult) -> dict[str, int]:
    summary = (
        result.summary.resource_changes
        if isinstance(result, automation.UpResult)
        else {str(getattr(k, "value", k)): v for k, v in result.change_summary.items()}
    )
    return {str(k): v for k, v in (summary or {}).items() if k != "same" and v}


def told(operation: Callable[..., Any]) -> tuple[set[tuple[str, str]], list[str]]:
    """Preview or bring up; return what changes as (name, operation), and the engine's warnings."""
    found: set[tuple[str, str]] = set()
    said: list[str] = []

    def on_event(event: automation.EngineEvent) -> None:
        step, told = event.resource_pre_event, event.diagnostic_event
        if step is not None and step.metadata.op.value not in ("same", "read"):
            found.add((step.metadata.urn.rpartition("::")[2], step.metadata.op.value))
        if told is not None and told.severity == "warning":
            said.append(told.message.strip())

    operation(on_event=on_event)
    return found, said


def test_an_up_that_was_killed_is_finished_by_the_next_and_another_changes_nothing(
    nothing_up: None, open_stack: Any, environment: Environment
) -> None:
    with open_stack(whole=True) as session:
        made = threading.Event()
        ended: list[BaseException] = []

        def on_event(event: automation.EngineEvent) -> None:
            if event.res_outputs_event and event.res_outputs_event.metadata.op.value == "create":
                made.set()

        def up() -> None:
            try:
                session.stack.up(on_event=on_event)
            except BaseException as error:  # noqa: BLE001  looked at below
                ended.append(error)

        thread = threading.Thread(target=up)
        thread.start()
        assert made.wait(60)
        (process,) = engine_processes(environment)
        # Held, so that it cannot end before the others are refused.
        os.kill(process, signal.SIGSTOP)
        for second in (session.stack.up, session.stack.destroy):
            with pytest.raises(automation.ConcurrentUpdateError):
                second()
        os.kill(process, signal.SIGKILL)
        thread.join(60)
        assert not thread.is_alive()
        assert ended
        session.stack.cancel()
        session.stack.up()
        assert template_names(environment) == ["claude-code", "firewalled"]
        urns = [each["urn"] for each in resources(environment)]
        assert len(urns) == len(set(urns))
        # Plain pulumi warns of what was being made until a refresh forgets it. That another update
        # would change nothing, the preview sees in which no secret may be.
        session.stack.refresh(clear_pending_creates=True)
        assert state(environment)["pending_operations"] == []


def test_up_makes_everything(whole: Session, environment: Environment) -> None:
    outputs = whole.stack.outputs()
    assert template_names(environment) == ["claude-code", "firewalled"]
    assert set(outputs["templates"].value) == {"claude-code", "firewalled"}
    found = deployed.of_stack(whole.stack)
    assert found.policies == {"claude-code": None, "firewalled": policies("local")["firewalled"]}
    assert found.agent_env is not None
    assert "BOUNDARY_CONFIG" in found.agent_env["firewalled"]
    shown = json.dumps({key: each.value for key, each in outputs.items()}, indent=2)
    assert len(shown.splitlines()) <= 65, "what plain pulumi prints at the end of each up"
    assert "domain=" not in shown
    found = coderd.variables(environment)
    assert found["CODER_EXTERNAL_AUTH_0_CLIENT_SECRET"]
    assert found["CODER_ACCESS_URL"]
    # Where the program is on this machine.
    assert str(ROOT) not in state_file(environment).read_text()
    assert not [each for each in resources(environment) if "sourcePosition" in each]


def test_dashboards_show_the_names_of_templates_and_versions(
    whole: Session, environment: Environment
) -> None:
    made = whole.stack.outputs()["templates"].value
    named = {
        key: name
        for template, each in made.items()
        for key, name in ((each["id"], template), (each["activeVersionId"], each["versionName"]))
    }
    path = "/api/v1/namespaces/monitoring/configmaps/dashboard-agent-firewall"
    text = coderd.get(environment, path)["data"]["agent-firewall.json"]
    panel = next(
        each for each in json.loads(text)["panels"] if each["title"] == "Recent denied requests"
    )
    properties = {
        (override["matcher"]["options"], each["id"]): each["value"]
        for override in panel["fieldConfig"]["overrides"]
        for each in override["properties"]
    }
    for column in ("Template", "Template version"):
        (mapping,) = properties[column, "mappings"]
        assert {key: value["text"] for key, value in mapping["options"].items()} == named


def test_secrets_are_in_the_clear_nowhere(whole: Session, environment: Environment) -> None:
    config = whole.stack.get_all_config()
    secret = config["firewalled-coder:secrets"]
    assert secret.secret

    def leaves(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [leaf for each in value.values() for leaf in leaves(each)]
        return [str(value)]

    values = leaves(json.loads(secret.value))
    assert len(values) >= 4
    lines: list[str] = []
    found = whole.stack.preview(on_output=lines.append, on_error=lines.append, diff=True)
    assert changes(found) == {}
    texts = ["\n".join(lines), str({k: v.value for k, v in whole.stack.outputs().items()})]
    with environment.cluster.client() as client:
        texts.append(client.get("/api/v1/configmaps").raise_for_status().text)
        texts.append(client.get("/apis/apps/v1/deployments").raise_for_status().text)
    home = Path(environment.variables()["PULUMI_HOME"])
    assert list(home.rglob("*.json")), "the engine keeps its own files there"
    for folder in (environment.state / "state", environment.workspace, home):
        for path in folder.rglob("*"):
            # The plugin itself is the one that every environment has.
            if path.is_file() and path.parents[1] != home / "plugins":
                texts.append(path.read_bytes().decode(errors="replace"))
    assert all(len(text) > 100 for text in texts[:1])
    for value in values:
        assert not any(value in text for text in texts)


def test_the_engine_logs_no_values_into_the_state(whole: Session, environment: Environment) -> None:
    assert not list(environment.state.rglob("pulumi-*.log"))


def test_every_file_of_the_state_is_written_in_one_step(
    up_somehow: Session, environment: Environment
) -> None:
    files = [path for path in (environment.state / "state").rglob("*") if path.is_file()]
    assert any(path.name == "local.json" for path in files)
    assert [path for path in files if path.suffix == ".attrs" or path.stat().st_size == 0] == []


def test_the_firewall_off_is_a_warning_of_the_engine_and_on_again_gives_the_same_template(
    whole: Session, open_stack: Any, environment: Environment
) -> None:
    rendered = environment.workspace / "build" / "templates" / "local"

    def content(template: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (rendered / template).iterdir()}

    on, without = content("firewalled"), content("claude-code")
    assert b"BOUNDARY_CONFIG" in on["agent_env.json"]
    until = datetime.now(UTC).date() + timedelta(days=1)
    switch = {"state": "off", "reason": "a drill", "who": "ada", "until": until.isoformat()}
    with open_stack(changes={"firewall": switch}) as session:
        # It renders what an update would upload.
        _, (warned,) = told(session.stack.preview)
        assert f"the firewall is off: a drill, by ada, until {until}" in warned
        # As a template has it that names no firewall.
        for off in (content("firewalled"), without):
            assert "boundary.yaml" not in off
            assert not any(b"BOUNDARY_" in off[name] for name in off if name.endswith(".json"))
    with open_stack() as session:
        session.stack.up()
    assert content("firewalled") == on


def test_one_rule_changes_one_template_version_and_a_doubtful_one_is_a_warning_of_the_engine(
    whole: Session, open_stack: Any, committed: Callable[[str, str], Any]
) -> None:
    policy = committed("local", "policy")
    policy["rules"] = [{"rule": "domain=New.example", "why": "a test"}]
    with open_stack(changes={"policy": policy}, whole=True) as session:
        found, (doubtful,) = told(session.stack.preview)
    assert {name for name, _ in found if not name.startswith("firewalled-coder-")} == {
        "firewalled-version",
        "firewalled-template",
        # Its tables show the version's name.
        "dashboards-agent-firewall",
    }
    assert ("firewalled-template", "update") in found
    assert "rule 'domain=New.example': upper case in 'New': programs send" in doubtful


def test_a_wrong_setting_applies_nothing(
    stack: Session, open_stack: Any, environment: Environment
) -> None:
    before = state(environment)["resources"]
    with (
        open_stack(changes={"policy": {"groups": ["pyhton"], "colour": 1}}) as session,
        pytest.raises(automation.CommandError) as error,
    ):
        session.stack.up()
    message = str(error.value)
    assert "pyhton" in message
    assert "colour" in message
    assert "Traceback" not in message
    assert state(environment)["resources"] == before


def test_an_api_server_that_is_away_leaves_the_state_whole(
    stack: Session, environment: Environment, tmp_path: Path
) -> None:
    before = state(environment)
    (port,) = free_ports(1)
    there = environment.cluster.kubeconfig.read_text()
    elsewhere = tmp_path / "kubeconfig"
    # Nobody listens at the address.
    elsewhere.write_text(there.replace(environment.cluster.url, f"https://127.0.0.1:{port}"))
    assert elsewhere.read_text() != there
    stack.stack.workspace.env_vars["KUBECONFIG"] = str(elsewhere)
    # That it is asked at all shows that the state holds on to no kubeconfig of its own.
    with pytest.raises(automation.CommandError) as error:
        stack.stack.refresh()
    assert "connection refused" in str(error.value)
    assert "Traceback" not in str(error.value)
    assert state(environment) == before


def test_drift_is_found_by_refresh_and_put_right_with_a_kubeconfig_that_is_a_secret_left_nowhere(
    stack: Session, environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable KUBECONFIG holds the contents, and later names the file again."""
    contents = environment.cluster.kubeconfig.read_text()
    (token,) = (each["user"]["token"] for each in yaml.safe_load(contents)["users"])
    variables = stack.stack.workspace.env_vars
    identifier = stack.stack.outputs()["templates"].value["firewalled"]["id"]
    path = f"/api/v2/templates/{identifier}"
    with environment.coderd.client() as client, monkeypatch.context() as patched:
        was = client.get(path).raise_for_status().json()["description"]
        patched.setenv("KUBECONFIG", contents)
        patched.setenv("TMPDIR", str(tmp_path))
        patched.setattr(tempfile, "tempdir", None)  # it is remembered
        variables["KUBECONFIG"] = contents
        assert told(stack.stack.up)[0] == {("cluster", "update")}
        client.patch(path, json={"description": "by hand"}).raise_for_status()
        # By the state alone, as on a machine that has another kubeconfig.
        variables["KUBECONFIG"] = "/nowhere"
        drift = stack.stack.refresh().summary.resource_changes or {}
        assert drift.get("update") == 1
        patched.undo()
        assert token not in state_file(environment).read_text()
        assert [each for each in tmp_path.rglob("*") if each.is_file()] == []
        variables["KUBECONFIG"] = str(environment.cluster.kubeconfig)
        assert told(stack.stack.up)[0] == {("cluster", "update"), ("firewalled-template", "update")}
        assert client.get(path).raise_for_status().json()["description"] == was


def test_destroy_leaves_what_is_not_ours(
    stack: Session,
    environment: Environment,
    foreign: dict[str, Any],
) -> None:
    assert coderd.pods(environment) != foreign
    stack.stack.destroy()
    assert coderd.pods(environment) == foreign
    assert template_names(environment) == []
    with environment.cluster.client() as client:
        maps = client.get("/api/v1/namespaces/monitoring/configmaps").raise_for_status().json()
        assert maps["items"] == []
