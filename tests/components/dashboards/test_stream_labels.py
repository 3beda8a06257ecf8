"""A Loki whose collector names its stream labels otherwise gets the same answers."""

import json
from dataclasses import replace

import pytest

from components.alerts.component import AlertsArgs
from components.dashboards.catalogue import CATALOGUE
from components.dashboards.component import DashboardsArgs
from components.dashboards.log_fields import StreamLabel
from components.errors import ArgsError
from tests.components.dashboards import grafana, loki, test_logql
from tests.components.dashboards.generated_requests import END

NAMES = {
    "namespace": "k8s_namespace",
    "pod": "k8s_pod",
    "container": "k8s_container",
    "node_name": "node",
}
BACK = {name: label for label, name in NAMES.items()}
ARGS = DashboardsArgs(loki_selector={"container": "coder"}, loki_labels=NAMES)
ENTRIES = [
    replace(entry, labels={NAMES.get(name, name): value for name, value in entry.labels.items()})
    for entry in test_logql.ENTRIES
]


def expressions(args: DashboardsArgs) -> dict[tuple[str, str], str]:
    return {
        (uid, panel["title"]): grafana.loki(target["expr"], test_logql.view())
        for uid in CATALOGUE
        for panel in json.loads(args.render()[uid])["panels"]
        for target in panel.get("targets", [])
        if target["datasource"]["type"] == "loki"
    }


def back(labels: loki.Labels) -> loki.Labels:
    return tuple(sorted((BACK.get(name, name), value) for name, value in labels))


def test_every_query_has_the_same_answer_under_other_names():
    theirs = expressions(ARGS)
    ours = expressions(replace(ARGS, loki_labels={}))
    numbers = [key for key in ours if key in test_logql.NUMBERS]
    found = loki.vectors([theirs[key] for key in numbers], ENTRIES, END)
    expected = loki.vectors([ours[key] for key in numbers], test_logql.ENTRIES, END)
    assert all(expected)
    for key, one, other in zip(numbers, found, expected, strict=True):
        assert {back(labels): value for labels, value in one.items()} == other, key
    streams = [key for key in ours if key in test_logql.LINES]
    shown = loki.lines([theirs[key] for key in streams], ENTRIES)
    wanted = loki.lines([ours[key] for key in streams], test_logql.ENTRIES)
    for key, lines, others in zip(streams, shown, wanted, strict=True):
        assert [(e.time, e.line) for e in lines] == [(e.time, e.line) for e in others], key


def test_a_legend_names_the_label_that_the_query_groups_by():
    panels = json.loads(ARGS.render()["provisionerd"])["panels"]
    (panel,) = [panel for panel in panels if panel["title"] == "Provisioner log events"]
    assert panel["targets"][0]["legendFormat"] == "{{k8s_pod}}"


def test_alerts_select_streams_by_the_same_names():
    rules = AlertsArgs(queries=ARGS.context).grafana_file()
    assert rules.count("{k8s_namespace=`coder`, k8s_container=`coder`}") >= 2
    # PromQL, whose label it is in Prometheus, quotes otherwise.
    assert "{namespace=`" not in rules
    assert "{namespace=~`" not in rules


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ({"logger": "x"}, "Loki has no stream label 'logger'; it has app,"),
        ({"pod": "my-pod"}, "pod cannot be called 'my-pod': a label is letters, digits and _"),
        ({"pod": "__pod"}, "pod cannot be called '__pod'"),
        ({"pod": ""}, "pod cannot be called ''"),
        ({"pod": "owner"}, "pod cannot be called 'owner', which queries call a field of the log"),
        ({"pod": "domain"}, "pod cannot be called 'domain', which"),
        ({"pod": "namespace"}, "namespace and pod are both called 'namespace'"),
        ({"pod": "x", "app": "x"}, "app and pod are both called 'x'"),
    ],
)
def test_names_that_loki_or_the_queries_cannot_have_are_refused(labels, problem):
    with pytest.raises(ArgsError, match=problem):
        DashboardsArgs(loki_labels=labels)


def test_two_labels_may_change_their_names():
    swapped = DashboardsArgs(loki_labels={"pod": "container", "container": "pod"})
    assert swapped.context.label(StreamLabel.POD) == "container"
