"""Every LogQL query parses in Grafana's grammar and counts what Python counts."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import pytest

from components.dashboards import CATALOGUE, DashboardContext, logql
from components.dashboards.model import AuditField, Decision, StreamLabel, UrlPart
from components.dashboards.promql import QueryError
from tests.components.dashboards import generated, grafana, log_lines
from tests.components.dashboards import logql as loki
from tests.components.dashboards.generated import END, START, Request
from tests.components.dashboards.logql import Entry, Node

FILTERS = ("domain", "owner", "template_id", "template_version_id")
CHOICES = ("workspace_name", "template_name", "pod")
NO_FILTER: dict[str, grafana.Value] = {
    **dict.fromkeys(FILTERS, ""),
    **{name: [".*"] for name in CHOICES},
    "lookback": "1d",
}


def targets() -> dict[tuple[str, str], dict]:
    return {
        (uid, panel["title"]): {"panel": panel["type"], **target}
        for uid, spec in CATALOGUE.items()
        for panel in json.loads(spec.json(DashboardContext()))["panels"]
        for target in panel.get("targets", [])
        if target["datasource"]["type"] == "loki"
    }


TARGETS = targets()
REQUESTS = generated.requests()


def view(**variables: grafana.Value) -> grafana.View:
    return grafana.View(START, END, 900, variables={**NO_FILTER, **variables})


ENTRIES = log_lines.entries()
BUILDS = log_lines.build_lines()


@pytest.fixture(scope="module")
def trees() -> dict[tuple[str, str], Node]:
    queries = [grafana.loki(target["expr"], view()) for target in TARGETS.values()]
    return dict(zip(TARGETS, loki.parse(queries), strict=True))


def in_range(requests: Iterable[Request] = REQUESTS) -> list[Request]:
    return [r for r in requests if START < r.time <= END]


def count(of: Callable[[Request], str], requests: Sequence[Request], label: str) -> loki.Vector:
    return {
        ((label, value),) if value else (): float(n)
        for value, n in Counter(map(of, requests)).items()
    }


def decided(decision: str) -> list[Request]:
    return [r for r in in_range() if r.decision == decision]


def top(vector: loki.Vector) -> loki.Vector:
    return dict(sorted(vector.items(), key=lambda item: (-item[1], item[0]))[:20])


def deny_rate(of: Callable[[Request], str], label: str, at: datetime = END) -> loki.Vector:
    # Over one interval.
    since = at - timedelta(seconds=900)
    recent = [r for r in REQUESTS if since < r.time <= at]
    everything = count(of, recent, label)
    denied = count(of, [r for r in recent if r.decision == "deny"], label)
    return {labels: denied.get(labels, 0) / n for labels, n in everything.items()}


def first_seen() -> loki.Vector:
    earlier = {
        r.domain
        for r in REQUESTS
        if START - timedelta(days=1) < r.time <= START and r.decision == "deny"
    }
    fresh = [r for r in decided("deny") if r.domain not in earlier]
    return count(lambda r: r.domain, fresh, "domain")


def events(word: str, namespace: str, seconds: int | None = 900) -> list[Entry]:
    since = END - timedelta(seconds=seconds) if seconds else START - timedelta(days=9)
    return [
        e
        for e in ENTRIES
        if since < e.time <= END and word in e.line and e.labels["namespace"] == namespace
    ]


def workspace_ids() -> loki.Vector:
    """The workspaces that coderd's log names, by name and id, and in how many lines."""
    named = Counter((r.workspace, generated.workspace_id(r.owner, r.workspace)) for r in in_range())
    named.update((line.workspace.name, line.workspace.id) for line in BUILDS)
    return {
        (("workspace_id", number), ("workspace_name", name)): float(count)
        for (name, number), count in named.items()
    }


