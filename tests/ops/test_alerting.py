"""Changes of alerts, from the steps of a preview."""

from dataclasses import asdict, replace
from typing import Any

import pytest
import yaml
from pydantic.alias_generators import to_camel

from components.alerts.component import AlertsArgs
from components.alerts.thresholds import Thresholds
from ops import datasource_changes, report
from ops.alerting import THRESHOLDS, AlertChange, ThresholdChange, alert_changes, rules_of
from ops.assessment import StackPreview
from ops.changes import Step

PARENT = "firewalledcoder:index:Alerts"
CONFINED = {"confined_templates": ("firewalled",)}


def step(op: str, kind: str, old: Any, new: Any, parent: str = PARENT) -> Step:
    urn = f"urn:pulumi:dev::firewalled-coder::{parent}${kind}::alerts"
    return Step(op, urn, kind, old or {}, new or {})


def steps(old: AlertsArgs, new: AlertsArgs) -> list[Step]:
    """Return what the engine would do to both resources."""
    found = []
    before, after = old.prometheus_rules(), new.prometheus_rules()
    if before != after:
        op = "update" if before and after else "create" if after else "delete"
        rule = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
        found.append(step(op, rule, before and {"spec": before}, after and {"spec": after}))
    files = [{"data": {"a.yaml": args.grafana_file()}} for args in (old, new)]
    if files[0] != files[1]:
        found.append(step("update", "kubernetes:core/v1:ConfigMap", *files))
    return found


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({}, {}, []),
        (
            {"alerts": ("BoundaryAuditSilent", "BoundaryDenySpike")},
            {"alerts": ("BoundaryDenySpike", "AIGatewayProviderError")},
            [
                AlertChange("BoundaryAuditSilent", "removed"),
                AlertChange("AIGatewayProviderError", "added"),
            ],
        ),
        (
            {},
            {"thresholds": Thresholds(reload_minutes=60)},
            [AlertChange("AIGatewayReloadFailed", "changed", ("text", "time it has to hold"))],
        ),
        (
            {},
            {"thresholds": Thresholds(dropped_batches=1000)},
            [AlertChange("BoundaryBatchesDropped", "changed", ("query",))],
        ),
        (
            {"alerts": ("BoundaryDenySpike",)},
            {"alerts": ("BoundaryDenySpike",), "thresholds": Thresholds(deny_requests=10**6)},
            [AlertChange("BoundaryDenySpike", "changed", ("query", "text"))],
        ),
        (
            {"alerts": ("BoundaryDenySpike",)},
            {"alerts": ("BoundaryDenySpike",), "folder": "Mine"},
            [AlertChange("BoundaryDenySpike", "changed", ("folder",))],
        ),
        (
            {"alerts": ("AIGatewayReloadFailed",)},
            {"alerts": ("AIGatewayReloadFailed",), "evaluator": "grafana"},
            [AlertChange("AIGatewayReloadFailed", "changed", ("evaluator",))],
        ),
        (
            {"alerts": ("AIGatewayReloadFailed",)},
            {"alerts": ("AIGatewayReloadFailed",), "labels": {"team": "a"}},
            [AlertChange("AIGatewayReloadFailed", "changed", ("labels",))],
        ),
        (
            {"alerts": ("BoundaryAuditUnreported", "BoundaryDenySpike")},
            # Without a template with a firewall there is nothing to watch for.
            {"alerts": ("BoundaryAuditUnreported", "BoundaryDenySpike"), "confined_templates": ()},
            [AlertChange("BoundaryAuditUnreported", "removed")],
        ),
    ],
)
def test_alerts_that_differ_are_named(
    old: dict[str, Any], new: dict[str, Any], changes: list[AlertChange]
) -> None:
    found = alert_changes(
        steps(AlertsArgs(**{**CONFINED, **old}), AlertsArgs(**{**CONFINED, **new}))
    )
    assert list(found) == changes


def test_what_is_no_alert_is_none() -> None:
    broken = [{"data": {"a.yaml": text}} for text in (": {", "[]", "groups: [1, {rules: {a: b}}]")]
    kind = "kubernetes:core/v1:ConfigMap"
    assert alert_changes([step("update", kind, one, {}) for one in broken]) == ()
    other = {"data": {"a.yaml": yaml.safe_dump(AlertsArgs().grafana_rules())}}
    parent = "firewalledcoder:index:Dashboards"
    assert alert_changes([step("create", kind, {}, other, parent)]) == ()


