"""Dashboards on Pulumi's mocks, and the arguments it refuses."""

import json

import pulumi
import pytest

from components.dashboards.catalogue import CATALOGUE
from components.dashboards.component import Dashboards, DashboardsArgs
from components.dashboards.uids import UIDS, WITH_IDS
from components.network.namespace_args import STACK_ANNOTATION
from tests.components.recording import record


def test_each_dashboard_is_a_labelled_config_map_in_its_folder():
    recorder, outputs = record(
        lambda: {
            "uids": Dashboards(
                "grafana", DashboardsArgs(namespace="observability", folder="AI")
            ).uids
        }
    )
    assert outputs["uids"] == list(CATALOGUE)
    made = {made["metadata"]["name"]: made for made in recorder.of("ConfigMap")}
    assert len(made) == len(CATALOGUE)
    for uid in CATALOGUE:
        config_map = made[f"dashboard-{uid}"]
        assert config_map["metadata"] == {
            "name": f"dashboard-{uid}",
            "namespace": "observability",
            "labels": {"grafana_dashboard": "1"},
            "annotations": {"grafana_folder": "AI", STACK_ANNOTATION: "firewalled-coder/test"},
        }
        (text,) = config_map["data"].values()
        assert json.loads(text)["uid"] == uid
        assert len(text.encode()) < 1024 * 1024


def test_what_a_release_keeps_no_records_of_is_said_and_not_asked_for():
    titles, asked = {}, {}
    for there in (False, True):
        text = DashboardsArgs(firewall_records=there).render()["agent-firewall"]
        titles[there] = {panel["title"]: panel for panel in json.loads(text)["panels"]}
        asked[there] = "boundary_logs AS" in text or "agent_firewall_session_id" in text
    assert asked == {False: False, True: True}
    instead = titles[False]["No records of requests"]
    assert instead["type"] == "text"
    assert "grafana.firewallRecords: true" in instead["options"]["content"]
    assert "Coder 2.35.0 and newer" in instead["options"]["content"]
    assert "No records of requests" not in titles[True]


def test_ids_show_as_the_names_that_the_stack_knows():
    names = {"1111": "firewalled", "v2": "firewalled: 0a1b"}
    recorder, _ = record(
        lambda: {
            "uids": Dashboards(
                "grafana", DashboardsArgs(names=pulumi.Output.from_input(names))
            ).uids
        }
    )
    plain = DashboardsArgs().render()
    shown = {}
    for made in recorder.of("ConfigMap"):
        ((file, text),) = made["data"].items()
        shown[file.removesuffix(".json")] = text
    assert {uid for uid in plain if shown[uid] != plain[uid]} == {"agent-firewall"}
    panels = {p["title"]: p for p in json.loads(shown["agent-firewall"])["panels"]}
    properties = {
        (title, override["matcher"]["options"], prop["id"]): prop["value"]
        for title, panel in panels.items()
        for override in panel.get("fieldConfig", {}).get("overrides", [])
        for prop in override["properties"]
    }
    for title in ("Recent denied requests", "Recent allowed requests"):
        for column in ("Template", "Template version"):
            (mapping,) = properties[title, column, "mappings"]
            assert {k: v["text"] for k, v in mapping["options"].items()} == names
            # What a cell shows is no id, by which the filter compares.
            (link,) = properties[title, column, "links"]
            assert "=${__value.raw:percentencode}" in link["url"]
    for title in ("Deny rate by template", "Deny rate by template version"):
        assert {k: properties[title, k, "displayName"] for k in names} == names


def test_every_dashboard_that_shows_ids_is_known_without_drawing_it_twice():
    args = DashboardsArgs()
    plain = args.render()
    with_ids = {uid for uid in plain if args.rendered(uid, {"id": "name"}) != plain[uid]}
    assert with_ids == WITH_IDS


def test_a_stack_may_choose_its_dashboards():
    chosen = DashboardsArgs(dashboards=("agent-firewall",))
    assert list(chosen.render()) == ["agent-firewall"]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"dashboards": ("agent-firewal",)}, "'agent-firewal' is no dashboard; there are agent-f"),
        ({"dashboards": ("agent-firewall", "agent-firewall")}, "may be named once"),
        ({"loki_selector": {"logger": "coderd"}}, "no stream label 'logger'; it has app,"),
        ({"loki_selector": {"app": "a`b"}}, "no backtick, . or line end may stand in app"),
        ({"loki_selector": {"app": "$__file{/x}"}}, "no backtick, . or line end may stand in app"),
        ({"folder": "AI/Gov"}, "folder 'AI/Gov' must be the title of one folder"),
    ],
)
def test_what_does_not_exist_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        DashboardsArgs(**kwargs)


def test_the_stack_decides_where_the_data_is():
    args = DashboardsArgs(
        coder_namespace="coder-prod",
        coder_deployment="coderd-blue",
        coder_container="server",
        workspaces_namespace="ws-prod",
        prometheus_uid="prom-1",
        loki_uid="loki-1",
        postgres_uid="pg-1",
        loki_selector={"container": "coder"},
    )
    for text in args.render().values():
        dashboard = json.loads(text)
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                assert target["datasource"]["uid"] in {"prom-1", "loki-1", "pg-1"}
                assert panel["datasource"]["uid"] in {"prom-1", "loki-1", "pg-1"}
                expression = target.get("expr", "")
                assert "`coder`" not in expression.replace("container=`coder`", "")
                assert "`coder-workspaces`" not in expression
                for default in ('namespace="coder"', 'container="coder"', 'pod=~"coder-'):
                    assert default not in expression, panel["title"]
    assert "{namespace=`coder-prod`, container=`coder`}" in args.render()["agent-firewall"]


def test_the_uids_that_settings_know_are_those_of_the_catalogue() -> None:
    assert tuple(CATALOGUE) == UIDS
