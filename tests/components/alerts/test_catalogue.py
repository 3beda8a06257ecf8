"""What holds for every alert: words, links, labels, a section of the runbook."""

import json
import re
from pathlib import Path

import pytest

from components.alerts.catalogue import CATALOGUE
from components.alerts.component import AlertsArgs
from components.alerts.model import Alert, AlertContext
from components.alerts.names import NAMES
from components.dashboards.catalogue import CATALOGUE as DASHBOARDS
from components.dashboards.context import DashboardContext

RUNBOOK = Path(__file__).parents[3] / "docs" / "alerts.md"
CONTEXT = AlertContext(confined_templates=("firewalled",), network_policies=("workspaces",))
_NAMED = re.compile(r"\$labels\.(\w+)")


@pytest.fixture(params=CATALOGUE)
def alert(request: pytest.FixtureRequest) -> Alert:
    built = CATALOGUE[request.param](CONTEXT)
    assert built is not None
    assert built.name == request.param
    return built


def sections() -> dict[str, str]:
    """Return the runbook's sections by their fragment, as GitLab and GitHub make it."""
    parts = re.split(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        title.lower().replace(" ", "-"): text
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_the_runbook_has_a_section_that_says_what_to_do(alert):
    assert len(sections()[alert.anchor].split()) > 30
    row = f"| [{alert.name}](#{alert.anchor}) | {alert.severity} | "
    assert row + ("Prometheus" if alert.only_promql else "Grafana") in RUNBOOK.read_text()


def test_the_panel_is_on_its_dashboard(alert):
    dashboard = json.loads(DASHBOARDS[alert.panel.uid].json(DashboardContext()))
    (panel,) = [p for p in dashboard["panels"] if p["id"] == alert.panel.id]
    assert panel["title"] == alert.panel.title
    variables = {v["name"] for v in dashboard["templating"]["list"]}
    assert set(alert.panel.variables) <= variables


def test_templates_name_labels_of_the_alert(alert):
    told = alert.annotations("docs/alerts.md", "", tuple(DASHBOARDS))
    named = {label for text in told.values() for label in _NAMED.findall(text)}
    assert named <= set(alert.labels)
    for text in told.values():
        # What is no template expression holds no dollar: Grafana would expand it.
        assert "$" not in re.sub(r"\{\{.*?\}\}", "", text)


def test_several_queries_have_a_condition(alert):
    assert bool(alert.condition) == (len(alert.queries) > 1)


def test_links():
    args = AlertsArgs(
        runbook="https://git.example.com/docs/alerts.md",
        grafana_url="https://grafana.example.com",
        dashboards=("agent-firewall",),
    )
    told = {
        rule["alert"]: rule["annotations"]
        for group in args.prometheus_rules()["groups"]
        for rule in group["rules"]
    }
    dropped = told["BoundaryBatchesDropped"]
    assert dropped["runbook_url"] == (
        "https://git.example.com/docs/alerts.md#boundarybatchesdropped"
    )
    assert re.fullmatch(
        r"https://grafana\.example\.com/d/agent-firewall\?viewPanel=\d+", dropped["dashboard_url"]
    )
    # The stack leaves that dashboard out.
    assert "dashboard_url" not in told["AIGatewayReloadFailed"]


def test_a_link_filters_by_what_the_alert_is_about():
    (spike,) = [a for a in AlertsArgs().chosen() if a.name == "BoundaryDenySpike"]
    assert spike.panel.url("").endswith(
        "&var-template_version_id={{ $labels.template_version_id }}"
    )


def test_the_names_that_settings_know_are_those_of_the_catalogue() -> None:
    assert tuple(CATALOGUE) == NAMES
