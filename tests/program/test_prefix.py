"""Two stacks on one Grafana: everything that one makes has another name than the other's."""

import json
from typing import Any

import pytest
import yaml

from components.alerts.component import AlertsArgs
from components.dashboards.component import DashboardsArgs
from components.datasources import DataSourcesArgs
from components.grafana_role import GrafanaRoleArgs
from components.settings.load import load
from components.settings.model import Settings
from components.settings.problems import SettingsError
from ops.panel_changes import _title
from program import plan
from program.objects import objects

LONGEST = "a-stack-of-dev-0"


def settings(**grafana: Any) -> Settings:
    return load(
        "dev",
        {
            "coder": {"accessUrl": "https://coder.example.com", "variables": "none"},
            "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
            "templates": [{"name": "a", "firewall": {"jail": "landjail"}}],
            "grafana": grafana,
            "secrets": {"coderToken": "t"},
        },
    )


def names(found: Settings) -> set[tuple[str, str]]:
    every = objects(found, plan.network_policy(found))
    return {
        (each.kind, name) for each in every for name in each.names if "Network" not in each.kind
    }


def test_without_a_prefix_every_name_is_as_it_was() -> None:
    found = settings()
    assert names(found) == {
        ("ConfigMap", "alerts-firewalled-coder"),
        ("ConfigMap", "grafana-ro-sql"),
        ("ConfigMap", "datasource-aibridge-postgres"),
        ("ConfigMap", "datasource-loki"),
        *(("ConfigMap", f"dashboard-{uid}") for uid in DashboardsArgs().dashboards),
        ("Secret", "aigov-grafana-db"),
        ("PrometheusRule", "firewalled-coder"),
    }
    plain = DataSourcesArgs(found.grafana.database_host)
    assert plan.data_sources(found).provisioning() == plain.provisioning()
    assert plan.grafana_role(found) == GrafanaRoleArgs()
    assert plan.dashboards(found).render() == DashboardsArgs().render()
    assert (plan.alerts(found).group, plan.alerts(found).folder) == (AlertsArgs.group, "Coder")


@pytest.mark.parametrize("prefix", ["dev", "a", LONGEST])
def test_with_one_no_name_is_another_stacks(prefix: str) -> None:
    job = {"delivery": "job", "adminUrlSecret": "owner"}
    more: dict[str, Any] = {"prometheusUrl": "http://prometheus:9090", "databaseRole": job}
    plain, own = settings(**more), settings(prefix=prefix, **more)
    assert len(names(plain)) == len(names(own))
    assert not names(plain) & names(own)
    sources = [
        yaml.safe_load(text)["datasources"][0]
        for found in (plain, own)
        for text in plan.data_sources(found).provisioning().values()
    ]
    for key in ("name", "uid"):
        assert len({source[key] for source in sources}) == len(sources) == 6
    assert len({plan.alerts(found).folder for found in (plain, own)}) == 2
    uids = [
        rule["uid"]
        for found in (plain, own)
        for group in plan.alerts(found).grafana_rules()["groups"]
        for rule in group["rules"]
    ]
    assert len(set(uids)) == len(uids)


def test_two_stacks_on_one_database_have_two_roles_with_two_passwords() -> None:
    sources, role = (
        make(settings(prefix="dev-a")) for make in (plan.data_sources, plan.grafana_role)
    )
    assert isinstance(sources, DataSourcesArgs)
    assert isinstance(role, GrafanaRoleArgs)
    assert sources.database_role == role.role == "grafana_ro_dev_a"
    assert (sources.secret_name, sources.variable) == (
        "dev-a-aigov-grafana-db",
        "AIGOV_DB_PASSWORD_DEV_A",
    )
    text = sources.provisioning()["dev-a-aibridge-postgres"]
    assert yaml.safe_load(text)["datasources"][0]["secureJsonData"] == {
        "password": "${AIGOV_DB_PASSWORD_DEV_A}"
    }


def test_dashboards_and_alerts_lead_to_the_stacks_own() -> None:
    found = settings(prefix="dev")
    rendered = plan.dashboards(found).render()
    texts = [*rendered.values(), plan.alerts(found).grafana_file()]
    for uid in rendered:
        assert json.loads(rendered[uid])["uid"] == f"dev-{uid}"
        assert all(f"/d/{uid}?" not in text for text in texts)
    assert any("/d/dev-workspace-detail?" in text for text in texts)
    assert any("__dashboardUid__: dev-agent-firewall" in text for text in texts)
    assert plan.dashboards(found).context.has("agent-firewall")


def test_what_a_stack_names_itself_stays_and_what_it_does_not_make_is_shared() -> None:
    own = settings(prefix="dev", folder="Mine", lokiUid="logs", lokiUrl="http://loki:3100").grafana
    assert (own.folder, own.loki_uid, own.prometheus_uid) == ("Mine", "logs", "prometheus")
    shared = settings(prefix="dev", lokiUrl=None).grafana
    assert (shared.folder, shared.loki_uid) == ("Coder dev", "loki")


@pytest.mark.parametrize("prefix", ["", "Dev", "-a", "a_b", f"{LONGEST}x", 7])
def test_a_prefix_that_no_name_begins_with_is_refused(prefix: object) -> None:
    with pytest.raises(SettingsError, match=r"grafana\.prefix"):
        settings(prefix=prefix)


def test_a_dashboard_keeps_its_title_in_reviews() -> None:
    assert _title("dev-workspaces.json") == _title("workspaces.json") == "Workspaces"
    assert _title("else.json") is None
