"""The firewall's own records in Coder's database: the stack says so, else Coder's release."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.coder.lookup import Known
from components.releases import Number
from components.settings.load import load
from components.settings.model import Settings
from program import plan

ROLE = {"delivery": "job", "adminUrlSecret": "coder-db-owner"}


def settings(**grafana: Any) -> Settings:
    return load(
        "gov",
        {
            # Without credentials a plan has no Output, which needs Pulumi's mocks.
            "coder": {"accessUrl": "https://coder.example.com", "variables": "none"},
            "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
            "templates": [{"name": "a", "firewall": {}}],
            "grafana": {"databaseRole": ROLE, **grafana},
            "secrets": {
                "coderToken": "t",
                "externalAuth": {"gitlab": {"clientId": "i", "clientSecret": "s"}},
            },
        },
    )


@pytest.mark.parametrize(
    ("coder", "said", "there"),
    [
        ((2, 34, 9), None, False),
        ((2, 35, 0), None, True),
        ((2, 38, 5), None, True),
        # A build between releases, or nobody asked: a panel that errs says less than one in words.
        (None, None, False),
        ((2, 34, 0), True, True),
        (None, True, True),
        ((2, 38, 5), False, False),
    ],
)
def test_the_stack_decides_and_else_coders_release(
    coder: Number | None, said: bool | None, there: bool, tmp_path: Path
) -> None:
    found = settings(**({} if said is None else {"firewallRecords": said}))
    args = plan.plan("gov", found, Known(release=coder), tmp_path)
    text = args.dashboards.render()["agent-firewall"]
    titles = {panel["title"] for panel in json.loads(text)["panels"]}
    assert ("Sessions and their requests" in titles) is there
    assert ("No records of requests" in titles) is not there
    assert args.grafana_role is not None
    assert args.grafana_role.firewall_records is there


def test_where_nobody_asks_no_panel_asks_for_a_table_that_may_not_be_there() -> None:
    assert plan.dashboards(settings()).firewall_records is False
    assert plan.dashboards(settings(firewallRecords=True)).firewall_records is True


@pytest.mark.parametrize(
    ("coder", "there"),
    [
        ((2, 30, 0), False),
        ((2, 33, 7), False),
        ((2, 34, 0), True),
        ((2, 38, 5), True),
        (None, True),
    ],
)
def test_coders_release_decides_what_the_gateways_panels_ask_for(
    coder: Number | None, there: bool, tmp_path: Path
) -> None:
    args = plan.plan("gov", settings(), Known(release=coder), tmp_path)
    assert args.dashboards.gateway_tables is there
    assert args.grafana_role is not None
    assert args.grafana_role.gateway_tables is there
    spoken = "2.34.0 and newer" in args.dashboards.render()["ai-gateway"]
    assert spoken is not there


@pytest.mark.parametrize(
    ("coder", "there"),
    [
        ((2, 30, 0), False),
        ((2, 31, 9), False),
        ((2, 32, 0), True),
        ((2, 38, 5), True),
        (None, True),
    ],
)
def test_what_agents_have_not_is_not_missed(
    coder: Number | None, there: bool, tmp_path: Path
) -> None:
    args = plan.plan("gov", settings(), Known(release=coder), tmp_path).alerts
    names = {alert.name for alert in args.chosen()}
    assert ("BoundaryAuditUnreported" in names) is there
    assert "ClaudeCodeUnjailed" in names


def test_alerts_on_templates_are_of_the_stacks_organization(tmp_path: Path) -> None:
    organization = "0f4d2ba7-5d3c-4a3c-9f0e-6a4f4c1f7d11"
    args = plan.plan("gov", settings(), Known(organization_id=organization), tmp_path).alerts
    assert f"t.organization_id = '{organization}'" in args.grafana_file()
    assert plan.alerts(settings()).organization_id == ""
