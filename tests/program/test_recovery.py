"""Updates that end half-way on the real engine, and what finishes them.

The engine is killed, or its provider fails, where the real one leaves something behind that the
engine does not know of. That plain `pulumi` fails there for good stands with the provider, in
tests/local/providers/coderd/test_template.py. Each test goes on from what the one before left.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation

from components.workspace_template.render import RenderedTemplate
from local.environment import Environment
from ops import diagnostics, history, kept_files, settling, up
from ops.engine import Session
from ops.heard import Heard
from ops.recovery import RecoveryError
from ops.removal import InUseError
from tests.program.conftest import Open, opening, resources, state
from tests.program.killing import (
    TEMPLATES,
    kill_once_written,
    kill_while_held,
    make_template,
    pending,
)
from tests.program.test_local import changes, template_names

BROKEN = 'resource "coder_agent" "broken" { os = var.nosuch }\n'
MORE = {"ConfigMap::grafana-role-sql", "Secret::coderd-variables", "AgentsMcpServer::github-server"}
# What else a stack has is not looked at here, but for a dashboard that waits for the templates.
OTHERS: dict[str, Any] = {"alerts": {"rules": []}, "grafana": {"dashboards": ["agent-firewall"]}}


@pytest.fixture
def open_stack(open_stack: Open) -> Open:
    return opening(open_stack, OTHERS)


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


def versions(api: Any, name: str = "firewalled") -> dict[str, str]:
    template = api.get(f"organizations/default/templates/{name}").raise_for_status().json()
    found = api.get(f"templates/{template['id']}/versions").raise_for_status().json()
    return {each["name"]: each["job"]["status"] for each in found}


def applied(session: Session) -> dict[str, set[str]]:
    """Bring the stack up as the command does; return by what was done, names of resources."""
    heard = Heard()
    up.apply(session, "local", heard=heard)
    return steps(heard)


def steps(heard: Heard) -> dict[str, set[str]]:
    """Return what an update did, less what is the same or no resource of a provider's."""
    found: dict[str, set[str]] = {}
    for step in heard.preview("local", dict, dict).steps:
        if step.op != "same":
            found.setdefault(step.op, set()).add(step.name)
    return found


def test_a_stack_whose_up_was_killed_is_removed_whole_and_nothing_that_others_made(
    nothing_up: None,
    open_stack: Any,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    api: Any,
) -> None:
    with open_stack() as session:
        kill_while_held(session, environment, monkeypatch, "create", done=["claude-code"])
        assert template_names(environment) == ["claude-code"]
        make_template(api, "firewalled")
        with pytest.raises(RecoveryError) as refused:
            up.apply(session, "local")
        assert str(refused.value).startswith(
            "template firewalled is there already, made by admin at "
        )
        assert "with version by-hand, and not by this stack" in str(refused.value)
        assert "Run `python -m ops adopt local` to take over what is there" in str(refused.value)
        assert "claude-code" not in str(refused.value), "which is of this stack"
        # It is not this stack's to remove, either.
        up.remove(session, "local")
        assert template_names(environment) == ["firewalled"]
        assert state(environment)["resources"] == []
    template = api.get("organizations/default/templates/firewalled").json()
    api.delete(f"templates/{template['id']}").raise_for_status()


def pretend_killed(environment: Environment, made: set[str]) -> None:
    """Have the state say that these were being made as well, by how their URNs end."""
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
    latest["pending_operations"] += [
        {
            "type": "creating",
            "resource": {key: each for key, each in one.items() if key not in ("id", "outputs")},
        }
        for one in taken
    ]
    file.write_text(json.dumps(document))


def test_an_up_that_was_killed_while_templates_and_more_were_made_is_finished_by_the_next(
    nothing_up: None,
    open_stack: Any,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    api: Any,
    said: list[str],
) -> None:
    with open_stack() as session:
        recorded = len(history.of(session.stack))
        kill_while_held(session, environment, monkeypatch, "create")
        assert pending(environment) >= {
            "creating firewalled-template",
            "creating claude-code-template",
        }
        assert template_names(environment) == [*TEMPLATES]
        # An object, a secret one and an MCP server: what a kill leaves of them is put there.
        pretend_killed(environment, MORE)
        before = versions(api)
        done = applied(session)
        assert "template firewalled was made by the update that did not finish" in "".join(said)
        assert pending(environment) == set()
        assert sum("the state knows it now" in line for line in said) == len((*TEMPLATES, *MORE))
        # What waited for one of them; that nothing is left to do, the next test sees.
        assert done == {"create": {"dashboards-agent-firewall", "coderd-deployment"}}
        assert versions(api) == before, "nothing is uploaded once more"
        found = history.of(session.stack)
        # Nothing else in the history is of the update that was killed.
        assert len(found) == recorded + 2
        assert [each.title.split()[0] for each in found[:2]] == ["up", "recovery"]
        repair, after = found[1].record, found[0].record
        assert repair is not None
        assert after is not None
        assert "; created " in repair.unrecorded
        assert all(f"{name}-template" in repair.unrecorded for name in TEMPLATES)
        assert after.unrecorded == ""
        files_are_what_the_engine_tells(session.stack)


