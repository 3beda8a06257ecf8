"""Updates that end half-way on the real engine, and what finishes them.

The engine is killed, or its provider fails, where the real one leaves something behind that the
engine does not know of.
"""

import io
import json
import os
import signal
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation

from components.workspace_template.render import RenderedTemplate
from local.environment import Environment
from local.providers.coderd_template import TemplateKind
from ops import diagnostics, history, up
from ops.engine import Session
from ops.recovery import RecoveryError
from ops.removal import InUseError
from tests.program.conftest import resources, state
from tests.program.test_local import changes, engine_processes, template_names

TEMPLATES = ("claude-code", "firewalled")
BROKEN = 'resource "coder_agent" "broken" { os = var.nosuch }\n'


@pytest.fixture
def api(environment: Environment, foreign: Any) -> Iterator[Any]:
    with environment.coderd.client() as client:
        client.base_url = f"{environment.coderd.url}/api/v2/"
        yield client


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the commands tell people on the way."""
    lines: list[str] = []
    monkeypatch.setattr("ops.terminal.progress", lines.append)
    return lines


class Held:
    """Holds the provider in an operation on each template, before or after it is done."""

    def __init__(self, operation: str, *, done: bool) -> None:
        self._operation, self._done = operation, done
        self._real = getattr(TemplateKind, operation)
        self._reached = threading.Semaphore(0)
        self._let_go = threading.Event()

    def held(self) -> Callable[..., Any]:
        def hold(kind: Any, call: Any, *rest: Any) -> Any:
            if call.preview:
                return self._real(kind, call, *rest)
            result = self._real(kind, call, *rest) if self._done else None
            self._reached.release()
            assert self._let_go.wait(60)
            return result

        return hold

    def wait(self, environment: Environment) -> None:
        """Wait until every template is held, and nothing else is being made."""
        for _ in TEMPLATES:
            assert self._reached.acquire(timeout=60)
        wanted = {f"{self._operation.removesuffix('e')}ing {name}-template" for name in TEMPLATES}
        deadline = time.monotonic() + 60
        while pending(environment) != wanted:
            assert time.monotonic() < deadline, pending(environment)
            time.sleep(0.05)

    def let_go(self) -> None:
        self._let_go.set()


def kill_while_held(
    session: Session,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    *,
    done: bool = True,
) -> None:
    """Bring the stack up, and kill the engine while the provider is in an operation."""
    ended: list[BaseException] = []

    def bring_up() -> None:
        try:
            session.stack.up()
        except BaseException as error:  # noqa: BLE001  looked at below
            ended.append(error)

    holding = Held(operation, done=done)
    with monkeypatch.context() as patched:
        patched.setattr(TemplateKind, operation, holding.held())
        thread = threading.Thread(target=bring_up)
        thread.start()
        try:
            holding.wait(environment)
            for process in engine_processes(environment):
                os.kill(process, signal.SIGKILL)
            thread.join(60)
            assert ended
        finally:
            holding.let_go()
    session.stack.cancel()


def pending(environment: Environment) -> set[str]:
    return {
        f"{each['type']} {each['resource']['urn'].rpartition('::')[2]}"
        for each in state(environment)["pending_operations"]
    }


def versions(api: Any, name: str = "firewalled") -> dict[str, str]:
    template = api.get(f"organizations/default/templates/{name}").raise_for_status().json()
    found = api.get(f"templates/{template['id']}/versions").raise_for_status().json()
    return {each["name"]: each["job"]["status"] for each in found}


def test_a_stack_whose_up_was_killed_is_removed_whole(
    nothing_up: None, open_stack: Any, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_stack() as session:
        kill_while_held(session, environment, monkeypatch, "create")
        assert template_names(environment) == [*TEMPLATES]
        up.remove(session, "local")
        assert template_names(environment) == []
        assert state(environment)["resources"] == []


def make_template(api: Any, name: str) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        member = tarfile.TarInfo("main.tf")
        member.size = len(text := b'resource "coder_agent" "main" { os = "linux" }\n')
        tar.addfile(member, io.BytesIO(text))
    tar_type = {"Content-Type": "application/x-tar"}
    file = api.post("files", content=content.getvalue(), headers=tar_type).json()["hash"]
    body = {
        "name": "by-hand",
        "storage_method": "file",
        "provisioner": "terraform",
        "file_id": file,
    }
    made = api.post("organizations/default/templateversions", json=body).json()
    while api.get(f"templateversions/{made['id']}").json()["job"]["status"] != "succeeded":
        time.sleep(0.01)
    answer = api.post(
        "organizations/default/templates",
        json={"name": name, "template_version_id": made["id"]},
    )
    assert answer.is_success, answer.text


def test_a_template_that_others_made_is_never_taken_silently(
    nothing_up: None,
    open_stack: Any,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    api: Any,
) -> None:
    with open_stack() as session:
        kill_while_held(session, environment, monkeypatch, "create", done=False)
        assert template_names(environment) == []
        make_template(api, "firewalled")
        with pytest.raises(RecoveryError) as refused:
            up.apply(session, "local")
        assert str(refused.value).startswith(
            "template firewalled is there already, made by admin at "
        )
        assert "with version by-hand, and not by this stack" in str(refused.value)
        assert "Run `python -m ops adopt local` to take over what is there" in str(refused.value)
        # It is not this stack's to remove, either.
        up.remove(session, "local")
        assert template_names(environment) == ["firewalled"]
        template = api.get("organizations/default/templates/firewalled").json()
        api.delete(f"templates/{template['id']}").raise_for_status()
        up.apply(session, "local")
        assert template_names(environment) == [*TEMPLATES]


def pretend_killed(environment: Environment, made: set[str]) -> None:
    """Leave the state as a kill does while resources were made, which end with these names."""
    (file,) = (environment.state / "state").rglob("local.json")
    document = json.loads(file.read_text())
    latest = document["checkpoint"]["latest"]
    taken = [each for each in latest["resources"] if each["urn"].endswith(tuple(made))]
    assert len(taken) == len(made)
    # What needs one of them had not begun.
    latest["resources"] = [
        each
        for each in latest["resources"]
        if each not in taken and not each["type"].endswith(":DeploymentPatch")
    ]
    latest["pending_operations"] = [
        {
            "type": "creating",
            "resource": {key: each for key, each in one.items() if key not in ("id", "outputs")},
        }
        for one in taken
    ]
    file.write_text(json.dumps(document))


def test_what_else_was_being_made_is_known_again(
    stack: Session, environment: Environment, said: list[str]
) -> None:
    """An object, a secret one and an MCP server; what a kill leaves of them is put there."""
    kinds = {
        "ConfigMap::dashboards-agent-firewall",
        "Secret::coderd-variables",
        "AgentsMcpServer::github-server",
    }
    pretend_killed(environment, kinds)
    up.apply(stack, "local")
    assert sum("the state knows it now" in line for line in said) == 3
    assert pending(environment) == set()
    assert changes(stack.stack.up()) == {}


def with_description(committed: Callable[[str, str], Any], text: str) -> dict[str, Any]:
    templates = committed("local", "templates")
    templates[0]["description"] = text
    return {
        "templates": templates,
        "workspaces": {"image": f"registry.example.com/{text.lower()}:1"},
    }


def test_an_update_whose_import_failed_is_finished_by_the_next(
    stack: Session,
    open_stack: Any,
    committed: Callable[[str, str], Any],
    monkeypatch: pytest.MonkeyPatch,
    api: Any,
    said: list[str],
) -> None:
    def write(self: RenderedTemplate, root: Path) -> None:
        written(self, root)
        with (root / self.directory / "main.tf").open("a") as file:
            file.write(BROKEN)

    written = RenderedTemplate.write
    template = api.get("organizations/default/templates/firewalled").json()
    with open_stack(changes=with_description(committed, "Changed")) as session:
        with monkeypatch.context() as patched:
            # What fails for a while, and not because of the content: a registry that is away.
            patched.setattr(RenderedTemplate, "write", write)
            with pytest.raises(automation.CommandError, match='with the name "nosuch"'):
                session.stack.up()
        now = api.get(f"templates/{template['id']}").json()
        assert (now["description"], now["active_version_id"]) == (
            "Changed",
            template["active_version_id"],
        )
        assert list(versions(api).values()).count("failed") == 1
        with pytest.raises(automation.CommandError, match="template metadata not modified"):
            session.stack.up()
        # Reading back alone does not help: the version that failed has the name.
        session.stack.refresh()
        with pytest.raises(automation.CommandError, match="A template version with name"):
            session.stack.up()
        up.apply(session, "local")
        assert any("the next one gets another name" in line for line in said)
        assert changes(session.stack.up()) == {}
        now = api.get(f"templates/{template['id']}").json()
        assert now["active_version_id"] != template["active_version_id"]


def test_an_update_that_was_killed_after_an_import_is_finished_by_the_next(
    up_somehow: Session,
    environment: Environment,
    open_stack: Any,
    committed: Callable[[str, str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_stack(changes=with_description(committed, "Killed")) as session:
        kill_while_held(session, environment, monkeypatch, "update")
        assert "updating firewalled-template" in pending(environment)
        up.apply(session, "local")
        assert changes(session.stack.up()) == {}


def test_a_template_that_somebody_deleted_is_made_anew_by_the_second_up(
    open_stack: Any, environment: Environment, up_somehow: Session, api: Any, committed: Any
) -> None:
    templates = committed("local", "templates")
    path = f"organizations/default/templates/{templates[0]['name']}"
    gone = api.get(path).raise_for_status().json()["id"]
    api.delete(f"templates/{gone}").raise_for_status()
    changed = [{**each, "description": "Changed"} for each in templates]
    with open_stack(changes={"templates": changed}) as session:
        with pytest.raises(diagnostics.RunError, match="reads that back and makes it anew"):
            up.apply(session, "local")
        up.apply(session, "local")
        assert pending(environment) == set()
        made = api.get(path).raise_for_status().json()
        assert (made["id"] != gone, made["description"]) == (True, "Changed")


def test_a_destroy_that_was_killed_is_finished_by_the_next(
    up_somehow: Session, environment: Environment, monkeypatch: pytest.MonkeyPatch, api: Any
) -> None:
    """The template is gone, which its provider does not forgive."""
    stack = up_somehow
    for name in template_names(environment):
        template = api.get(f"organizations/default/templates/{name}").json()
        api.delete(f"templates/{template['id']}").raise_for_status()
    with pytest.raises(automation.CommandError, match="Failed to delete template: DELETE"):
        stack.stack.destroy()
    up.remove(stack, "local")
    assert state(environment)["resources"] == []


def test_an_up_that_was_killed_while_templates_were_made_is_finished_by_the_next(
    nothing_up: None,
    open_stack: Any,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    api: Any,
    said: list[str],
) -> None:
    with open_stack() as session:
        kill_while_held(session, environment, monkeypatch, "create")
        assert pending(environment) >= {
            "creating firewalled-template",
            "creating claude-code-template",
        }
        assert template_names(environment) == [*TEMPLATES]
        before = versions(api)
        # What the command line of Pulumi meets, whenever it is run.
        with pytest.raises(automation.CommandError, match='Template with name "firewalled"'):
            session.stack.up()
        up.apply(session, "local")
        assert "template firewalled was made by the update that did not finish" in "".join(said)
        assert pending(environment) == set()
        assert changes(session.stack.up()) == {}
        assert versions(api) == before, "nothing is uploaded once more"
        found = history.of(session.stack)[:3]
        assert [each.title.split()[0] for each in found] == ["update", "up", "recovery"]
        # Nothing else in the history is of the update that was killed.
        repair, after = found[2].record, found[1].record
        assert repair is not None
        assert after is not None
        assert "created claude-code-template, firewalled-template" in repair.unrecorded
        assert after.unrecorded == ""


@pytest.mark.usefixtures("alone")
def test_what_people_work_in_is_named_before_anything_is_removed(
    up_somehow: Session, environment: Environment, api: Any
) -> None:
    stack = up_somehow
    template = api.get("organizations/default/templates/firewalled").json()
    body = {"template_id": template["id"], "name": "theirs"}
    workspace = api.post("users/developer/workspaces", json=body).raise_for_status().json()
    before = resources(environment)
    with pytest.raises(InUseError) as refused:
        up.remove(stack, "local")
    assert "template firewalled has 1 workspace: developer/theirs\n" in str(refused.value)
    assert "then run `python -m ops destroy local` again" in str(refused.value)
    assert resources(environment) == before
    # The command line of Pulumi does not ask before: the rest is gone, and can be had again.
    with pytest.raises(automation.CommandError, match="All workspaces must be deleted"):
        stack.stack.destroy()
    with pytest.raises(InUseError, match="developer/theirs"):
        up.remove(stack, "local")
    up.apply(stack, "local")
    assert changes(stack.stack.up()) == {}
    api.post(f"workspaces/{workspace['id']}/builds", json={"transition": "delete"})
    while api.get(f"workspaces/{workspace['id']}").status_code != 410:
        time.sleep(0.05)
    up.remove(stack, "local")
    assert template_names(environment) == []
