"""What the cluster has no place for is told before anything is declared."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from components import placement
from components.network.namespace_args import STACK_ANNOTATION
from components.settings.load import load
from components.settings.model import Settings
from tests.components.clusters import Answer, answering

PRESENT = httpx.Response(200, json={"kind": "Namespace", "status": {"phase": "Active"}})
GOING = httpx.Response(200, json={"kind": "Namespace", "status": {"phase": "Terminating"}})
NOT_FOUND = httpx.Response(404, json={"kind": "Status", "message": 'namespaces "x" not found'})
FORBIDDEN = httpx.Response(403, json={"kind": "Status", "message": "namespaces is forbidden"})
NO_GROUP = httpx.Response(404, text="404 page not found\n")
GRAFANA, RULES, WORK = (f"/api/v1/namespaces/{name}" for name in ("monitoring", "rules", "work"))
OPERATOR, CILIUM = "/apis/monitoring.coreos.com/v1", "/apis/cilium.io/v2"
EVERYTHING = {
    GRAFANA: PRESENT,
    RULES: PRESENT,
    WORK: PRESENT,
    OPERATOR: httpx.Response(200, json={"resources": [{"kind": "PrometheusRule"}]}),
    CILIUM: httpx.Response(200, json={"resources": [{"kind": "CiliumNetworkPolicy"}]}),
}


def settings(**changes: Any) -> Settings:
    return load(
        "dev",
        {
            "coder": {"accessUrl": "https://coder.example.com"},
            "kubernetes": {"context": "gov"},
            "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
            "templates": [{"name": "a"}],
            "workspaces": {"namespace": "work"},
            "alerts": {"namespace": "rules"},
            "network": {"byName": True},
            "secrets": {
                "coderToken": "t",
                "externalAuth": {"gitlab": {"clientId": "i", "clientSecret": "s"}},
            },
            **changes,
        },
    )


def look_up(
    answers: Mapping[str, Answer],
    *,
    closes_network: bool = True,
    told: bool = False,
    **changes: Any,
) -> list[str]:
    """What is told of a cluster that answers so; nothing else is asked, nothing twice."""
    with answering({**EVERYTHING, **answers}.pop) as cluster:
        found = placement.look_up(
            "dev", settings(**changes), cluster, closes_network=closes_network, told=told
        )
    return [str(problem) for problem in found]


def test_where_everything_is_nothing_is_told() -> None:
    assert look_up({}) == []


def test_everything_that_is_missing_is_told_at_once() -> None:
    answers = {GRAFANA: NOT_FOUND, RULES: GOING, WORK: NOT_FOUND}
    right = "the cluster has no such namespace: make it, or name the one that is meant"
    assert look_up({**answers, OPERATOR: NO_GROUP, CILIUM: NO_GROUP}) == [
        f'grafana.namespace = "monitoring": {right}',
        'alerts.namespace = "rules": the namespace is being deleted, and takes nothing new',
        f'workspaces.namespace = "work": {right}',
        'alerts.evaluator = "prometheus": the cluster serves no PrometheusRule '
        "(monitoring.coreos.com/v1), which the Prometheus operator brings: install it, or use "
        "grafana",
        "network.byName = true: the cluster serves no CiliumNetworkPolicy (cilium.io/v2), which "
        "Cilium brings: use false",
    ]


def test_a_group_that_serves_other_kinds_is_not_enough() -> None:
    others = httpx.Response(200, json={"resources": [{"kind": "ServiceMonitor"}]})
    (told,) = look_up({OPERATOR: others})
    assert told.startswith("alerts.evaluator")


def test_one_namespace_for_two_things_is_asked_for_once_and_told_by_both_keys() -> None:
    told = look_up({GRAFANA: NOT_FOUND}, alerts={"namespace": "monitoring"})
    assert [problem.split()[0] for problem in told] == ["grafana.namespace", "alerts.namespace"]


def test_what_the_stack_does_not_make_needs_no_place() -> None:
    nothing = dict.fromkeys((RULES, WORK, OPERATOR, CILIUM), NOT_FOUND)
    for alerts in ({"evaluator": "grafana"}, {"rules": []}):
        assert look_up(nothing, closes_network=False, alerts=alerts) == []
    limits = {"workspaceNamespace": {}}
    (told,) = look_up(nothing, closes_network=False, alerts={"rules": []}, **limits)
    assert told.startswith("workspaces.namespace")


def test_what_the_user_may_not_ask_may_be_there() -> None:
    assert look_up(dict.fromkeys(EVERYTHING, FORBIDDEN)) == []


LOGIN = {"location": "https://login.example.com/saml?state=s3cret"}
NO_CLUSTER = [
    (httpx.Response(503, text="<html>"), "the server answers 503, and nothing that Kubernetes"),
    (httpx.Response(403, text="<html>"), "the server answers 403, and nothing that Kubernetes"),
    (
        httpx.Response(503, json={"kind": "Status", "message": "etcd is away"}),
        "the cluster answers 503: etcd is away: run this again when it answers",
    ),
    (httpx.Response(200, text="<html>"), "the server does not answer as Kubernetes does: name a"),
    (httpx.Response(200, json=[]), "the server does not answer as Kubernetes does: name a"),
    (httpx.Response(200, json={"error": "x"}), "the server does not answer as Kubernetes does: "),
    (httpx.Response(302, headers=LOGIN), "the server redirects to login.example.com, as to a"),
    (
        httpx.Response(401, json={"kind": "Status", "message": "Unauthorized"}),
        "the cluster does not accept the kubeconfig's credentials (401): log in to it again",
    ),
]


@pytest.mark.parametrize(("answer", "why"), NO_CLUSTER)
@pytest.mark.parametrize("path", EVERYTHING)
def test_what_is_no_answer_of_an_api_server_is_one_error(
    path: str, answer: httpx.Response, why: str
) -> None:
    (problem,) = look_up({path: answer})
    assert problem.startswith(f'kubernetes.context = "gov": {path}: {why}')
    assert "s3cret" not in problem


def test_a_server_that_knows_no_namespaces_is_none_of_kubernetes() -> None:
    (problem,) = look_up({GRAFANA: NO_GROUP})
    assert problem.startswith(f'kubernetes.context = "gov": {GRAFANA}: the server answers 404, and')


def test_a_cluster_that_does_not_answer_is_told_once() -> None:
    away = {GRAFANA: httpx.ConnectError("refused")}
    assert look_up(away, told=True) == []
    (told,) = look_up(away)
    assert told == 'kubernetes.context = "gov": https://k8s cannot be reached: refused'


def test_a_namespace_that_another_stack_labels_is_refused() -> None:
    def labelled(by: str) -> httpx.Response:
        metadata = {"annotations": {STACK_ANNOTATION: by}}
        return httpx.Response(200, json={"kind": "Namespace", "metadata": metadata})

    section: dict[str, Any] = {"workspaceNamespace": {}}
    assert look_up({WORK: labelled("firewalled-coder/dev")}, **section) == []
    (told,) = look_up({WORK: labelled("firewalled-coder/prod")}, **section)
    assert told.startswith(
        'workspaces.namespace = "work": its Pod Security labels are of the stack '
        "firewalled-coder/prod, and"
    )
    assert "`kubectl annotate namespace work firewalled-coder/stack-`" in told
    # Whoever leaves the labels alone may use the namespace.
    assert look_up({WORK: labelled("firewalled-coder/prod")}) == []