def files_are_what_the_engine_tells(stack: automation.Stack) -> None:
    """Compare what commands read of a folder with the engine's own answers (ops/kept_files.py)."""
    asked = automation.Stack.history(stack, page_size=5, show_secrets=False)
    read = kept_files.history(stack, 5, None)
    assert read is not None
    assert len(asked) > 1
    unread = {"config": None}
    assert [vars(each) | unread for each in read] == [vars(each) | unread for each in asked]
    exported = stack.workspace.pulumi_command.run(
        ["stack", "export", "--stack", stack.name],
        stack.workspace.work_dir,
        stack.workspace.env_vars,
    )
    assert kept_files.deployment(stack) == json.loads(exported.stdout)


def with_description(committed: Callable[[str, str], Any], text: str) -> dict[str, Any]:
    templates = committed("local", "templates")
    templates[0]["description"] = text
    return {
        "templates": templates,
        "workspaces": {"image": f"registry.example.com/{text.lower()}:1"},
    }


def test_an_update_of_which_one_import_failed_and_that_was_killed_after_another_is_finished(
    stack: Session,
    open_stack: Any,
    environment: Environment,
    committed: Callable[[str, str], Any],
    monkeypatch: pytest.MonkeyPatch,
    api: Any,
    said: list[str],
) -> None:
    def write(self: RenderedTemplate, root: Path) -> None:
        written(self, root)
        if self.directory.name == "firewalled":
            with (root / self.directory / "main.tf").open("a") as file:
                file.write(BROKEN)

    def of(name: str) -> Any:
        return api.get(f"organizations/default/templates/{name}").json()

    written = RenderedTemplate.write
    failing, killed = of("firewalled"), of("claude-code")
    both = {f"{name}-version" for name in TEMPLATES}, {f"{name}-template" for name in TEMPLATES}
    with open_stack(changes=with_description(committed, "Changed")) as session:
        heard = Heard()
        with monkeypatch.context() as patched:
            # What fails for a while, and not because of the content: a registry that is away.
            patched.setattr(RenderedTemplate, "write", write)
            kill_while_held(
                session, environment, monkeypatch, "update", ["claude-code"],
                on_event=heard.on_event,
                heard=lambda: steps(heard).get("update") == both[1],
            )  # fmt: skip
        # Nothing else was left to do, either.
        assert steps(heard) == dict(zip(("replace", "update"), both, strict=True))
        now = of("firewalled")
        assert (now["description"], now["active_version_id"]) == (
            "Changed",
            failing["active_version_id"],
        )
        assert list(versions(api).values()).count("failed") == 1
        assert of("claude-code")["active_version_id"] != killed["active_version_id"]
        up.apply(session, "local")
        assert sum("the next one gets another name" in line for line in said) == 2
        assert changes(session.stack.preview()) == {}
        assert of("firewalled")["active_version_id"] != failing["active_version_id"]


def test_a_template_that_somebody_deleted_is_made_anew_by_the_second_up(
    open_stack: Any, environment: Environment, up_somehow: Session, api: Any, committed: Any
) -> None:
    templates = committed("local", "templates")
    path = f"organizations/default/templates/{templates[0]['name']}"
    gone = api.get(path).raise_for_status().json()["id"]
    api.delete(f"templates/{gone}").raise_for_status()
    changed = [{**each, "description": "Anew"} for each in templates]
    with open_stack(changes={"templates": changed}) as session:
        with pytest.raises(diagnostics.RunError, match="reads that back and makes it anew"):
            up.apply(session, "local")
        up.apply(session, "local")
        assert pending(environment) == set()
        made = api.get(path).raise_for_status().json()
        assert (made["id"] != gone, made["description"]) == (True, "Anew")


