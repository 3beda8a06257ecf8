"""What a live Deployment has that does not fit is told before anything is declared."""

from typing import Any

import httpx
import pytest

from components.cluster import Cluster
from components.coder import variables
from components.coder.clone_urls import clone_url_regex
from components.coder.deployment import Found, examine, look_up
from components.coder.live import Deployment
from components.settings.load import load
from components.settings.model import Settings
from tests.components.clusters import Answer, answering
from tests.components.coder.deployments import document, literal, reference, secret

OURS = "firewalled-coder-env-dev"
US = "firewalled-coder"
ID = reference("coder-external-auth", "gitlab-client-id")
KEY = reference("coder-external-auth", "gitlab-client-secret")
CHART_LOGIN: dict[str, Any] = {
    "CODER_EXTERNAL_AUTH_2_ID": literal("gitlab"),
    "CODER_EXTERNAL_AUTH_2_CLIENT_ID": ID,
    "CODER_EXTERNAL_AUTH_2_CLIENT_SECRET": KEY,
}
AUDIT = {name: literal(value) for name, value in variables.AUDIT.items()}


def settings(**coder: Any) -> Settings:
    return load(
        "dev",
        {
            "coder": {"accessUrl": "https://coder.example.com", **coder},
            "kubernetes": {"context": "gov"},
            "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
            "templates": [{"name": "a"}],
            "secrets": {
                "coderToken": "t",
                "externalAuth": {"gitlab": {"clientId": "i", "clientSecret": "s"}},
            },
        },
    )


def examined(found: dict[str, Any], **coder: Any) -> Found:
    return examine("dev", settings(**coder), Deployment.of(found))


def told(found: dict[str, Any], **coder: Any) -> list[str]:
    """What is wrong, each with its key and value."""
    return [str(problem) for problem in examined(found, **coder).problems]


def one(found: dict[str, Any], **coder: Any) -> str:
    (problem,) = told(found, **coder)
    return problem


def test_an_ordinary_chart_is_no_problem() -> None:
    chart = {
        "CODER_ACCESS_URL": literal("https://coder.example.com"),
        "CODER_PROMETHEUS_ADDRESS": literal("0.0.0.0:2112"),
        "CODER_PG_CONNECTION_URL": reference("coder-db-url", "url"),
    }
    assert examined(document(chart)) == Found()


def test_variables_that_win_are_told_with_owner_form_and_way_out() -> None:
    problems = told(
        document(
            {
                "CODER_EXTERNAL_AUTH_0_ID": literal("github"),
                "CODER_EXTERNAL_AUTH_0_CLIENT_SECRET": literal("hunter2"),
                "CODER_EXTERNAL_AUTH_0_CLIENT_ID": ID,
                "CODER_LOGGING_HUMAN": literal("/dev/stderr"),
            }
        )
    )
    way_out = "Take it out of coder.env in the chart's values"
    assert problems == [
        'coder.variables = "patch": CODER_EXTERNAL_AUTH_0_ID, CODER_EXTERNAL_AUTH_0_CLIENT_SECRET, '
        "CODER_LOGGING_HUMAN: set as a literal in env of container coder by helm, which wins over "
        f"the stack's value. {way_out}, or leave the login to the chart by coder.variables: chart",
        'coder.variables = "patch": CODER_EXTERNAL_AUTH_0_CLIENT_ID: set by reference in env of '
        f"container coder by helm, which wins over the stack's value. {way_out}, or leave the "
        "login to the chart by coder.variables: chart",
    ]
    assert "hunter2" not in str(problems)


def test_an_audit_variable_that_wins_can_be_left_out() -> None:
    found = document({"CODER_LOGGING_HUMAN": literal("/dev/stderr")})
    assert "or set coder.auditLogging: false" in one(found)
    assert told(found, auditLogging=False) == []


def test_what_an_earlier_patch_of_the_stack_set_goes_with_the_update() -> None:
    env = {"CODER_EXTERNAL_AUTH_0_CLIENT_ID": ID, "CODER_EXTERNAL_AUTH_0_ID": literal("other")}
    assert told(document(env, ours=[*env])) == []
    # The chart set it too: there it stays, and wins.
    assert "by firewalled-coder and helm" in one(document(env, ours=[*env][:1], shared=[*env][1:]))


