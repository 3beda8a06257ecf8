"""Taking over, on the real engine, what stands in a deployment that the state does not know.

Each test goes on from what the one before it left, or makes that anew when there is none.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml
from pulumi import automation

from local.environment import Environment
from ops import adopt, history, tokens, up
from ops.adoption import importing, templates
from ops.engine import Session
from ops.existing import ExistingError, objects
from ops.state import StackState
from ops.steps import ForeseenStep
from tests.ops.adopt_world import (
    CHANGES,
    CONFINED,
    OTHER,
    World,
    applied,
    changing,
    edit_as,
    kubeconfig,
    labels,
    left,
    make_again_as,
    nobody,
    policies,
    refusing,
    unreachable,
)

DASHBOARD = "/api/v1/namespaces/monitoring/configmaps/dashboard-agent-firewall"
SOURCE = "/api/v1/namespaces/monitoring/configmaps/datasource-loki"
LABEL = "grafana_datasource"
DEPLOYMENT = "/apis/apps/v1/namespaces/coder/deployments/coder"
PASSWORD = "/api/v1/namespaces/monitoring/secrets/aigov-grafana-db"
NAMES = 'dashboards-agent-firewall: update data["agent-firewall.json"]'
"""Its tables name the version that up will upload."""

WIDER: dict[str, Any] = {
    "templates": [*CHANGES["templates"], {**CONFINED, "name": "second"}],
    "policy": {"rules": [{"rule": "method=GET domain=wide.example", "why": "a test needs it"}]},
}
"""What the settings say then: another rule, and one more template."""

OTHER_CONTENT = {
    **WIDER,
    "templates": [{"name": "open"}, {**CONFINED, "gitCredentials": False}, WIDER["templates"][-1]],
}
"""Another variable of a template besides."""

SERVER = {"slug": "notes", "displayName": "Notes", "url": "https://mcp.example.com/mcp"}
PROVIDER = {"name": "claude", "type": "anthropic", "baseUrl": "https://api.anthropic.com"}
KEYED: dict[str, Any] = {"mcpServers": [SERVER], "aiGateway": {"providers": [PROVIDER]}}
"""What has keys that nobody can read again."""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(Environment(state=tmp_path_factory.mktemp("state")))
    yield world
    world.environment.remove()


@pytest.fixture
def any_world(deployment: World, request: pytest.FixtureRequest) -> Iterator[World]:
    failed = request.session.testsfailed
    yield deployment
    deployment.sound = request.session.testsfailed == failed


@pytest.fixture
def empty(any_world: World) -> World:
    """A deployment that has nothing of the stack."""
    any_world.ensure(stack=False)
    return any_world


@pytest.fixture
def world(any_world: World) -> World:
    """A deployment that has all of the stack."""
    any_world.ensure(stack=True)
    return any_world


@pytest.fixture
def keyed(any_world: World) -> World:
    """A deployment that has all of the stack, and an MCP server and a provider with keys."""
    any_world.ensure(stack=True, changes=KEYED)
    return any_world


@pytest.fixture
def three(any_world: World) -> World:
    """A deployment that has all of the stack, with a third template."""
    any_world.ensure(stack=True, changes=OTHER_CONTENT)
    return any_world


def test_what_cannot_be_asked_is_an_error_and_no_absence(
    empty: World, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    step = ForeseenStep("create", "urn:pulumi:a::b::c::d", tokens.TEMPLATE, {"name": "open"}, {})
    with empty.session() as ready:
        for transport, message in cases:
            with (
                empty.running(ready, transport) as running,
                pytest.raises(ExistingError, match=message),
            ):
                adopt.look(running, [adopt.Candidate(step, "template open")], ())
        # An adoption looks before it does anything.
        with monkeypatch.context() as foreseen:
            foreseen.setattr(adopt, "observe", lambda _: {step.urn: step})
            with pytest.raises(ExistingError, match="connection refused"):
                empty.adopt(ready, httpx.MockTransport(unreachable))
        for token, message in (("wrong", "provide credentials"), (nobody(empty), "forbidden")):
            with kubeconfig(empty, token), pytest.raises(ExistingError, match=message) as refused:
                objects(ready.stack, None, [("kubernetes:core/v1:Secret", "coder/x")])
            assert str(refused.value).startswith("cannot look for Secret coder/x: ")
            assert token not in str(refused.value)
        assert history.of(ready.stack) == ()


def test_what_is_not_there_is_left_to_up(empty: World) -> None:
    with empty.session() as ready:
        done = empty.adopt(ready)
        assert done.taken == ()
        assert "template open is not there; up will make it" in empty.said
        ready.stack.up()
        assert changing(ready) == {}
        empty.is_up(ready)
        assert set(done.missing) == empty.made


def test_a_lost_state_is_learnt_again_and_nothing_is_touched(world: World) -> None:
    before = world.everything()
    with world.session() as ready:
        outputs = {key: each.value for key, each in ready.stack.outputs().items()}
    world.lose_the_state()
    with world.session() as ready:
        done = world.adopt(ready)
        assert set(done.taken) == world.made
        assert done.missing == done.differing == ()
        assert {key: each.value for key, each in ready.stack.outputs().items()} == outputs
        updates = history.of(ready.stack)
        assert {each.title for each in updates} == {f"adopt at {'a' * 12}"}
        assert {each.who for each in updates} == {"ada@example.com"}
        assert not any(each.applied for each in updates), "no program was deployed by it"
    with world.session(WIDER) as ready:
        # Again: where all is known nothing is recorded, and nothing comes undone.
        held = StackState(ready.stack).resources
        again = world.adopt(ready)
        assert (again.taken, again.missing) == ((), ("template second",))
        assert "second-template: create" in again.differing
        state = StackState(ready.stack)
        assert state.resources == held
        one_is_taken_over_and_the_policy_stays(world, ready, state, left(again))
    assert world.everything() == before
    with world.session() as ready:
        assert applied(ready) == {}
    assert world.everything() == before
    assert_no_secret_in_clear(world)


def assert_no_secret_in_clear(world: World) -> None:
    secret = world.kubernetes("GET", PASSWORD)
    password = base64.b64decode(secret["data"]["AIGOV_DB_PASSWORD"])
    for path in (world.environment.state / "state").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert password not in content, path
            assert base64.b64encode(password) not in content, path


def one_is_taken_over_and_the_policy_stays(
    world: World, ready: Session, state: StackState, pending: dict[str, str]
) -> None:
    """What is taken over leaves the policy that is deployed, and what waits for the next up."""
    forgotten = "data-sources-loki"
    before = policies(ready)
    assert before.keys() == {"confined", "open"}
    assert pending["second-template"] == "create"
    resources = state._deployment["resources"]
    resources[:] = [each for each in resources if not each["urn"].endswith(f"::{forgotten}")]
    state.save()
    done = world.adopt(ready)
    assert done.taken == ("ConfigMap monitoring/datasource-loki",)
    # Had it recorded more of these settings, the last update would take that back.
    assert (policies(ready), left(done)) == (before, pending)
    state = StackState(ready.stack)
    assert not importing.unfinished(state), "the adoption is finished"
    assert "second" not in {each.rpartition("::")[2] for each in state.resources}
    # What waits for another still does, and goes before it.
    waiting = "::data-sources-aibridge-postgres"
    source = next(each for urn, each in state.resources.items() if urn.endswith(waiting))
    assert any(urn.endswith("::data-sources-database") for urn in source["dependencies"])


def providers(world: World) -> Any:
    return world.coderd("GET", "ai/providers")


def test_a_provider_is_there_and_its_key_is_in_no_state(keyed: World) -> None:
    (there,) = providers(keyed)
    assert there["base_url"] == PROVIDER["baseUrl"]
    with keyed.session() as ready:
        assert ready.stack.outputs()["aiProviders"].value == {"claude": there["id"]}
        key = ready.stack.get_config(
            "firewalled-coder:secrets.aiProviders.claude.apiKey", path=True
        ).value
    (masked,) = there["api_keys"]
    for file in (keyed.environment.state / "state").rglob("*.json"):
        text = file.read_text()
        assert key not in text
        assert masked["masked"] not in text


def test_what_is_missing_is_made_and_what_differs_is_changed_and_the_rest_is_taken_over(
    keyed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another content, other credentials, a field of somebody else, and keys nobody can read."""
    world, provider = keyed, providers(keyed)[0]["id"]
    pods = world.kubernetes("GET", DEPLOYMENT)["spec"]["template"]
    edit_as(world, "somebody-else", SOURCE, {"metadata": {"labels": {LABEL: "0"}}})
    world.kubernetes("DELETE", PASSWORD)
    before = world.everything()
    world.lose_the_state()
    settings = world.environment.workspace / "stacks" / "Pulumi.local.yaml"
    document = yaml.safe_load(settings.read_text())
    del document["config"]["firewalled-coder:secrets"]["externalAuth"]
    settings.write_text(yaml.safe_dump(document))
    with world.session(OTHER_CONTENT) as ready:
        done = world.adopt(ready)
        assert set(done.missing) == {"Secret monitoring/aigov-grafana-db", "template second"}
        # Also what waits for the missing one, or is part of a component that does.
        assert set(done.taken) == world.made - set(done.missing)
        assert done.differing == (
            'alerts-grafana: update data["firewalled-coder.yaml"]',
            "alerts-prometheus: update spec.groups[0].rules[0].expr",
            "claude-provider: update apiKeyWoVersion",
            "coderd-deployment: create",
            f"coderd-variables: update {CREDENTIALS}_ID, {CREDENTIALS}_SECRET",
            "confined-template: update versions",
            NAMES,
            "data-sources-database: create",
            f"data-sources-loki: update metadata.labels.{LABEL}",
            "notes-server: update customHeadersWoVersion",
            "second-template: create",
            "second-version: create",
            "second: create",
        )
        for label in ("MCP server notes", "AI provider claude"):
            assert any(f"{label}: its key cannot be read" in line for line in world.said)
        assert any("confined: its version" in line and VARIES in line for line in world.said)
        assert policies(ready).keys() == {"open"}, "what runs has a policy that nobody looked at"
        (server,) = StackState(ready.stack).of_type(tokens.MCP_SERVER)
        assert server["inputs"]["availability"] == "default_off", "no default shows as a change"
        assert world.everything() == before
        with pytest.raises(automation.CommandError, match='conflict with "somebody-else"'):
            ready.stack.preview()
        # The way out that the documentation names.
        with monkeypatch.context() as forced:
            forced.setenv("PULUMI_K8S_ENABLE_PATCH_FORCE", "true")
            assert applied(ready) == left(done)
        assert {name for name, policy in policies(ready).items() if "wide.example" in policy} == {
            "confined",
            "second",
        }
        world.is_up(ready, OTHER_CONTENT)
    assert world.kubernetes("GET", SOURCE)["metadata"]["labels"][LABEL] == "1"
    assert [each["id"] for each in providers(world)] == [provider]
    after = world.kubernetes("GET", DEPLOYMENT)["spec"]["template"]
    rotation = "firewalled-coder/variables"
    assert after["metadata"]["annotations"][rotation] != pods["metadata"]["annotations"][rotation]
    after["metadata"], pods["metadata"] = {}, {}
    assert after == pods, "coderd restarts with the new credentials, and nothing else of it changes"