NUMBERS: dict[tuple[str, str], Callable[[], loki.Vector]] = {
    ("agent-firewall", "Allowed requests"): lambda: {(): float(len(decided("allow")))},
    ("agent-firewall", "Denied requests"): lambda: {(): float(len(decided("deny")))},
    ("agent-firewall", "Time since the last audit line"): lambda: {
        (): float(int(in_range()[-1].time.timestamp()) * 1000)
    },
    ("agent-firewall", "Share denied"): lambda: {(): len(decided("deny")) / len(in_range())},
    ("agent-firewall", "Requests by decision"): lambda: count(
        lambda r: r.decision, in_range(), "decision"
    ),
    ("agent-firewall", "Decisions over time"): lambda: count(
        lambda r: r.decision,
        [r for r in REQUESTS if END - timedelta(seconds=900) < r.time <= END],
        "decision",
    ),
    ("agent-firewall", "Top allowed domains"): lambda: top(
        count(lambda r: r.domain, decided("allow"), "domain")
    ),
    ("agent-firewall", "Top denied domains"): lambda: top(
        count(lambda r: r.domain, decided("deny"), "domain")
    ),
    ("agent-firewall", "Deny rate by template"): lambda: deny_rate(
        lambda r: r.template, "template_id"
    ),
    ("agent-firewall", "Deny rate by template version"): lambda: deny_rate(
        lambda r: r.version, "template_version_id"
    ),
    ("agent-firewall", "First-seen denied domains"): first_seen,
    ("agent-firewall", "Boundary log events"): lambda: {
        (): len(events("boundary", "coder-workspaces")) / 900
    },
    ("provisionerd", "Provisioner log events"): lambda: {
        (("pod", pod),): n / 900
        for pod, n in Counter(e.labels["pod"] for e in events("provisionerd", "coder")).items()
    },
    ("workspace-detail", "Pods of the chosen workspaces"): workspace_ids,
    ("ai-gateway", "Gateway log events"): lambda: {(): len(events("aibridged", "coder")) / 900},
}
LINES: dict[tuple[str, str], Callable[[], list]] = {
    ("agent-firewall", "Recent denied requests"): lambda: shown("deny"),
    ("agent-firewall", "Recent allowed requests"): lambda: shown("allow"),
    ("agent-firewall", "Boundary log stream"): lambda: events("boundary", "coder-workspaces", 0),
    ("ai-gateway", "Gateway log stream"): lambda: events("aibridged", "coder", 0),
    ("provisionerd", "Provisioner log stream"): lambda: events("provisionerd", "coder", 0),
    ("workspaces", "Provisioners' log"): lambda: events("provisionerd", "coder", 0),
    ("workspace-detail", "Provisioners' log"): lambda: events("provisionerd", "coder", 0),
    ("workspace-detail", "Workspace log"): lambda: [
        e for e in ENTRIES if e.labels["namespace"] == "coder-workspaces"
    ],
}


def shown(decision: str) -> list[Request]:
    return [r for r in REQUESTS if r.decision == decision]


def test_every_query_has_figures_to_be_held_against():
    assert set(TARGETS) == {*NUMBERS, *LINES}


def test_grafanas_grammar_reads_every_query(trees):
    assert set(trees) == set(TARGETS)  # a query it cannot read raises


@pytest.mark.parametrize("query", ["{a=`b`} |", "sum(rate({a=`b`} [5m])", "{}|=`a", "rate(x)"])
def test_the_grammar_refuses_what_is_not_logql(query):
    with pytest.raises(SyntaxError):
        loki.parse([query])


@pytest.mark.parametrize("key", NUMBERS, ids=" / ".join)
def test_numbers_are_those_of_the_requests(trees, key):
    expected = NUMBERS[key]()
    assert expected, "the generated lines show nothing here"
    assert loki.vector(trees[key], ENTRIES, END) == pytest.approx(expected)


