"""What a stack says of its alerts reaches them, and the page shows settings that are right."""

import datetime
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.alerts.catalogue import CATALOGUE
from components.alerts.component import AlertsArgs
from components.alerts.thresholds import Thresholds
from components.settings.load import load
from components.settings.model import Settings
from components.settings.problems import SettingsError
from program import plan

PAGE = Path(__file__).parents[3] / "docs" / "alerts.md"


def settings(**more: Any) -> Settings:
    return load(
        "dev",
        {
            "coder": {"accessUrl": "https://coder.example.com"},
            "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
            "templates": [
                {"name": "firewalled", "firewall": {}},
                {"name": "strict", "firewall": {}},
                {"name": "claude-code"},
            ],
            "secrets": {
                "coderToken": "x",
                "externalAuth": {"gitlab": {"clientId": "x", "clientSecret": "x"}},
            },
            **more,
        },
    )


def test_a_stack_that_says_nothing_has_every_alert_at_its_defaults() -> None:
    args = plan.alerts(settings())
    assert args.alerts == tuple(CATALOGUE)
    assert args.thresholds == Thresholds()
    assert args.confined_templates == ("firewalled", "strict")
    assert args.rule_labels == {"release": "kube-prometheus-stack"}


def test_everything_a_stack_says_arrives() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    said = yaml.safe_load(block)["firewalled-coder:alerts"]
    grafana = {"namespace": "observability", "folder": "AI", "lokiUid": "loki-1"}
    args = plan.alerts(
        settings(
            alerts={**said, "namespace": "prometheus"},
            grafana={**grafana, "dashboards": ["coderd"], "lokiSelector": {"app": "coder"}},
        )
    )
    assert args == AlertsArgs(
        alerts=("BoundaryAuditSilent", "BoundaryBatchesDropped", "BoundaryDenySpike"),
        namespace="prometheus",
        rule_labels={"release": "kube-prometheus-stack"},
        grafana_namespace="observability",
        folder="AI",
        labels={"team": "platform"},
        runbook=("https://gitlab.example.com/platform/firewalled-coder/-/blob/main/docs/alerts.md"),
        grafana_url="https://grafana.example.com",
        dashboards=("coderd",),
        queries=args.queries,
        thresholds=Thresholds(deny_share=0.2, loss_minutes=30),
        confined_templates=("firewalled", "strict"),
        network_policies=("firewalled-coder-workspaces",),
    )
    assert "{namespace=`coder`, app=`coder`}" in args.grafana_file()
    assert "uid: loki-1" in args.grafana_file()


def test_a_firewall_that_is_switched_off_is_not_expected_to_report() -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    switch = {"state": "off", "reason": "incident", "until": str(today), "templates": ["strict"]}
    assert plan.alerts(settings(firewall=switch)).confined_templates == ("firewalled",)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"thresholds": {"silentMinutes": 1}}, "alerts.thresholds.silentMinutes = 1: "),
        ({"thresholds": {"denyMinutes": 4}}, "alerts.thresholds.denyMinutes = 4: "),
        (
            {"thresholds": {"lossMinutes": 1}, "evaluator": "grafana"},
            "alerts.thresholds.lossMinutes = 1: it must be at least 5 with evaluator grafana",
        ),
    ],
)
def test_a_window_that_is_shorter_than_the_time_between_two_looks_is_refused(
    said: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(wrong)):
        settings(alerts=said)
    settings(alerts={"thresholds": {"lossMinutes": 1}})