@pytest.mark.parametrize("setter", ["patch", "secret"])
@pytest.mark.parametrize(
    ("chart", "said"),
    [
        (
            {"CODER_EXTERNAL_AUTH_1_ID": literal("gitlab")},
            "CODER_EXTERNAL_AUTH_1_ID, set by helm, is gitlab, as is the stack's login number 0",
        ),
        # Without an id its type is the id.
        (
            {"CODER_EXTERNAL_AUTH_1_TYPE": literal("gitlab")},
            "CODER_EXTERNAL_AUTH_1_TYPE, set by helm, is gitlab, as is the stack's login number 0",
        ),
        # The prefix of old, which coderd reads beside.
        (
            {"CODER_GITAUTH_0_ID": literal("gitlab")},
            "CODER_GITAUTH_0_ID, set by helm, is gitlab, as is the stack's login number 0",
        ),
        (
            {"CODER_EXTERNAL_AUTH_2_ID": literal("github")},
            "CODER_EXTERNAL_AUTH_2_ID, set by helm, comes after a number that is missing",
        ),
    ],
)
def test_logins_of_the_chart_with_which_coderd_would_not_start(
    chart: dict[str, Any], said: str, setter: str
) -> None:
    (problem,) = told(document(chart), variables=setter)
    assert said in problem
    assert "coderd does not start" in problem
    assert "coder.variables: chart" in problem


def test_logins_of_the_chart_that_go_on_from_the_stacks() -> None:
    chart = {
        "CODER_EXTERNAL_AUTH_1_ID": literal("github"),
        "CODER_EXTERNAL_AUTH_1_TYPE": literal("gitlab"),
        "CODER_EXTERNAL_AUTH_2_ID": reference("logins", "id"),
        "CODER_GITAUTH_0_ID": literal("azure"),
    }
    assert told(document(chart)) == []
    # What an earlier patch of the stack set goes with the update.
    assert (
        told(
            document({"CODER_EXTERNAL_AUTH_3_ID": literal("b")}, ours=["CODER_EXTERNAL_AUTH_3_ID"])
        )
        == []
    )


def test_a_variable_of_nobody_on_record() -> None:
    found = document({"CODER_LOGGING_HUMAN": literal("x")})
    found["metadata"]["managedFields"] = []
    assert "by somebody who is not on record" in one(found)
    del found["metadata"]["managedFields"]
    assert "by somebody who is not on record" in one(found)


@pytest.mark.parametrize("owners", [[US], ["helm", US], []])
def test_the_stacks_own_entry_is_no_problem(owners: list[str]) -> None:
    assert told(document(env_from=[secret(OURS)], env_from_owners=owners)) == []


def test_an_envfrom_of_the_chart_is_told_with_the_line_that_it_needs() -> None:
    found = document(
        env_from=[secret("coder-secrets"), {"configMapRef": {"name": "c"}, "prefix": "X_"}],
        env_from_owners=["helm"],
    )
    assert one(found) == (
        'coder.variables = "patch": envFrom of container coder is set by helm (Secret '
        "coder-secrets, ConfigMap c (prefix X_)), and is a list of one owner. Use "
        "coder.variables: secret. Add `- secretRef: {name: firewalled-coder-env-dev, optional: "
        "false}` to coder.envFrom in the chart's values"
    )
    # To take the list over would take the chart's variables away.
    forced = settings().model_copy(
        update={"kubernetes": settings().kubernetes.model_copy(update={"force_conflicts": True})}
    )
    assert examine("dev", forced, Deployment.of(found)).problems


def test_a_chart_that_names_the_secret_already() -> None:
    line = secret(OURS, optional=False)
    found = document(env_from=[line], env_from_owners=["helm"])
    assert "names the stack's Secret, by helm: use coder.variables: secret" in one(found)
    beside = document(env_from=[secret("x"), line], env_from_owners=["helm"])
    assert "Use coder.variables: secret" in one(beside)
    assert examined(beside, variables="secret") == Found()


