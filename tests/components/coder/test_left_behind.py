"""A Secret that coderd's chart still names is not removed: coderd would not start without it."""

from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from components.coder.deployment import examine, look_up
from components.coder.live import Deployment
from components.kubeconfig import ClusterError
from ops import removal
from ops.removal import InUseError
from ops.state import StackState
from ops.tokens import SECRET_KIND
from tests.components.clusters import Answer, answering
from tests.components.coder.deployments import document, reference, secret
from tests.components.coder.test_deployment import OURS, US, settings

BY_CHART = document(env_from=[secret(OURS)], env_from_owners=["helm"])
BY_US = document(env_from=[secret(OURS)], env_from_owners=[US])
BY_NAME = document({"A": reference(OURS, "key")})
OTHERS = document(env_from=[secret("theirs")], env_from_owners=["helm"])


def left_alone(found: Answer) -> list[str]:
    with answering(lambda _: found) as cluster:
        return [str(each) for each in look_up("dev", settings(variables="none"), cluster).problems]


def test_variables_left_to_nobody_wait_for_the_chart() -> None:
    (problem,) = left_alone(httpx.Response(200, json=BY_CHART))
    assert problem == (
        f'coder.variables = "none": envFrom of container coder, set by helm, names Secret {OURS}, '
        "which this would delete, and coderd would not start again. Take it out of the chart's "
        "values and roll the chart out first"
    )
    (problem,) = left_alone(httpx.Response(200, json=BY_NAME))
    assert f"A in env of container coder, set by helm, names Secret {OURS}" in problem


@pytest.mark.parametrize(
    "found",
    [
        httpx.Response(200, json=BY_US),
        httpx.Response(200, json=OTHERS),
        httpx.Response(200, json=[]),
        httpx.Response(403),
        httpx.Response(404),
        httpx.ConnectError("refused"),
    ],
)
def test_what_names_it_not_or_cannot_be_asked_is_no_hindrance(found: Answer) -> None:
    assert left_alone(found) == []


def test_variables_left_to_the_chart_wait_for_it_too() -> None:
    problems = examine("dev", settings(variables="chart"), Deployment.of(BY_CHART)).problems
    assert any(f"names Secret {OURS}, which this would delete" in str(each) for each in problems)


def state(*names: str, namespace: str = "coder") -> StackState:
    found = [{"outputs": {"metadata": {"name": n, "namespace": namespace}}} for n in names]
    return cast(
        StackState, SimpleNamespace(of_type=lambda kind: found if kind == SECRET_KIND else [])
    )


def destroying(of: StackState, found: dict[str, Any] | int) -> None:
    def answer(_: str) -> Answer:
        return httpx.Response(found) if isinstance(found, int) else httpx.Response(200, json=found)

    with answering(answer):
        removal.check_secrets(of, settings(variables="secret"), "dev")


def test_a_stack_is_not_destroyed_under_a_chart_that_names_its_secret() -> None:
    with pytest.raises(InUseError) as caught:
        destroying(state(OURS), BY_CHART)
    assert str(caught.value) == (
        "coderd would not start again without what this removes; nothing was removed\n"
        f"  envFrom of container coder, set by helm, names Secret {OURS}\n"
        "Take it out of the chart's values and roll Deployment coder/coder out; then run "
        "`python -m ops destroy dev` again"
    )


def test_a_stack_whose_secrets_nobody_names_is() -> None:
    for of, found in (
        (state(OURS), BY_US),
        (state(OURS), OTHERS),
        (state(OURS), 503),
        (state("grafana", namespace="monitoring"), BY_CHART),
    ):
        destroying(of, found)


def test_a_cluster_that_cannot_be_asked_is_the_engines_to_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refusing(*_: object) -> None:
        raise ClusterError("no kubeconfig")

    monkeypatch.setattr(removal, "Cluster", refusing)
    removal.check_secrets(state(OURS), settings(variables="secret"), "dev")
