"""Alerts on Pulumi's mocks, and the arguments it refuses."""

import pytest
import yaml

from components.alerts.catalogue import CATALOGUE
from components.alerts.component import Alerts, AlertsArgs
from components.alerts.thresholds import Thresholds
from tests.components.recording import record


def alerts(**kwargs):
    watched = {"confined_templates": ("firewalled",), "network_policies": ("workspaces",)}
    args = AlertsArgs(**watched, **kwargs)
    recorder, outputs = record(lambda: {"names": Alerts("alerts", args).names})
    return args, recorder, outputs["names"]


def test_prometheus_gets_its_rules_and_grafana_the_others():
    args, recorder, names = alerts(
        namespace="prometheus",
        rule_labels={"release": "kps"},
        grafana_namespace="observability",
        labels={"team": "platform"},
    )
    (rule,) = recorder.of("PrometheusRule")
    assert rule["apiVersion"] == "monitoring.coreos.com/v1"
    assert rule["metadata"]["namespace"] == "prometheus"
    assert rule["metadata"]["labels"] == {"release": "kps"}
    assert rule["spec"] == args.prometheus_rules()
    (config_map,) = recorder.of("ConfigMap")
    assert config_map["metadata"]["namespace"] == "observability"
    assert config_map["metadata"]["labels"] == {"grafana_alert": "1"}
    (text,) = config_map["data"].values()
    assert yaml.safe_load(text) == args.grafana_rules()
    assert names["grafana"] == [
        "BoundaryAuditSilent",
        "BoundaryDenySpike",
        "BoundaryHostUnknown",
        "ClaudeCodeUnjailed",
        "BoundaryPolicyForeign",
        "BoundaryAuditCut",
        "JailWatchSilent",
        "JailUnwatched",
        "AgentsAllowedBehindFirewall",
    ]
    assert sorted(names["prometheus"] + names["grafana"]) == sorted(CATALOGUE)
    for made in rule["spec"]["groups"][0]["rules"]:
        assert made["labels"]["team"] == "platform"


def test_when_the_alerts_fire_is_kept_in_the_state(monkeypatch):
    kept = []
    monkeypatch.setattr(Alerts, "register_outputs", lambda _, outputs: kept.append(outputs))
    alerts(thresholds=Thresholds(deny_share=0.5))
    assert kept[0]["thresholds"]["denyShare"] == 0.5
    assert kept[0]["thresholds"]["silentMinutes"] == 15


def test_without_the_operator_grafana_evaluates_all():
    _, recorder, names = alerts(evaluator="grafana")
    assert recorder.of("PrometheusRule") == []
    assert names == {"prometheus": [], "grafana": list(CATALOGUE)}


def test_a_stack_may_choose_its_alerts():
    _, recorder, names = alerts(alerts=("BoundaryDenySpike",))
    assert recorder.of("PrometheusRule") == []
    assert names == {"prometheus": [], "grafana": ["BoundaryDenySpike"]}


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"alerts": ("AuditSilent",)}, "'AuditSilent' is no alert; there are BoundaryAuditSilent"),
        ({"alerts": ("BoundaryDenySpike",) * 2}, "each alert may be named once"),
        ({"labels": {"severity": "page"}}, "label 'severity' must be letters, digits and _"),
        ({"labels": {"9": "page"}}, "label '9' must be letters, digits and _"),
        (
            {"thresholds": Thresholds(loss_minutes=0)},
            "loss_minutes is 0; it must be greater than or equal to 1",
        ),
        # What Grafana looks at every five minutes, it looks at all of.
        (
            {"thresholds": Thresholds(silent_minutes=1)},
            "silent_minutes is 1; it must be greater than or equal to 5",
        ),
        (
            {"thresholds": Thresholds(deny_minutes=4)},
            "deny_minutes is 4; it must be greater than or equal to 5",
        ),
        (
            {"thresholds": Thresholds(loss_minutes=4), "evaluator": "grafana"},
            "loss_minutes is 4; it must be at least 5 with evaluator grafana",
        ),
        (
            {"thresholds": Thresholds(deny_minutes=43_201)},
            "43201; it must be less than or equal to",
        ),
        ({"thresholds": Thresholds(deny_requests=0.5)}, "0.5; it must be a valid integer"),
        (
            {"thresholds": Thresholds(dropped_batches=-1)},
            "-1; it must be greater than or equal to 0",
        ),
        ({"thresholds": Thresholds(deny_share=30)}, "deny_share is 30; it must be less than 1"),
        (
            {"thresholds": Thresholds(deny_growth=0.5)},
            "deny_growth is 0.5; it must be greater than or equal",
        ),
        ({"folder": "AI/Gov"}, "folder 'AI/Gov' must be the title of one folder"),
    ],
)
def test_what_does_not_exist_or_never_fires_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        AlertsArgs(**kwargs)