def test_two_stacks_on_one_deployment() -> None:
    found = document(env_from=[secret("firewalled-coder-env-prod")], env_from_owners=[US])
    for setter in ("patch", "secret"):
        assert one(found, variables=setter) == (
            f'coder.variables = "{setter}": stack prod sets coderd\'s variables already, by Secret '
            "firewalled-coder-env-prod in envFrom, and one stack owns them: use coder.variables: "
            "none here"
        )


def test_another_program_that_patches_the_deployment() -> None:
    assert "another Pulumi program patches the Deployment as theirs" in one(
        document(manager="theirs")
    )
    assert told(document(manager=US)) == []
    assert told(document(manager="theirs"), variables="secret") == []


def test_a_container_that_is_not_the_first() -> None:
    found = document(containers=["proxy", "coder"])
    assert "container coder is number 2 of the pod's (proxy, coder)" in one(found)
    assert told(found, variables="secret") == []
    assert told(found, variables="chart", auditLogging=False) != []


def test_a_container_that_is_not_there() -> None:
    assert one(document(), container="coderd") == (
        'coder.container = "coderd": the Deployment has no such container; there are coder'
    )


def test_everything_is_told_at_once() -> None:
    problems = told(
        document(
            {"CODER_LOGGING_HUMAN": literal("x"), "CODER_EXTERNAL_AUTH_0_CLIENT_ID": ID},
            [secret("coder-secrets")],
            env_from_owners=["helm"],
            containers=["proxy", "coder"],
            manager="theirs",
        )
    )
    assert len(problems) == 5


def test_the_secret_alone_says_which_line_the_chart_needs() -> None:
    found = examined(document(env_from=[secret("x")]), variables="secret")
    assert found.problems == ()
    (warning,) = found.warnings
    assert "Add `- secretRef: {name: firewalled-coder-env-dev, optional: false}`" in warning
    named = document(env_from=[secret("x"), secret(OURS)], env_from_owners=["helm"])
    assert examined(named, variables="secret") == Found()


def test_letting_a_patch_go_that_nobody_else_replaces() -> None:
    patched = document(env_from=[secret(OURS)], env_from_owners=[US])
    assert "envFrom is still the stack's own patch" in one(patched, variables="secret")
    taken = document(env_from=[secret(OURS, optional=False)], env_from_owners=["helm"])
    assert examined(taken, variables="secret") == Found()
    earlier = document({"CODER_LOGGING_JSON": literal("/dev/stderr")}, ours=["CODER_LOGGING_JSON"])
    assert "coder.variables: patch first" in one(earlier, variables="secret")


def test_a_chart_that_sets_the_login_is_left_alone() -> None:
    assert examined(document({**CHART_LOGIN, **AUDIT}), variables="chart") == Found()
    quiet = document(CHART_LOGIN)
    assert told(quiet, variables="chart", auditLogging=False) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CLIENT_SECRET", literal("hunter2"), "is a literal, owned by helm"),
        ("CLIENT_SECRET", None, "is not set"),
        (
            "CLIENT_ID",
            reference("mine", "id"),
            "comes from key id of Secret mine, owned by helm: set it in coder.env in the chart's "
            "values by `valueFrom: {secretKeyRef: {name: coder-external-auth, key: "
            "gitlab-client-id}}`",
        ),
        (
            "CLIENT_ID",
            {"valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
            "comes from elsewhere",
        ),
    ],
)
def test_a_chart_takes_the_credentials_from_the_stacks_secret(
    name: str, value: Any, said: str
) -> None:
    env = {**CHART_LOGIN, **AUDIT, f"CODER_EXTERNAL_AUTH_2_{name}": value}
    problem = one(document({k: v for k, v in env.items() if v is not None}), variables="chart")
    assert f"CODER_EXTERNAL_AUTH_2_{name} {said}" in problem
    assert "hunter2" not in problem


def test_a_chart_without_the_login() -> None:
    problem = one(document(AUDIT), variables="chart")
    assert "the chart sets no external login with id gitlab" in problem
    # It may stand in what envFrom names, which is not read.
    assert told(document(AUDIT, [secret("x")], env_from_owners=["helm"]), variables="chart") == []


