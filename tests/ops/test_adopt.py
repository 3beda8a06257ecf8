"""Taking over, on the real engine, what stands in a deployment that the state does not know."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import yaml
from pulumi import automation

from local.environment import Environment
from ops import adopt, history, tokens
from ops.adoption import templates
from ops.existing import ExistingError, objects
from ops.steps import ForeseenStep, observe
from tests.ops.adopt_world import World, changing, labels, resources


def step(op: str, kind: str, name: str, inputs: dict[str, Any]) -> ForeseenStep:
    return ForeseenStep(op, f"urn:pulumi:dev::p::{kind}::{name}", kind, inputs, {})


def metadata(namespace: str, name: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}}


NAMES = 'dashboards-agent-firewall: update data["agent-firewall.json"]'
"""Its tables name the version that up will upload."""


def test_the_plan_looks_for_what_would_be_created() -> None:
    found = adopt.plan(
        [
            step("create", "firewalledcoder:index:Dashboards", "dashboards", {}),
            step("create", "random:index/randomPet:RandomPet", "pet", {}),
            step("create", "kubernetes:core/v1:ConfigMap", "a", metadata("monitoring", "a")),
            step("create", "kubernetes:core/v1:Secret", "b", metadata("coder", "b")),
            step("create", "kubernetes:batch/v1:Job", "j", metadata("monitoring", "j")),
            step("create", "kubernetes:x.example/v1:Rule", "r", metadata("monitoring", "r")),
            step("create", tokens.NETWORK_POLICY, "n", metadata("coder-workspaces", "n")),
            step("create", tokens.NAMESPACE_PATCH, "p", {"metadata": {"name": "coder-workspaces"}}),
            step("create", tokens.TEMPLATE, "t", {"name": "firewalled"}),
            step("create", tokens.MCP_SERVER, "s", {"slug": "github"}),
            step("create", tokens.DEPLOYMENT_PATCH, "d", metadata("coder", "coder")),
            step("update", "kubernetes:core/v1:ConfigMap", "c", metadata("monitoring", "c")),
        ]
    )
    assert [each.label for each in found.candidates] == [
        "ConfigMap monitoring/a",
        "Secret coder/b",
        "Job monitoring/j",
        "Rule monitoring/r",
        "NetworkPolicy coder-workspaces/n",
        "template firewalled",
        "MCP server github",
    ]
    assert [each.name for each in found.before] == ["dashboards", "pet"]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(state=tmp_path_factory.mktemp("state"))
    yield environment
    environment.remove()


@pytest.fixture
def empty(deployment: Environment) -> World:
    """A deployment that has nothing of the stack."""
    world = World(deployment)
    with world.session() as ready:
        ready.stack.destroy()
        assert (ready.stack.export_stack().deployment or {}).get("resources") in (None, [])
    world.lose_the_state()
    return world


@pytest.fixture
def world(deployment: Environment, monkeypatch: pytest.MonkeyPatch) -> World:
    """A deployment that has all of the stack."""
    world = World(deployment)
    try:
        world.up()
    except automation.CommandError:
        # Fields that a test before gave to somebody else come back.
        with monkeypatch.context() as forced:
            forced.setenv("PULUMI_K8S_ENABLE_PATCH_FORCE", "true")
            world.up()
        world.up()
    return world


def test_a_lost_state_is_learnt_again_and_nothing_is_touched(world: World) -> None:
    before = world.everything()
    with world.session() as ready:
        outputs = {key: each.value for key, each in ready.stack.outputs().items()}
    world.lose_the_state()
    with world.session() as ready:
        done = world.adopt(ready)
        assert set(done.taken) == world.made
        assert done.missing == done.differing == ()
        assert changing(ready) == {}
        assert world.everything() == before
        assert {key: each.value for key, each in ready.stack.outputs().items()} == outputs
        updates = history.of(ready.stack)
        assert {each.title for each in updates} == {f"adopt at {'a' * 12}"}
        assert {each.who for each in updates} == {"ada@example.com"}
        assert not any(each.applied for each in updates), "no program was deployed by it"
        # Again: there is nothing left to take over, and nothing comes undone.
        again = world.adopt(ready)
        assert (again.taken, again.differing) == ((), ())
        assert (ready.stack.up().summary.resource_changes or {}).keys() == {"same"}
    assert world.everything() == before
    assert_no_secret_in_clear(world)


def assert_no_secret_in_clear(world: World) -> None:
    secret = world.kubernetes("GET", "/api/v1/namespaces/monitoring/secrets/aigov-grafana-db")
    password = base64.b64decode(secret["data"]["AIGOV_DB_PASSWORD"])
    for path in (world.environment.state / "state").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert password not in content, path
            assert base64.b64encode(password) not in content, path


def test_what_someone_changed_is_the_one_change_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/api/v1/namespaces/monitoring/configmaps/dashboard-agent-firewall"
    with world.environment.coderd.client() as client:
        template = client.get("/api/v2/organizations/default/templates/open").json()
        answer = client.patch(
            f"/api/v2/templates/{template['id']}", json={**template, "description": "by hand"}
        )
        assert answer.is_success, answer.text
    world.lose_the_state()
    with world.session() as ready:
        done = world.adopt(ready)
        assert set(done.taken) == world.made
        assert done.differing == ("open-template: update description",)
        assert changing(ready) == {"open-template": "update"}
        ready.stack.up()
        assert changing(ready) == {}
    edited = {"metadata": {"annotations": {"grafana_folder": "Mine"}}}
    world.kubernetes(
        "PATCH",
        f"{path}?fieldManager=somebody-else",
        content=json.dumps(edited),
        headers={"Content-Type": "application/merge-patch+json"},
    )
    world.lose_the_state()
    with world.session() as ready:
        done = world.adopt(ready)
        assert set(done.taken) == world.made, "a field of somebody else is no reason to stop"
        assert done.differing == (
            "dashboards-agent-firewall: update metadata.annotations.grafana_folder",
        )
        with pytest.raises(automation.CommandError, match='conflict with "somebody-else"'):
            ready.stack.preview()
        # The way out that the documentation names.
        monkeypatch.setenv("PULUMI_K8S_ENABLE_PATCH_FORCE", "true")
        ready.stack.up()
        monkeypatch.delenv("PULUMI_K8S_ENABLE_PATCH_FORCE")
        assert changing(ready) == {}
    annotations = world.kubernetes("GET", path)["metadata"].get("annotations", {})
    assert annotations.get("grafana_folder") != "Mine"


def test_another_content_and_other_credentials_are_changes_and_no_rotation_is_hidden(
    world: World,
) -> None:
    before = world.everything()
    deployment = "/apis/apps/v1/namespaces/coder/deployments/coder"
    pods = world.kubernetes("GET", deployment)["spec"]["template"]
    world.lose_the_state()
    settings = world.environment.workspace / "stacks" / "Pulumi.local.yaml"
    document = yaml.safe_load(settings.read_text())
    del document["config"]["firewalled-coder:secrets"]["externalAuth"]
    settings.write_text(yaml.safe_dump(document))
    changes = {"workspaces": {"image": "registry.example.com/other:1"}}
    with world.session(changes) as ready:
        done = world.adopt(ready)
        assert set(done.taken) == world.made
        assert changing(ready) == {
            "coderd-variables": "update",
            "coderd-deployment": "create",
            "open-template": "update",
            # It names the version that up will upload.
            "dashboards-agent-firewall": "update",
        }
        assert any("differs in variable workspace_image" in line for line in world.said)
        assert world.everything() == before
        ready.stack.up()
        assert changing(ready) == {}
    after = world.kubernetes("GET", deployment)["spec"]["template"]
    rotation = "firewalled-coder/variables"
    assert after["metadata"]["annotations"][rotation] != pods["metadata"]["annotations"][rotation]
    after["metadata"], pods["metadata"] = {}, {}
    assert after == pods, "coderd restarts with the new credentials, and nothing else of it changes"


def test_a_write_only_key_is_sent_once_more(world: World) -> None:
    servers = {"mcpServers": [SERVER]}
    world.up(servers)
    world.lose_the_state()
    with world.session(servers) as ready:
        done = world.adopt(ready)
        assert set(done.taken) == world.made
        assert list(changing(ready)) == ["notes-server"]
        assert done.differing == ("notes-server: update customHeadersWoVersion",)
        assert any("notes: its key cannot be read" in line for line in world.said)
        server = observe(ready.stack)[
            next(urn for urn in resources(ready) if "notes-server" in urn)
        ]
        assert server.diffs == ("customHeadersWoVersion",)
        given = resources(ready)[server.urn]["inputs"]
        assert given["availability"] == "default_off", "no default shows as a change"
        ready.stack.up()
        assert changing(ready) == {}


SERVER = {"slug": "notes", "displayName": "Notes", "url": "https://mcp.example.com/mcp"}


def test_what_is_missing_is_made_and_the_rest_is_taken_over(world: World) -> None:
    """Also what waits for the missing one, or is part of a component that does."""
    world.kubernetes("DELETE", "/api/v1/namespaces/monitoring/secrets/aigov-grafana-db")
    world.lose_the_state()
    with world.session() as ready:
        done = world.adopt(ready)
        assert done.missing == ("Secret monitoring/aigov-grafana-db",)
        assert set(done.taken) == world.made - set(done.missing)
        assert done.differing == ("data-sources-database: create",)
        assert (ready.stack.up().summary.resource_changes or {})["create"] == 1
        assert changing(ready) == {}


def test_a_version_that_the_provider_does_not_know_again_is_left_to_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.lose_the_state()

    monkeypatch.setattr(templates, "memory", lambda *_: "{}")
    with world.session() as ready:
        done = world.adopt(ready)
        assert done.differing == (NAMES, "open-template: update versions", "open-version: replace")
        assert any("does not know its running version again" in line for line in world.said)
        assert changing(ready) == {
            "dashboards-agent-firewall": "update",
            "open-template": "update",
            "open-version": "replace",
        }
        ready.stack.up()
        assert changing(ready) == {}


def test_a_takeover_that_is_killed_between_its_steps_is_finished_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.everything()
    world.lose_the_state()

    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    with world.session() as ready:
        with monkeypatch.context() as patched:
            patched.setattr(adopt, "_settle", killed)
            with pytest.raises(KeyboardInterrupt):
                world.adopt(ready)
        assert "data-sources-database" in changing(ready), "the state holds a password of its own"
        assert world.adopt(ready).differing == ()
        assert changing(ready) == {}
    assert world.everything() == before


def test_what_was_made_by_hand_is_taken_over(world: World) -> None:
    """Other names of versions, another password, and no mark of this program."""
    secrets = "/api/v1/namespaces/monitoring/secrets/aigov-grafana-db"
    with world.environment.coderd.client() as client:
        template = client.get("/api/v2/organizations/default/templates/open").json()
        answer = client.patch(
            f"/api/v2/templateversions/{template['active_version_id']}",
            json={"name": "v1", "message": "first"},
        )
        assert answer.is_success, answer.text
    for path in (
        secrets,
        "/api/v1/namespaces/coder/secrets/firewalled-coder-env-local",
        "/api/v1/namespaces/monitoring/configmaps/dashboard-agent-firewall",
    ):
        made = world.kubernetes("GET", path)
        kept = {key: made["metadata"].get(key) for key in ("name", "labels", "annotations")}
        world.kubernetes("DELETE", path)
        if path == secrets:
            made["data"]["AIGOV_DB_PASSWORD"] = base64.b64encode(b"chosen by hand").decode()
        world.kubernetes(
            "POST",
            f"{path.rpartition('/')[0]}?fieldManager=by-hand",
            json={**made, "metadata": kept},
        )
    before = world.everything()
    world.lose_the_state()
    with world.session() as ready:
        done = world.adopt(ready)
        assert set(done.taken) == world.made
        assert "template open: its version v1 has the stack's content and stays" in world.said
        assert done.differing == (NAMES, "open-template: update versions")
        assert world.everything() == before
        # Their maker owns them until somebody takes them, once.
        with pytest.raises(automation.CommandError, match='conflict with "by-hand"'):
            ready.stack.up()
        ready.stack.workspace.env_vars["PULUMI_K8S_ENABLE_PATCH_FORCE"] = "true"
        ready.stack.up()
        assert changing(ready) == {}
        after = {each["id"]: each["name"] for each in world.everything()["open"][1]}
        assert after == {each["id"]: each["name"] for each in before["open"][1]}
        assert after[template["active_version_id"]] == "v1", "its message alone changes"
    password = world.kubernetes("GET", secrets)["data"]["AIGOV_DB_PASSWORD"]
    assert base64.b64decode(password) == b"chosen by hand"


def test_what_is_not_there_is_left_to_up(empty: World) -> None:
    with empty.session() as ready:
        done = empty.adopt(ready)
        assert done.taken == ()
        assert "template open is not there; up will make it" in empty.said
        ready.stack.up()
        assert set(done.missing) == labels(ready)
        assert changing(ready) == {}


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


def test_what_cannot_be_asked_is_an_error_and_no_absence(empty: World) -> None:
    cases: list[tuple[httpx.BaseTransport, str]] = [
        (refusing(401, {"message": "no"}), "401: the session token is not valid"),
        (refusing(403, {"message": "Forbidden."}, "/templates"), "403: Forbidden."),
        (refusing(200, {"all": False}, "/authcheck"), "cannot be told from what is hidden"),
        (refusing(200, [OTHER], "/organizations"), "name one: the default is hidden; .* other"),
        (refusing(404, {"message": "gone"}, "/organizations"), "404: gone"),
        (refusing(404, None), "cannot ask coderd at"),
        (refusing(200, None), "does not answer as coderd does"),
        (httpx.MockTransport(unreachable), "connection refused"),
    ]
    with empty.session() as ready:
        for transport, message in cases:
            with pytest.raises(ExistingError, match=message):
                empty.adopt(ready, transport)
        for token, message in (("wrong", "provide credentials"), (nobody(empty), "forbidden")):
            with kubeconfig(empty, token), pytest.raises(ExistingError, match=message) as refused:
                objects(ready.stack, None, [("kubernetes:core/v1:Secret", "coder/x")])
            assert str(refused.value).startswith("cannot look for Secret coder/x: ")
            assert token not in str(refused.value)
        assert history.of(ready.stack) == ()


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
