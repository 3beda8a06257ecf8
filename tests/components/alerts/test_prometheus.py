"""Alerts on PromQL fire and keep silent in a real Prometheus."""

from collections.abc import Mapping, Sequence

import pytest

from components.alerts.component import AlertsArgs
from components.alerts.thresholds import Thresholds
from components.dashboards.metrics import Metric, Metrics
from tests.components.dashboards import series, series_deployment
from tests.components.dashboards.grafana import View
from tests.components.dashboards.metric_figures import Figures
from tests.components.dashboards.prometheus import Case, Firing, judge
from tests.components.dashboards.series_deployment import Series

POLICY, WEB = "firewalled-coder-workspaces", "firewalled-coder-web"
ARGS = AlertsArgs(
    confined_templates=("firewalled", "strict"),
    network_policies=(POLICY,),
    labels={"team": "platform"},
)
MINUTE = 60
WORKSPACES = "coder-workspaces"
POD_A, POD_B = series_deployment.REPLICAS
WORKSPACE = {
    "username": "ada",
    "workspace_name": "dev",
    "agent_name": "main",
    "template_name": "firewalled",
}
DROPPED = {"username": "ada", "workspace_name": "dev", "reason": "forward_failed"}


def steps(*pieces: tuple[float | None, int]) -> tuple[float | None, ...]:
    """Return samples, one a minute: each value for so many minutes."""
    return tuple(value for value, minutes in pieces for _ in range(minutes))


def of(metric: Metric, samples: Sequence[float | None], pod: str = POD_A, **labels: str) -> Series:
    target = {"namespace": "coder", "pod": pod, "container": "coder", "job": "coder"}
    return Series(metric.name, {**labels, **target}, tuple(samples))


def dropped(samples: Sequence[float | None], pod: str = POD_A, **labels: str) -> Series:
    labels = {**WORKSPACE, "reason": "forward_failed", **labels}
    return of(Metrics.BATCHES_DROPPED, samples, pod, **labels)