@pytest.mark.parametrize(
    "value", [None, 5, True, ["a"], {"ciphertext": "v1:abc"}, "\ud800", "a: [", "\tx: 1"]
)
def test_what_is_no_file_of_alerts_has_none(value: Any) -> None:
    """As what a state has of it may be, where it is encrypted."""
    assert rules_of({"data": {"a.yaml": value}}) == {}
    assert datasource_changes._sources({"data": {"a.yaml": value}}) == {}


def test_a_report_says_which_alert_watches_no_longer() -> None:
    only = AlertsArgs(alerts=("BoundaryDenySpike",))
    both = AlertsArgs(alerts=("BoundaryAuditSilent", "BoundaryDenySpike"))
    preview = StackPreview("dev", steps=tuple(steps(both, only)))
    assert "- `BoundaryAuditSilent`: **no longer watched**" in report.to_markdown([preview])
    (stack,) = report.to_json([preview])["stacks"]
    assert stack["alerts"] == [
        {"name": "BoundaryAuditSilent", "op": "removed", "changed": [], "thresholds": {}}
    ]
    assert report.headline([preview]) == "⚠️ 1 alert is no longer watched"


def test_a_report_says_what_of_an_alert_differs() -> None:
    old = AlertsArgs(alerts=("BoundaryDenySpike",))
    new = AlertsArgs(alerts=("BoundaryDenySpike",), thresholds=Thresholds(deny_requests=10**6))
    text = report.to_markdown([StackPreview("dev", steps=tuple(steps(old, new)))])
    assert "- `BoundaryDenySpike`: query, text\n" in text


def previewed(old: Thresholds, new: Thresholds) -> StackPreview:
    """Return the preview of a stack that records when its alerts fire."""
    before, after = (AlertsArgs(**CONFINED, thresholds=each) for each in (old, new))
    recorded = [{to_camel(k): v for k, v in asdict(each).items()} for each in (old, new)]
    return StackPreview(
        "dev",
        steps=tuple(steps(before, after)),
        old_thresholds=recorded[0],
        new_thresholds=recorded[1],
    )


def test_a_threshold_that_changes_is_told_by_its_key() -> None:
    found = previewed(Thresholds(), Thresholds(deny_share=0.9, deny_requests=10, silent_minutes=60))
    text = report.to_markdown([found])
    assert text.startswith("## Preview: ⚠️ an alert becomes less sensitive\n")
    assert (
        "- `BoundaryDenySpike`: query, text\n"
        "  - ⚠️ `denyShare`: 0.3 → 0.9, **less sensitive**\n"
        "  - `denyRequests`: 20 → 10\n"
    ) in text
    assert "  - ⚠️ `silentMinutes`: 15 → 60, **less sensitive**\n" in text
    spike = report.to_json([found])["stacks"][0]["alerts"][1]
    assert spike["thresholds"]["denyShare"] == {
        "before": 0.3,
        "after": 0.9,
        "lessSensitive": True,
    }


def test_a_threshold_that_is_stricter_warns_of_nothing() -> None:
    found = previewed(Thresholds(), Thresholds(deny_share=0.1, loss_minutes=60, deny_minutes=30))
    assert found.warnings == ()
    assert previewed(Thresholds(), Thresholds(loss_minutes=5)).warnings == (
        "an alert becomes less sensitive",
    )


def test_a_threshold_of_a_state_that_records_none_is_unknown() -> None:
    found = replace(previewed(Thresholds(), Thresholds(deny_share=0.9)), old_thresholds={})
    assert [each.thresholds for each in found.alerts] == [()]
    assert found.warnings == ()


@pytest.mark.parametrize("name", asdict(Thresholds()))
def test_every_threshold_has_the_alerts_that_it_changes(name: str) -> None:
    old = Thresholds()
    value = getattr(old, name)
    new = replace(old, **{name: 0.5 if name == "deny_share" else value + 1})
    found = previewed(old, new).alerts
    assert {each.name for each in found} == set(THRESHOLDS[to_camel(name)][0])
    moved = ThresholdChange(to_camel(name), value, getattr(new, name))
    assert all(each.thresholds == (moved,) for each in found)