CREDENTIALS = "data.CODER_EXTERNAL_AUTH_0_CLIENT"
VARIES = "differs in boundary.yaml, variable git_credentials; up brings"


def test_a_provider_that_was_being_made_is_known_again(keyed: World) -> None:
    (file,) = (keyed.environment.state / "state").rglob("local.json")
    document = json.loads(file.read_text())
    latest = document["checkpoint"]["latest"]
    (made,) = [each for each in latest["resources"] if each["urn"].endswith("::claude-provider")]
    latest["resources"].remove(made)
    kept = {key: each for key, each in made.items() if key not in ("id", "outputs")}
    latest["pending_operations"] = [{"type": "creating", "resource": kept}]
    file.write_text(json.dumps(document))
    with keyed.session() as ready:
        done, _ = up.apply(ready, "local")
        # The options of the run before differ in its provider; nothing else was left to do.
        assert {**(done.summary.resource_changes or {}), "same": 0} == {"same": 0, "update": 1}
        (known,) = StackState(ready.stack).of_type(tokens.AI_PROVIDER)
    assert known["id"] == providers(keyed)[0]["id"]


def test_another_type_takes_the_place_of_a_provider_which_goes_as_does_the_output(
    keyed: World,
) -> None:
    moved = {"aiGateway": {"providers": [{**PROVIDER, "type": "openai"}]}}
    with keyed.session(moved) as ready:
        # What the test before left undone would show, too.
        assert applied(ready) == {"claude-provider": "replace"}
        keyed.is_up(ready, moved)
    assert [each["type"] for each in providers(keyed)] == ["openai"]
    without: dict[str, Any] = {"mcpServers": [], "aiGateway": {"providers": []}}
    with keyed.session(without) as ready:
        parts = {"claude": ("provider", "key-version"), "notes": ("server", "key-version")}
        gone = {f"{name}-{part}" for name, each in parts.items() for part in each}
        assert applied(ready) == dict.fromkeys(parts.keys() | gone, "delete")
        assert "aiProviders" not in ready.stack.outputs()
        keyed.is_up(ready, without)
    assert providers(keyed) == []