def alerts(
    name: str, *labels: Mapping[str, str], args: AlertsArgs = ARGS, **values: str
) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Return the alerts as Prometheus sends them, annotations filled in by hand."""
    rules = args.prometheus_rules()
    assert rules
    (rule,) = [rule for rule in rules["groups"][0]["rules"] if rule["alert"] == name]
    made = []
    for each in labels:
        filled = {f"{{{{ $labels.{label} }}}}": value for label, value in each.items()}
        filled["{{ $value }}"] = values.get("value", "?")
        told = dict(rule["annotations"])
        for expression, text in filled.items():
            told = {key: value.replace(expression, text) for key, value in told.items()}
        made.append(({**each, **rule["labels"]}, told))
    return made


def check(case: Sequence[Series], *firing: Firing, args: AlertsArgs = ARGS) -> None:
    judge(Case(case, firing=firing), rules=args.prometheus_rules())


def at(name: str, minute: int, *labels: Mapping[str, str], value: str = "?", args=ARGS) -> Firing:
    return Firing(name, minute * MINUTE, alerts(name, *labels, args=args, value=value))


def test_the_first_loss_of_a_workspace_fires_and_is_over_after_its_window():
    check(
        [dropped(steps((None, 30), (3, 60)))],
        at("BoundaryBatchesDropped", 29),
        at("BoundaryBatchesDropped", 30, DROPPED, value="3"),
        at("BoundaryBatchesDropped", 44, DROPPED, value="3"),
        at("BoundaryBatchesDropped", 45),
    )


def test_more_losses_fire_with_what_was_added():
    check(
        [dropped(steps((5, 30), (7, 60)))],
        at("BoundaryBatchesDropped", 29),
        at("BoundaryBatchesDropped", 31, DROPPED, value="2"),
        at("BoundaryBatchesDropped", 46),
    )


@pytest.mark.parametrize(
    "case",
    [
        pytest.param([dropped(steps((5, 90)))], id="lost long ago"),
        pytest.param(
            [dropped(steps((5, 40), (None, 50))), dropped(steps((None, 40), (5, 50)), POD_B)],
            id="rollout of coderd",
        ),
        pytest.param(
            [dropped(steps((5, 20), (None, 40), (5, 30)))], id="agent away for longer than a window"
        ),
        pytest.param([], id="nothing there"),
    ],
)
def test_no_new_loss_is_silent(case):
    check(case, *(at("BoundaryBatchesDropped", minute) for minute in range(25, 90, 5)))


def test_a_restarted_workspace_that_loses_again_fires():
    case = [dropped(steps((5, 20), (None, 10), (1, 30)))]
    check(case, at("BoundaryBatchesDropped", 31, DROPPED, value="1"))


def test_each_workspace_and_reason_is_an_alert_of_its_own():
    other = {**DROPPED, "username": "zoe", "reason": "buffer_full"}
    check(
        [
            dropped(steps((None, 30), (3, 9))),
            dropped(steps((None, 30), (3, 9)), username="zoe", reason="buffer_full"),
        ],
        at("BoundaryBatchesDropped", 31, DROPPED, other, value="3"),
    )


def test_losses_up_to_the_threshold_are_accepted():
    args = AlertsArgs(thresholds=Thresholds(dropped_batches=2, loss_minutes=5))
    check(
        [dropped(steps((None, 30), (2, 10), (5, 20)))],
        at("BoundaryBatchesDropped", 31, args=args),
        at("BoundaryBatchesDropped", 41, DROPPED, value="3", args=args),
        args=args,
    )


def test_lines_are_counted_where_no_batch_is():
    lost = {**DROPPED, "reason": "boundary_channel_full"}
    logs = [
        of(Metrics.LOGS_DROPPED, steps((None, 30), (9, 30)), **{**WORKSPACE, "reason": reason})
        for reason in ("forward_failed", "buffer_full", "boundary_channel_full")
    ]
    check(logs, at("BoundaryLogsDropped", 31, lost, value="9"), at("BoundaryLogsDropped", 50))


def test_templates_with_a_firewall_whose_agents_report_nothing_fire():
    def up(template: str, pod: str = POD_A, status: str = "connected") -> list[Series]:
        agent = {"username": "ada", "workspace_name": f"w-{template}"}
        template_labels = {"template_name": template, "template_version": "v1"}
        connection = {"status": status, "lifecycle_state": "ready", "agent_name": "main"}
        return [
            of(Metrics.AGENTS_UP, steps((1, 60)), pod, **agent, **template_labels),
            of(Metrics.AGENT_CONNECTIONS, steps((1, 60)), pod, **agent, **connection),
        ]

    silent = of(Metrics.BATCHES_FORWARDED, steps((0, 60)), **WORKSPACE)
    name = "BoundaryAuditUnreported"
    strict = {"template_name": "strict"}
    check(
        # Every replica reports every agent; without a firewall there is nothing to report.
        [
            *up("firewalled"),
            *up("strict"),
            *up("strict", POD_B),
            *up("claude-code"),
            silent,
        ],
        at(name, 29),
        at(name, 30, strict, value="1"),
    )
    check([*up("strict", status="disconnected"), silent], at(name, 30), at(name, 59))


def test_without_a_confined_template_nothing_has_to_report():
    rules = AlertsArgs(alerts=("BoundaryAuditUnreported", "AIGatewayReloadFailed"))
    (group,) = rules.prometheus_rules()["groups"]
    assert [rule["alert"] for rule in group["rules"]] == ["AIGatewayReloadFailed"]


def test_a_failed_reload_fires_for_its_replica_until_one_succeeds():
    def reloads(pod: str, attempts: Sequence[float], successes: Sequence[float]) -> list[Series]:
        return [
            of(Metrics.PROVIDERS_LAST_RELOAD, attempts, pod),
            of(Metrics.PROVIDERS_LAST_RELOAD_SUCCESS, successes, pod),
        ]

    name = "AIGatewayReloadFailed"
    failed = {"namespace": "coder", "pod": POD_A}
    check(
        [
            *reloads(POD_A, steps((60, 20), (1200, 20), (2400, 40)), steps((60, 40), (2400, 40))),
            # Has not been asked to for longer, and succeeded then.
            *reloads(POD_B, steps((30, 80)), steps((31, 80))),
        ],
        at(name, 29),
        at(name, 30, failed),
        at(name, 39, failed),
        at(name, 41),
    )


def test_a_gateway_that_never_loaded_its_providers_fires():
    check(
        [
            of(Metrics.PROVIDERS_LAST_RELOAD, steps((60, 20))),
            of(Metrics.PROVIDERS_LAST_RELOAD_SUCCESS, steps((0, 20))),
        ],
        at("AIGatewayReloadFailed", 10, {"namespace": "coder", "pod": POD_A}),
    )


def test_a_refused_provider_fires_once_for_all_replicas():
    def provider(name: str, status: str, minutes: tuple[int, int], pod: str) -> Series:
        start, end = minutes
        labels = {"provider_name": name, "provider_type": "openai", "status": status}
        return of(Metrics.PROVIDER_INFO, steps((None, start), (1, end - start)), pod, **labels)

    name = "AIGatewayProviderError"
    refused = {"provider_name": "azure", "provider_type": "openai"}
    check(
        [
            *(provider("azure", "enabled", (0, 20), pod) for pod in (POD_A, POD_B)),
            *(provider("azure", "error", (20, 60), pod) for pod in (POD_A, POD_B)),
            provider("old", "disabled", (0, 60), POD_A),
        ],
        at(name, 29),
        at(name, 30, refused),
    )


@pytest.mark.parametrize("exported", [(0,), (1,), (0, 1)], ids=["new", "former", "both"])
def test_an_alert_on_the_gateway_fires_once_under_whichever_names_it_exports(exported):
    def named(metric: Metric, samples: Sequence[float | None], **labels: str) -> list[Series]:
        assert metric.former
        return [of(metric.names[number], samples, **labels) for number in exported]

    refused = {"provider_name": "azure", "provider_type": "openai"}
    check(
        [
            *named(Metrics.PROVIDER_INFO, steps((1, 30)), status="error", **refused),
            *named(Metrics.PROVIDERS_LAST_RELOAD, steps((60, 30))),
            *named(Metrics.PROVIDERS_LAST_RELOAD_SUCCESS, steps((0, 30))),
        ],
        at("AIGatewayProviderError", 20, refused),
        at("AIGatewayReloadFailed", 20, {"namespace": "coder", "pod": POD_A}),
    )


def test_a_model_without_a_price_fires_while_it_is_used_and_an_hour_longer():
    def used(samples: Sequence[float | None], model: str) -> Series:
        labels = {"provider": "anthropic", "provider_type": "anthropic", "model": model}
        return of(Metrics.UNPRICED_USAGE, samples, **labels)

    name, told = "AIGatewayUnpricedUsage", {"provider": "anthropic", "model": "new"}
    check(
        [used(steps((None, 30), (1, 10), (4, 200)), "new")],
        at(name, 29),
        at(name, 45, told, value="4"),
        at(name, 95, told, value="3"),
        at(name, 101),
    )
    # One that was used before, and is no more.
    check([used(steps((7, 240)), "new")], at(name, 61))


def kube(metric: Metric, samples: Sequence[float | None], **labels: str) -> Series:
    """Return a series of kube-state-metrics, whose labels are the object's."""
    return Series(metric.name, {"job": "kube-state-metrics", **labels}, tuple(samples))