def test_nobody_denied_is_zero_and_no_gap(trees):
    key = ("agent-firewall", "Deny rate by template version")
    moments = [START + timedelta(seconds=900 * step) for step in range(1, 9)]
    rates = [
        (
            loki.vector(trees[key], ENTRIES, at),
            deny_rate(lambda r: r.version, "template_version_id", at),
        )
        for at in moments
    ]
    assert any(value == 0 for _, expected in rates for value in expected.values())
    for found, expected in rates:
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("key", NUMBERS, ids=" / ".join)
def test_no_line_at_all_is_no_number(trees, key):
    assert loki.vector(trees[key], [], END) == {}


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_the_tables_of_requests_hold_their_fields(trees, decision):
    title = {"allow": "Recent allowed requests", "deny": "Recent denied requests"}[decision]
    key = ("agent-firewall", title)
    found = loki.lines(trees[key], ENTRIES)
    for entry, request in zip(found, LINES[key](), strict=True):
        for label, value in {
            "http_method": request.method,
            "domain": request.domain,
            "path": request.path,
            "owner": request.owner,
            "workspace_name": request.workspace,
            "template_id": request.template,
            "template_version_id": request.version,
        }.items():
            assert entry.labels[label] == value, (request.url, label)
        rule = f"domain={request.domain}" if decision == "allow" else ""
        assert entry.labels["matched_rule"] == rule


def test_columns_of_the_tables_are_labels_of_the_query(trees):
    for (uid, title), target in TARGETS.items():
        if target["panel"] != "table" or target["queryType"] != "range":
            continue
        panels = json.loads(CATALOGUE[uid].json(DashboardContext()))["panels"]
        (panel,) = [p for p in panels if p["title"] == title]
        (chosen,) = [t for t in panel["transformations"] if t["id"] == "filterFieldsByName"]
        labels = loki.lines(trees[uid, title], ENTRIES)[0].labels
        assert set(chosen["options"]["include"]["names"]) <= {"Time", *labels}


@pytest.mark.parametrize(
    "key", [key for key in LINES if key[1].endswith(("stream", "log"))], ids=" / ".join
)
def test_log_streams_hold_the_lines_that_name_their_part(trees, key):
    found = loki.lines(trees[key], ENTRIES)
    assert found
    assert [entry.line for entry in found] == [entry.line for entry in LINES[key]()]


@pytest.mark.parametrize(
    ("name", "value", "keeps"),
    [
        ("domain", "example.com", lambda r: "example.com" in r.domain),
        ("domain", "EXAMPLE", lambda r: "example" in r.domain),
        ("domain", "bücher", lambda r: r.domain == "bücher.example"),
        ("domain", "pypi.org", lambda r: r.domain == "pypi.org"),
        ("domain", "pypixorg", lambda r: False),
        ("domain", "p.*i", lambda r: False),
        ("domain", "[2001:db8::1]", lambda r: r.domain == "[2001:db8::1]"),
        ("owner", "o'brien", lambda r: r.owner == "o'brien"),
        ("owner", "zoë.k+1", lambda r: r.owner == "zoë.k+1"),
        ("owner", '") | {a="b"} (', lambda r: False),
        ("template_id", "1111", lambda r: r.template.startswith("1111")),
        ("template_version_id", "V2-bbbb", lambda r: r.version == "v2-bbbb"),
    ],
)
def test_every_audit_panel_honours_every_filter(name, value, keeps):
    audit = {key: t for key, t in TARGETS.items() if AuditField.DECISION in t["expr"]}
    assert len(audit) == 13
    queries = [grafana.loki(t["expr"], view(**{name: value})) for t in audit.values()]
    unfiltered = [grafana.loki(t["expr"], view()) for t in audit.values()]
    kept = {r.line for r in REQUESTS if keeps(r)}
    less = [entry for entry in ENTRIES if entry.line in kept]
    for key, tree, plain in zip(audit, loki.parse(queries), loki.parse(unfiltered), strict=True):
        if key in LINES:
            found = [(e.time, e.labels) for e in loki.lines(tree, ENTRIES)]
            assert found == [(e.time, e.labels) for e in loki.lines(plain, less)], key
        else:
            expected = loki.vector(plain, less, END)
            assert loki.vector(tree, ENTRIES, END) == pytest.approx(expected), key