def test_a_takeover_that_is_killed_between_its_steps_is_finished_by_the_next(
    three: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what was made by hand: other names of versions, another password, no mark of ours.

    What someone changed, and a version that the provider does not know again, are left to up.
    """
    world, second = three, three.template("second")
    version, unknown = (world.template(name)["active_version_id"] for name in ("open", "confined"))
    by_hand = {**second, "description": "by hand"}
    world.coderd("PATCH", f"templates/{second['id']}", json=by_hand)
    named = {"name": "v1", "message": "first"}
    world.coderd("PATCH", f"templateversions/{version}", json=named)
    chosen = {"AIGOV_DB_PASSWORD": base64.b64encode(b"chosen by hand").decode()}
    make_again_as(world, "by-hand", PASSWORD, chosen)
    variables = "/api/v1/namespaces/coder/secrets/firewalled-coder-env-local"
    for path in (variables, DASHBOARD):
        make_again_as(world, "by-hand", path)
    before = world.everything()
    world.lose_the_state()
    memory = templates.memory

    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    def forgetful(digest: str, version: Any, identifier: str) -> str:
        return "{}" if identifier == unknown else memory(digest, version, identifier)

    monkeypatch.setattr(templates, "memory", forgetful)
    with world.session() as ready:
        with monkeypatch.context() as patched:
            patched.setattr(adopt, "_settle", killed)
            with pytest.raises(KeyboardInterrupt):
                world.adopt(ready)
        kept = StackState(ready.stack).shown().values()
        (own,) = [each["outputs"] for each in kept if each["type"].endswith(":RandomPassword")]
        assert own["result"] != "chosen by hand", "the state holds a password of its own"
        done = world.adopt(ready)
        assert set(done.taken) == {each for each in world.made if each.startswith("template ")}
        assert labels(ready) == world.made
        assert done.missing == ()
        assert done.differing == (
            "confined-template: update versions",
            "confined-version: replace",
            NAMES,
            "open-template: update versions",
            "second-template: update description",
        )
        assert "template open: its version v1 has the stack's content and stays" in world.said
        assert any("confined: the provider does not know its run" in line for line in world.said)
        assert world.everything() == before
        # Their maker owns them until somebody takes them, once: who does not is refused as above.
        ready.stack.workspace.env_vars["PULUMI_K8S_ENABLE_PATCH_FORCE"] = "true"
        ready.stack.up()
        assert changing(ready) == {}
        after = {each["id"]: each["name"] for each in world.everything()["open"][1]}
        assert after == {each["id"]: each["name"] for each in before["open"][1]}
        assert after[version] == "v1", "its message alone changes"
    password = world.kubernetes("GET", PASSWORD)["data"]["AIGOV_DB_PASSWORD"]
    assert base64.b64decode(password) == b"chosen by hand"