def created(name: str, samples: Sequence[float | None], namespace: str = WORKSPACES) -> Series:
    metric = Metrics.NETWORK_POLICY_CREATED
    return kube(metric, samples, namespace=namespace, networkpolicy=name)


def test_a_network_policy_that_is_gone_fires_until_it_is_back():
    name, gone = "NetworkPolicyGone", {"namespace": WORKSPACES, "networkpolicy": POLICY}
    check(
        [
            kube(Metrics.NAMESPACE_CREATED, steps((1, 60)), namespace=WORKSPACES),
            # A gap counts after Prometheus' five minutes of looking back.
            created(POLICY, steps((1, 20), (None, 20), (2, 20))),
            # Another of the namespace, and one of that name elsewhere, are not the one.
            created("other", steps((1, 60))),
            created(POLICY, steps((1, 60)), namespace="shop"),
        ],
        at(name, 28),
        at(name, 30, gone),
        at(name, 39, gone),
        at(name, 41),
    )


def test_each_policy_that_was_never_made_fires():
    args = AlertsArgs(network_policies=(POLICY, WEB))
    name, labels = "NetworkPolicyGone", {"namespace": WORKSPACES}
    check(
        [kube(Metrics.NAMESPACE_CREATED, steps((1, 60)), namespace=WORKSPACES)],
        at(name, 4, args=args),
        at(
            name,
            5,
            {**labels, "networkpolicy": POLICY},
            {**labels, "networkpolicy": WEB},
            args=args,
        ),
        args=args,
    )


