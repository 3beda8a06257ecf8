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
    **changes: Any,
) -> list[str]:
    """What is told of a cluster that answers so; nothing else is asked, nothing twice."""
    with answering({**EVERYTHING, **answers}.pop) as cluster:
        told = placement.look_up("dev", settings(**changes), cluster, closes_network=closes_network)
    return [str(problem) for problem in told]


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


@pytest.mark.parametrize("answer", [FORBIDDEN, NO_GROUP, httpx.Response(200, text="<html>")])
def test_what_the_user_may_not_ask_may_be_there(answer: httpx.Response) -> None:
    assert look_up({GRAFANA: answer, RULES: answer, WORK: answer}) == []


@pytest.mark.parametrize("answer", [FORBIDDEN, httpx.Response(200, json=[])])
def test_a_kind_that_is_not_told_of_may_be_served(answer: httpx.Response) -> None:
    assert look_up({OPERATOR: answer, CILIUM: answer}) == []


def test_a_cluster_that_does_not_answer_is_told_by_one_who_asks() -> None:
    away = {GRAFANA: httpx.ConnectError("refused")}
    assert look_up(away) == []
    (told,) = look_up(
        away,
        coder={"accessUrl": "https://coder.example.com", "variables": "none"},
    )
    assert told == 'kubernetes.context = "gov": https://k8s cannot be reached: refused'


def test_a_namespace_that_another_stack_labels_is_refused() -> None:
    def labelled(by: str) -> httpx.Response:
        return httpx.Response(200, json={"metadata": {"annotations": {STACK_ANNOTATION: by}}})

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
