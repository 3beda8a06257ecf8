"""coderd's variables on the real engine: what its Deployment has, at every moment."""

import json
from collections.abc import Callable, Iterator
from secrets import token_hex
from typing import Any

import pytest
from pulumi import automation

from components.coder import variables
from local.cluster import CONTEXT
from local.environment import Environment
from ops import preview, report
from ops.engine import Session
from tests.program import coderd, earlier
from tests.program.conftest import Open, opening, resources, state_file

OURS = "firewalled-coder-env-local"
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
KEY = "CODER_EXTERNAL_AUTH_0_CLIENT_SECRET"
LOGIN = variables.login("gitlab", "gitlab.example.com", "GitLab", variables.SCOPES)
PLAIN = {
    **variables.LOGIN,
    **variables.AUDIT,
    **{variables.login_name(0, part): value for part, value in LOGIN.items()},
}
CREDENTIALS = tuple(variables.login_name(0, part) for part in variables.CREDENTIALS)


# What else a stack has is not looked at here.
OTHERS: dict[str, Any] = {"templates": [{"name": "claude-code"}], "policy": {}, "mcpServers": []}


@pytest.fixture
def open_stack(open_stack: Open) -> Open:
    return opening(open_stack, OTHERS)


@pytest.fixture
def chart(environment: Environment, foreign: dict[str, Any]) -> Iterator[Callable[..., None]]:
    """Change coderd's container as an upgrade of its chart does, and put it back."""
    there = {each["name"]: each for each in foreign["spec"]["containers"][0]["env"]}
    added: set[str] = set()
    sources: list[dict[str, Any]] = []

    def change(**coder: Any) -> None:
        added.update(each["name"] for each in coder.get("env", ()))
        sources.extend(coder.get("envFrom", ()))
        coderd.upgrade(environment, **coder)

    yield change
    back = [there.get(name, {"name": name, "$patch": "delete"}) for name in sorted(added)]
    coderd.upgrade(environment, env=back, **({"envFrom": None} if sources else {}))
    if not resources(environment):
        assert coderd.pods(environment) == foreign


def coder(committed: Any, **changes: Any) -> dict[str, Any]:
    return {"coder": {**committed("local", "coder"), **changes}}


def credentials(session: Session) -> dict[str, str]:
    held = json.loads(session.stack.get_all_config()["firewalled-coder:secrets"].value)
    login = held["externalAuth"]["gitlab"]
    return dict(zip(CREDENTIALS, (login["clientId"], login["clientSecret"]), strict=True))


def refused(environment: Environment, run: Callable[[], Any]) -> str:
    """Run what has to be refused; return what is said. Nothing is applied by it."""
    before = resources(environment)
    with pytest.raises(automation.CommandError) as error:
        run()
    assert resources(environment) == before
    return str(error.value)


def rotate(session: Session) -> str:
    """Set another client secret, and return it."""
    secret = token_hex(16)
    session.stack.set_config(
        "firewalled-coder:secrets.externalAuth.gitlab.clientSecret",
        automation.ConfigValue(secret, secret=True),
        path=True,
    )
    return secret


def test_what_the_chart_sets_itself_stops_every_command_before_anything_is_declared(
    nothing_up: None, open_stack: Any, environment: Environment, chart: Any
) -> None:
    chart(
        env=[{"name": KEY, "value": "hunter2"}, {"name": "CODER_LOGGING_HUMAN", "value": "x"}],
        envFrom=[{"secretRef": {"name": "coder-secrets"}}],
    )
    with open_stack() as session:
        found = preview.assess(session, "local")
        assert found.verdict == "fails"
        assert resources(environment) == []
        for said in (found.failure, refused(environment, session.stack.up)):
            assert "stack local: 2 settings are wrong, nothing was applied" in said
            assert KEY in said
            assert "as a literal in env of container coder by helm, which wins" in said
            assert "envFrom of container coder is set by helm (Secret coder-secrets)" in said
            assert "Use coder.variables: secret" in said
            assert "hunter2" not in said
            assert "Traceback" not in said