@pytest.mark.parametrize(
    "case",
    [
        pytest.param([], id="nothing there"),
        pytest.param(
            [
                kube(Metrics.NAMESPACE_CREATED, steps((1, 20), (None, 70)), namespace=WORKSPACES),
                created(POLICY, steps((1, 20), (None, 70))),
            ],
            id="kube-state-metrics away",
        ),
        pytest.param(
            [
                kube(Metrics.NAMESPACE_CREATED, steps((1, 90)), namespace=WORKSPACES),
                created(POLICY, steps((1, 20), (None, 9), (2, 61))),
            ],
            id="made anew",
        ),
        pytest.param(
            [kube(Metrics.NAMESPACE_CREATED, steps((1, 90)), namespace="shop")],
            id="another namespace",
        ),
    ],
)
def test_what_is_no_loss_of_a_policy_is_silent(case):
    check(case, *(at("NetworkPolicyGone", minute) for minute in range(0, 90, 5)))


def test_without_a_network_policy_none_is_missed():
    assert AlertsArgs(alerts=("NetworkPolicyGone",)).prometheus_rules() is None


def test_over_a_whole_deployment_exactly_those_fire_that_should():
    everything = series.everything()
    figures = Figures(everything, View(series_deployment.START, series_deployment.END))
    by = ("username", "workspace_name", "reason")

    def added(metric: Metric, minutes: int, *by: str) -> list[tuple[dict[str, str], str]]:
        found = figures.added(metric, minutes * MINUTE, *by)
        return [(dict(labels), f"{value:g}") for labels, value in found.items() if value]

    batches = added(Metrics.BATCHES_DROPPED, 15, *by)
    lines = added(Metrics.LOGS_DROPPED, 15, *by)
    unpriced = added(Metrics.UNPRICED_USAGE, 60, "provider", "model")
    assert len(batches) == len(unpriced) == 2
    assert not [each for each, _ in lines if each["reason"].startswith("boundary_")]
    end = int(series_deployment.END.timestamp()) // MINUTE

    def each(name: str, found: Sequence[tuple[dict[str, str], str]]) -> Firing:
        told = [alert for labels, value in found for alert in alerts(name, labels, value=value)]
        return Firing(name, end * MINUTE, told)

    judge(
        Case(
            everything,
            firing=[
                each("BoundaryBatchesDropped", batches),
                at("BoundaryLogsDropped", end),
                at("BoundaryAuditUnreported", end),
                at("CoderMetricsMissing", end),
                each("AIGatewayUnpricedUsage", unpriced),
                at("NetworkPolicyGone", end),
                at("AIGatewayReloadFailed", end, {"namespace": "coder", "pod": POD_A}),
                at(
                    "AIGatewayProviderError",
                    end,
                    {"provider_name": "openai", "provider_type": "openai"},
                ),
            ],
        ),
        rules=ARGS.prometheus_rules(),
    )
