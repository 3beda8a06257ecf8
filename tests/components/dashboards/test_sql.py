"""Every SQL query of every dashboard runs on PostgreSQL as grafana_ro and tells the truth."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from components.dashboards.catalogue import CATALOGUE
from components.dashboards.context import DashboardContext
from components.dashboards.tables import GRANTED_TABLES
from tests.components.dashboards import generated_requests, grafana, oldest
from tests.components.dashboards.figures import Figures, same
from tests.components.dashboards.sql_figures import EXPECTED

ROLE = "grafana_ro"


def sql_targets(context: DashboardContext) -> dict[tuple[str, str], dict]:
    found = {}
    for uid, spec in CATALOGUE.items():
        for panel in json.loads(spec.json(context))["panels"]:
            for target in panel.get("targets", []):
                if "rawSql" in target:
                    assert (uid, panel["title"]) not in found
                    found[uid, panel["title"]] = target
    return found


TARGETS = sql_targets(DashboardContext(firewall_records=True))
OLDEST = sql_targets(DashboardContext(gateway_tables=False))
NOTHING_CHOSEN = {"interception": "", "session": ""}


def test_every_sql_panel_has_figures_to_be_held_against():
    assert set(TARGETS) == set(EXPECTED)


def check(server, password, key, deployment, view):
    sql = grafana.postgres(TARGETS[key]["rawSql"], view)
    rows = server.rows(sql, user=ROLE, password=password)
    expected = EXPECTED[key](Figures(deployment, view))
    assert len(rows) == len(expected), sql
    for shown, wanted in zip(rows, expected, strict=True):
        assert list(shown) == list(wanted), "columns"
        for column, value in wanted.items():
            assert same(shown[column], value), (column, shown, wanted)
    return expected


@pytest.mark.parametrize("key", TARGETS, ids=" / ".join)
def test_the_figures_are_those_of_the_rows(server, role_password, deployment, view, key):
    expected = check(server, role_password, key, deployment, view)
    assert expected, "the generated rows show nothing here"


@pytest.mark.parametrize("key", TARGETS, ids=" / ".join)
def test_a_range_without_rows_is_no_error(server, role_password, deployment, key):
    later = generated_requests.END + timedelta(days=30)
    view = grafana.View(later, later + timedelta(hours=1), variables=NOTHING_CHOSEN)
    for row in check(server, role_password, key, deployment, view):
        assert set(row.values()) == {0}


def test_the_range_and_the_interval_decide_what_is_shown(server, role_password, deployment, view):
    until = generated_requests.START + timedelta(hours=1)
    hour = replace(view, end=until, interval=60)
    for key in TARGETS:
        check(server, role_password, key, deployment, hour)


@pytest.mark.parametrize("typed", ["", "nothing", "x' OR 'a' = 'a", "%", "' || i.id::text || '"])
def test_what_is_typed_is_compared_and_no_sql(server, role_password, view, typed):
    asked = {key: target for key, target in TARGETS.items() if ":sqlstring}" in target["rawSql"]}
    assert asked
    for target in asked.values():
        names = dict.fromkeys(view.variables, typed)
        sql = grafana.postgres(target["rawSql"], replace(view, variables=names))
        assert server.rows(sql, user=ROLE, password=role_password) == []


def test_series_have_the_format_and_the_time_grafana_needs(deployment, view):
    for key, target in TARGETS.items():
        columns = list(EXPECTED[key](Figures(deployment, view))[0])
        series = "$__timeGroup(" in target["rawSql"]
        assert target["format"] == ("time_series" if series else "table"), key
        assert not series or columns[0] == "time", key
        assert target["rawQuery"] is True


def test_the_oldest_release_is_asked_for_nothing_that_it_has_not(server, view):
    assert OLDEST.keys() < TARGETS.keys()
    assert ("ai-gateway", "Unique users") in OLDEST
    for target in OLDEST.values():
        # As the database's owner: that the role may read it is tested beside.
        sql = grafana.postgres(target["rawSql"], view)
        server.psql(f"BEGIN; {oldest.tables('before')} SET search_path = before; {sql}; ROLLBACK")


def test_a_panel_that_the_oldest_release_cannot_fill_says_which_release_does():
    for uid, spec in CATALOGUE.items():
        newer, older = (
            json.loads(spec.json(DashboardContext(gateway_tables=there)))["panels"]
            for there in (True, False)
        )
        for before, after in zip(older, newer, strict=True):
            same_place = ("title", "id", "gridPos")
            assert [before[key] for key in same_place] == [after[key] for key in same_place]
            if before != after:
                assert (uid, before["title"]) not in OLDEST
                assert "2.34.0 and newer" in before["options"]["content"]


def test_what_is_said_to_have_come_later_is_what_the_oldest_release_has_not():
    for table in GRANTED_TABLES:
        there = oldest.columns_of(table)
        assert table.OPTIONAL is not bool(there), table.NAME
        assert set(table.later_columns()) == dict(table.columns()).keys() - there
