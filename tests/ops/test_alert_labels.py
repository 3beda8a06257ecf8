"""What a report says of the labels of alerts."""

import pytest

from components.alerts.component import AlertsArgs
from ops import report
from ops.assessment import StackPreview
from ops.changes import Step
from ops.tokens import ALERTS

RULE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
NAMES = ("AIGatewayReloadFailed", "BoundaryAuditSilent")
SELECTED = "Prometheus selects the alerts' rules by other labels"
ROUTED = "alerts are routed by other labels"


def preview(old: AlertsArgs, new: AlertsArgs, op: str = "update") -> StackPreview:
    parts = (
        (RULE, *(each.prometheus_rule() for each in (old, new))),
        (CONFIG_MAP, *({"data": {"a.yaml": each.grafana_file()}} for each in (old, new))),
    )
    return StackPreview(
        "dev",
        steps=tuple(
            Step(
                op,
                f"urn:pulumi:dev::p::{ALERTS}${kind}::alerts",
                kind,
                {} if op == "create" else before or {},
                after or {},
            )
            for kind, before, after in parts
        ),
    )


def alerts(**labels: dict[str, str]) -> AlertsArgs:
    return AlertsArgs(alerts=NAMES, **labels)


NOW = alerts(labels={"team": "secops"}, rule_labels={"release": "kps"})


@pytest.mark.parametrize(
    ("new", "warnings", "lines"),
    [
        (
            alerts(labels={"team": "secops"}, rule_labels={"x": "y"}),
            (SELECTED,),
            [
                "- ⚠️ label `release`, by which Prometheus selects the rules: `kps` → **removed**",
                "- ⚠️ label `x`, by which Prometheus selects the rules: not set → `y`",
            ],
        ),
        (
            alerts(labels={"team": "nobody"}, rule_labels={"release": "kps"}),
            (ROUTED,),
            [
                "- ⚠️ label `team`, by which `AIGatewayReloadFailed`, `BoundaryAuditSilent` are "
                "routed: `secops` → `nobody`",
            ],
        ),
    ],
)
def test_a_label_that_differs_is_told_with_its_values(
    new: AlertsArgs, warnings: tuple[str, ...], lines: list[str]
) -> None:
    found = preview(NOW, new)
    assert found.warnings == warnings
    section = report.to_markdown([found]).split("#### Alerts\n\n")[1].split("\n\n")[0]
    assert [line for line in section.splitlines() if "label " in line] == lines
    told = report.to_json([found])["stacks"][0]["alertLabels"]
    assert [each["warning"] for each in told] == [*warnings] * len(lines)


def test_alerts_that_are_new_or_stay_have_no_other_labels() -> None:
    assert preview(NOW, NOW).warnings == ()
    assert preview(NOW, NOW, "create").warnings == ()