def test_a_charts_own_login_is_left_to_it(
    nothing_up: None, open_stack: Any, environment: Environment, committed: Any, chart: Any
) -> None:
    references = [
        {"secretKeyRef": {"name": "coder-external-auth", "key": f"gitlab-client-{each}"}}
        for each in ("id", "secret")
    ]
    login = [
        *({"name": name, "value": value} for name, value in PLAIN.items()),
        *({"name": n, "valueFrom": v} for n, v in zip(CREDENTIALS, references, strict=True)),
    ]
    chart(env=login)
    template = coderd.pods(environment)
    with open_stack() as session:
        assert "by coder.variables: chart" in refused(environment, session.stack.preview)
    with open_stack(changes=coder(committed, variables="chart")) as session:
        session.stack.up()
        assert coderd.pods(environment) == template
        found = coderd.variables(environment)
        assert {name: found[name] for name in CREDENTIALS} == credentials(session)
        assert preview.assess(session, "local", refresh=True).verdict == "same"
        rotate(session)
        found = preview.assess(session, "local")
        # Of what the chart patches, the update changes nothing.
        assert {each.name for each in found.steps} == {"external-auth-secret"}
        text = report.to_markdown([found])
        assert "coderd reads Secret `coder-external-auth` only when it starts" in text
        assert "**the chart has to roll out**" in text
        assert "`gitlab-client-secret of Secret coder-external-auth`: a secret value" in text
        session.stack.destroy()
        assert coderd.pods(environment) == template


def literal(environment: Environment, chart: Callable[..., None]) -> None:
    """Have the chart set a literal, which stands in an annotation as well, as kubectl leaves it."""
    chart(env=[{"name": "CODER_PG_PASSWORD", "value": "hunter2"}])
    annotations = {APPLIED: "hunter2"}
    coderd.merge(environment, coderd.DEPLOYMENT, {"metadata": {"annotations": annotations}})


def literal_is_left_to_the_chart(environment: Environment) -> None:
    """Look for it among all that the engine keeps, and take the annotation away."""
    annotations = {APPLIED: None}
    coderd.merge(environment, coderd.DEPLOYMENT, {"metadata": {"annotations": annotations}})
    folder = environment.state / "state"
    texts = [path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()]
    assert any("coderd-deployment" in text for text in texts)
    assert not any("hunter2" in text for text in texts)


def test_a_stack_of_the_first_releases_moves_without_losing_a_variable_for_a_moment(
    nothing_up: None, open_stack: Any, environment: Environment, foreign: dict[str, Any], chart: Any
) -> None:
    assert coderd.pods(environment) == foreign
    with open_stack() as session:
        secrets = credentials(session)
        now = session.stack.workspace.program
        keys = [variables.credential_key("gitlab", part) for part in variables.CREDENTIALS]
        by_name = dict(zip(CREDENTIALS, zip(keys, secrets.values(), strict=True), strict=True))
        session.stack.workspace.program = earlier.program(CONTEXT, PLAIN, by_name)
        session.stack.up()
        before = {**PLAIN, **secrets}
        found = coderd.variables(environment)
        assert {name: found[name] for name in before} == before
        # What a preview writes down then, which has the chart's variables in it.
        session.stack.refresh()
        literal(environment, chart)
        session.stack.workspace.program = now
        text = report.to_markdown([preview.assess(session, "local")])
        assert "- coderd **restarts**" in text
        assert "#### External login" not in text, "no variable changes"
        assert "#### coderd's variables" not in text
        with coderd.watched(environment) as moments:
            session.stack.up()
        assert {thing["kind"] for _, _, thing in moments.events} == {"Deployment", "Secret"}
        for found in moments.variables():
            assert {name: found.get(name) for name in before} == before
        names = {
            each["metadata"]["name"] for each in coderd.get(environment, coderd.SECRETS)["items"]
        }
        assert names == {OURS, "coder-db-url"}, "its own, and the chart's"
        env = {each["name"] for each in coderd.container(coderd.get(environment))["env"]}
        assert not env & {*before} - {"CODER_PROMETHEUS_ADDRESS"}
    literal_is_left_to_the_chart(environment)


def test_a_preview_is_unchanged_after_up_refresh_and_a_change_of_the_chart_whose_literals_stay_its(
    stack: Session, environment: Environment, chart: Any
) -> None:
    literal(environment, chart)
    found = coderd.variables(environment)
    assert {name: found[name] for name in PLAIN} == PLAIN
    assert {name: found[name] for name in CREDENTIALS} == credentials(stack)
    stack.stack.refresh()
    # Ahead of all others, and one of them changed.
    chart(env=[{"name": "CODER_A", "value": "1"}, {"name": "CODER_ACCESS_URL", "value": "x"}])
    before = state_file(environment).read_bytes()
    assert preview.assess(stack, "local", refresh=True).verdict == "same"
    assert state_file(environment).read_bytes() == before
    assert set(stack.stack.up().summary.resource_changes or {}) == {"same"}
    literal_is_left_to_the_chart(environment)