POLICY = "firewalled-coder-workspaces"
PLACED = {
    "network-workspaces": "apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "workspace-namespace-quota": "api/v1/namespaces/{}/resourcequotas",
    "workspace-namespace-limits": "api/v1/namespaces/{}/limitranges",
}
"""What stands in the workspaces' namespace, and where; a patch of its labels comes to it."""


def placed(environment: Environment, namespace: str) -> dict[str, str]:
    """Return who has set fields of what the stack has in a namespace, and of the namespace."""
    found = {}
    with environment.cluster.client() as client:
        for name, path in PLACED.items():
            for each in client.get(path.format(namespace)).raise_for_status().json()["items"]:
                found[name] = each
        found["workspace-namespace-labels"] = client.get(f"api/v1/namespaces/{namespace}").json()
    managers = {name: ours(each) for name, each in found.items()}
    return {name: ", ".join(each) for name, each in managers.items() if each}


def ours(live: Any) -> list[str]:
    return [each for each in settling.managers(live) if each.startswith(("pulumi-", "firewalled-"))]


def elsewhere(pods: int, port: int) -> dict[str, Any]:
    place = {"namespace": "packages", "podLabels": {"app": "mirror"}}
    return {
        "workspaces": {"namespace": "elsewhere"},
        "workspaceNamespace": {"quota": {"pods": pods}, "limits": {"cpu": 4 * pods}},
        "network": {"allow": [{**place, "ports": [port], "why": "our mirror"}]},
    }


def test_what_a_killed_up_had_made_in_place_of_something_is_taken_and_that_is_removed(
    open_stack: Any, environment: Environment, up_somehow: Session, said: list[str]
) -> None:
    with environment.cluster.client() as client:
        body = {"metadata": {"name": "elsewhere"}}
        client.post("/api/v1/namespaces", json=body).raise_for_status()
    with open_stack(changes=elsewhere(20, 8081)) as session:
        kill_once_written(session, environment, "/namespaces/elsewhere", 4)
    making = {f"creating {name}" for name in (*PLACED, "workspace-namespace-labels")}
    assert pending(environment) >= making, "and names of versions"
    assert placed(environment, "coder-workspaces").keys() == placed(environment, "elsewhere").keys()
    # The next has something to change of each, which its one owner may.
    with open_stack(changes=elsewhere(21, 8082)) as session:
        done = applied(session)
        assert sum("the state knows it now" in line for line in said) == len(making)
        assert "REMOVED" not in "".join(said), "what is replaced was there for as long"
        assert changes(session.stack.preview()) == {}
    assert placed(environment, "coder-workspaces") == {}
    assert done["update"] >= PLACED.keys()
    assert not any("," in each for each in placed(environment, "elsewhere").values())


def test_what_a_killed_up_was_changing_is_as_the_next_declares_it(
    open_stack: Any, environment: Environment
) -> None:
    before = placed(environment, "elsewhere")
    with open_stack(changes=elsewhere(22, 8083)) as session:
        kill_once_written(session, environment, "/namespaces/elsewhere/", 3)
    assert {f"updating {name}" for name in PLACED} <= pending(environment)
    # As it was, which is all that the state knows of.
    with open_stack(changes=elsewhere(21, 8082)) as session:
        assert applied(session)["update"] >= PLACED.keys()
    assert placed(environment, "elsewhere") == before


def test_what_a_killed_up_was_removing_is_there_where_the_next_declares_it(
    open_stack: Any, environment: Environment, said: list[str]
) -> None:
    with open_stack() as session:
        kill_once_written(session, environment, "/elsewhere/networkpolicies/", 1)
    assert "deleting network-workspaces" in pending(environment)
    assert "network-workspaces" not in placed(environment, "elsewhere")
    with open_stack(changes=elsewhere(21, 8082)) as session:
        applied(session)
        assert f"NetworkPolicy elsewhere/{POLICY} is to stay: " in "".join(said)
    assert placed(environment, "coder-workspaces") == {}
    assert placed(environment, "elsewhere").keys() == {*PLACED, "workspace-namespace-labels"}
    assert not any("," in each for each in placed(environment, "elsewhere").values())
    assert not any(each.get("delete") for each in state(environment)["resources"])


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
    assert {each["urn"] for each in resources(environment)} == {each["urn"] for each in before}
    api.post(f"workspaces/{workspace['id']}/builds", json={"transition": "delete"})
    while api.get(f"workspaces/{workspace['id']}").status_code != 410:
        time.sleep(0.05)


def test_a_destroy_that_was_killed_is_finished_by_the_next(
    up_somehow: Session, environment: Environment, api: Any
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