def test_what_the_stacks_own_patch_set_is_not_the_charts() -> None:
    env = {**CHART_LOGIN, **AUDIT}
    found = document(env, [secret(OURS)], ours=[*env], env_from_owners=[US])
    assert len(told(found, variables="chart")) == 2


def test_a_chart_without_what_the_dashboards_need() -> None:
    env = {**CHART_LOGIN, **AUDIT, "CODER_LOGGING_HUMAN": literal("/dev/stderr")}
    del env["CODER_PROMETHEUS_ENABLE"]
    assert one(document(env), variables="chart") == (
        'coder.variables = "chart": the dashboards need CODER_LOGGING_HUMAN=/dev/null, '
        "CODER_PROMETHEUS_ENABLE=true: set them in coder.env in the chart's values, or set "
        "coder.auditLogging: false"
    )


def test_a_charts_expression_that_gives_the_token_away() -> None:
    env = {**CHART_LOGIN, **AUDIT, "CODER_EXTERNAL_AUTH_2_REGEX": literal("gitlab[.]example[.]com")}
    found = examined(document(env), variables="chart")
    assert found.problems == ()
    (warning,) = found.warnings
    assert "also matches https://gitlab.example.com.evil.example" in warning
    assert clone_url_regex("gitlab.example.com") in warning
    env["CODER_EXTERNAL_AUTH_2_REGEX"] = literal(clone_url_regex("gitlab.example.com"))
    assert examined(document(env), variables="chart") == Found()


def asking(stack: Settings, answer: Answer) -> tuple[Found, list[str]]:
    """Return what is found when the API server answers so, and what it was asked for."""
    paths: list[str] = []

    def answered(path: str) -> Answer:
        paths.append(path)
        return answer

    with answering(answered) as cluster:
        return look_up("dev", stack, cluster), paths


def status(code: int, message: str) -> httpx.Response:
    return httpx.Response(code, json={"kind": "Status", "message": message})


def test_one_request_tells_it_all() -> None:
    answer = httpx.Response(200, json=document(containers=["x"]))
    found, paths = asking(settings(namespace="c", deployment="d"), answer)
    assert paths == ["/apis/apps/v1/namespaces/c/deployments/d"]
    assert [problem.key for problem in found.problems] == ["coder.container"]


def test_somebody_elses_variables_are_none_of_the_stacks_problems() -> None:
    asked = ["/apis/apps/v1/namespaces/coder/deployments/coder"]
    assert asking(settings(variables="none"), status(500, "no")) == (Found(), asked)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            status(404, 'deployments.apps "coder" not found'),
            'coder.deployment = "coder": there is no such Deployment in namespace coder',
        ),
        (
            httpx.Response(404, text="not found"),
            'kubernetes.context = "gov": /apis/apps/v1/namespaces/coder/deployments/coder: the '
            "server answers 404, and nothing that Kubernetes says",
        ),
        (
            httpx.Response(302, headers={"location": "https://login.example.com/?t0ken"}),
            "the server redirects to login.example.com, as to a login",
        ),
        (status(401, "Unauthorized"), "does not accept the kubeconfig's credentials"),
        (status(403, "deployments.apps is forbidden"), "may not get it, which the stack has to: d"),
        (status(500, "etcd is away"), "the cluster answers 500: etcd is away"),
        (httpx.Response(200, text="<html>"), "does not answer as Kubernetes does"),
        (httpx.Response(200, json={"kind": "Status"}), "does not answer as Kubernetes does"),
        (httpx.Response(200, json=[]), "does not answer as Kubernetes does"),
        (httpx.ConnectError("refused"), "cannot be reached: refused"),
        (httpx.ReadTimeout("slow"), "does not answer in time"),
        (httpx.LocalProtocolError("bearer t0ken"), "holds what HTTP cannot carry"),
    ],
)
def test_a_cluster_that_does_not_tell(answer: Answer, said: str) -> None:
    (problem,) = asking(settings(), answer)[0].problems
    assert said in str(problem)
    assert "t0ken" not in str(problem)


def test_a_kubeconfig_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", '{"clusters": []}')
    with Cluster("gov") as cluster:
        (problem,) = look_up("dev", settings(), cluster).problems
    assert problem.key == "kubernetes.context"
    assert problem.right == "the kubeconfig has no context 'gov'; there are none"