@pytest.mark.parametrize(
    ("variables", "keeps"),
    [
        ({"workspace_name": ["dev"]}, lambda w: w.name == "dev"),
        ({"workspace_name": ["dev.2"]}, lambda w: w.name == "dev.2"),
        ({"workspace_name": ["dev", "new"]}, lambda w: w.name in {"dev", "new"}),
        ({"template_name": ["firewalled"]}, lambda w: w.template == "firewalled"),
        ({"template_name": ["firewalled"], "workspace_name": ["new"]}, lambda w: False),
        ({"workspace_name": ['"dev']}, lambda w: False),
    ],
)
def test_the_chosen_workspaces_and_templates_decide_which_builds_are_shown(variables, keeps):
    kept = [build.line for build in BUILDS if keeps(build.workspace)]
    for uid in ("workspaces", "workspace-detail"):
        query = grafana.loki(TARGETS[uid, "Provisioners' log"]["expr"], view(**variables))
        (tree,) = loki.parse([query])
        assert [entry.line for entry in loki.lines(tree, ENTRIES)] == kept


def test_the_chosen_pod_decides_whose_log_is_shown():
    pods = [workspace.pod for workspace in log_lines.WORKSPACES[:2]]
    expression = TARGETS["workspace-detail", "Workspace log"]["expr"]
    (tree,) = loki.parse([grafana.loki(expression, view(pod=pods))])
    shown = [entry for entry in ENTRIES if entry.labels.get("pod") in pods]
    assert {entry.labels["pod"] for entry in shown} == set(pods)
    assert loki.lines(tree, ENTRIES) == shown


def test_the_table_of_pods_leads_from_a_name_to_an_id():
    expression = TARGETS["workspace-detail", "Pods of the chosen workspaces"]["expr"]
    (tree,) = loki.parse([grafana.loki(expression, view(workspace_name=["dev.2"]))])
    written = [line for line in BUILDS if line.workspace.name == "dev.2"]
    assert written
    assert loki.vector(tree, ENTRIES, END) == {
        (("workspace_id", written[0].workspace.id), ("workspace_name", "dev.2")): len(written)
    }


def test_a_backtick_typed_into_a_filter_is_an_error_and_no_other_query():
    query = grafana.loki(TARGETS["agent-firewall", "Denied requests"]["expr"], view(owner="a`b"))
    with pytest.raises(SyntaxError):
        loki.parse([query])


def test_alert_pipelines_name_no_variable():
    query = logql.audit("{namespace=`coder`}", decision=Decision.DENY, filtered=False)
    assert "$" not in query
    (tree,) = loki.parse([query])
    assert len(loki.lines(tree, ENTRIES)) == len(shown("deny"))


def test_labels_of_fields_are_no_labels_of_streams():
    labels = [field.label for field in AuditField] + [part.value for part in UrlPart]
    assert len(labels) == len(set(labels))
    assert not set(labels) & {label.value for label in StreamLabel}


def test_what_cannot_be_quoted_is_refused():
    with pytest.raises(QueryError, match="raw string"):
        logql.stream({StreamLabel.APP: "a`b"})
    with pytest.raises(QueryError, match="at least one"):
        logql.stream({})


def test_lines_about_workspaces_are_read_by_fields_there_are():
    assert logql.about("{a=`b`}", "provisionerd", workspace_name="dev|x") == (
        '{a=`b`} |= `provisionerd` | json workspace_name="fields.workspace_name"'
        " | workspace_name=~`dev|x`"
    )
    with pytest.raises(QueryError, match="no field workspace; there are workspace_id, workspace_n"):
        logql.about("{a=`b`}", workspace="dev")
    with pytest.raises(QueryError, match="raw string"):
        logql.about("{a=`b`}", workspace_name="`")