def test_drift_of_a_variable_is_told_and_what_the_settings_take_away(
    stack: Session, open_stack: Any, environment: Environment, committed: Any
) -> None:
    kind = variables.login_name(0, "TYPE")
    coderd.tamper(environment, OURS, **{kind: "x"})
    with open_stack(changes=coder(committed, auditLogging=False)) as session:
        text = report.to_markdown([preview.assess(session, "local", refresh=True)])
    assert f"- `{kind}`: `[another value]` → `{PLAIN[kind]}`" in text
    assert "- `CODER_LOGGING_HUMAN`: `/dev/null` → **removed**" in text
    assert "- coderd **restarts**" in text
    coderd.tamper(environment, OURS, **{kind: PLAIN[kind]})


def test_a_rotation_names_the_credential_and_restarts_coderd_and_nothing_else_does(
    stack: Session, open_stack: Any, environment: Environment, committed: Any
) -> None:
    before = coderd.pods(environment)
    secret = rotate(stack)
    text = report.to_markdown([preview.assess(stack, "local")])
    assert "- coderd **restarts**" in text
    assert f"- `{KEY}`: a secret value changes" in text
    assert secret not in text
    with open_stack(changes=coder(committed, auditLogging=False)) as session:
        session.stack.up()
    found = coderd.variables(environment)
    assert found[KEY] == secret
    assert "CODER_LOGGING_HUMAN" not in found
    after = coderd.pods(environment)
    assert before.pop("metadata") != after.pop("metadata")
    assert before == after
    # Another policy concerns templates alone.
    changes = {
        **coder(committed, auditLogging=False),
        "workspaces": {"agentEnv": {"A": "b"}},
    }
    with open_stack(changes=changes) as session:
        reviewed = preview.assess(session, "local")
        assert reviewed.verdict == "changes"
        assert reviewed.coderd.restarts is False


def test_two_stacks_on_one_coderd(
    stack: Session, open_stack: Any, environment: Environment, committed: Any
) -> None:
    before = coderd.pods(environment)
    dev = {**committed("dev", "coder"), "waitForRollout": False}
    beside = {
        "templates": [{"name": "open-dev"}],
        "grafana": {"namespace": "default", "dashboards": ["agent-firewall"]},
        "alerts": {"namespace": "default", "rules": []},
        "workspaces": {"namespace": "default"},
    }
    with open_stack("dev", {"coder": dev, **beside}) as session:
        said = refused(environment, session.stack.up)
        assert f"stack local sets coderd's variables already, by Secret {OURS} in envFrom" in said
    with open_stack("dev", {"coder": {**dev, "variables": "none"}, **beside}) as session:
        try:
            outputs = session.stack.up().outputs
            assert set(outputs["templates"].value) == {"open-dev"}
            assert outputs["callbackUrls"].value == {}
        finally:
            session.stack.destroy()
    assert coderd.pods(environment) == before


def test_a_chart_with_an_envfrom_takes_the_patch_over_without_losing_a_variable(
    stack: Session, open_stack: Any, environment: Environment, committed: Any, chart: Any
) -> None:
    wanted = {**PLAIN, **credentials(stack)}
    secret = coder(committed, variables="secret")
    with coderd.watched(environment) as moments:
        with open_stack(changes=secret) as session:
            # Helm leaves alone what is there already, as it is.
            said = refused(environment, session.stack.up)
            assert "envFrom is still the stack's own patch" in said
        chart(envFrom=[{"secretRef": {"name": OURS, "optional": False}}])
        with open_stack() as session:
            assert "use coder.variables: secret" in refused(environment, session.stack.preview)
        with open_stack(changes=secret) as session:
            session.stack.up()
            assert preview.assess(session, "local", refresh=True).verdict == "same"
    for found in moments.variables():
        assert {name: found.get(name) for name in wanted} == wanted
    assert coderd.container(coderd.get(environment))["envFrom"] == [
        {"secretRef": {"name": OURS, "optional": False}}
    ]
    with open_stack(changes=secret) as session:
        session.stack.destroy()
