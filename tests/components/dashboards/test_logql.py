"""Every LogQL query parses in Grafana's grammar, and Loki counts with it what Python counts."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from components.dashboards import logql
from components.dashboards.catalogue import CATALOGUE
from components.dashboards.context import DashboardContext
from components.dashboards.log_fields import AuditDecision, AuditField, StreamLabel, UrlPart
from components.dashboards.promql import QueryError
from tests.components.dashboards import generated_requests, grafana, log_lines, loki
from tests.components.dashboards import logql as grammar
from tests.components.dashboards.generated_requests import END, START, Request
from tests.components.dashboards.loki import Entry
from tests.logql import QueryError as LogQLError

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
REQUESTS = generated_requests.requests()


def view(**variables: grafana.Value) -> grafana.View:
    return grafana.View(START, END, 900, variables={**NO_FILTER, **variables})


ENTRIES = log_lines.entries()
BUILDS = log_lines.build_lines()


QUERIES = {key: grafana.loki(target["expr"], view()) for key, target in TARGETS.items()}


@pytest.fixture(scope="module")
def vectors() -> dict[tuple[str, str], loki.Vector]:
    """Return what Loki answers to the queries for numbers."""
    found = loki.vectors([QUERIES[key] for key in NUMBERS], ENTRIES, END)
    return dict(zip(NUMBERS, found, strict=True))


@pytest.fixture(scope="module")
def lines() -> dict[tuple[str, str], Sequence[Entry]]:
    """Return what Loki answers to the queries for lines."""
    found = loki.lines([QUERIES[key] for key in LINES], ENTRIES)
    return dict(zip(LINES, found, strict=True))


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
    named = Counter(
        (r.workspace, generated_requests.workspace_id(r.owner, r.workspace)) for r in in_range()
    )
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
    ("agent-firewall", "Requests to unknown hosts"): lambda: shown("", logql.NO_DOMAIN),
    ("agent-firewall", "Boundary log stream"): lambda: events("boundary", "coder-workspaces", 0),
    ("ai-gateway", "Gateway log stream"): lambda: events("aibridged", "coder", 0),
    ("provisionerd", "Provisioner log stream"): lambda: events("provisionerd", "coder", 0),
    ("workspaces", "Build log"): lambda: events("provisionerd", "coder", 0),
    ("workspace-detail", "Build log"): lambda: events("provisionerd", "coder", 0),
    ("workspace-detail", "Workspace log"): lambda: [
        e for e in ENTRIES if e.labels["namespace"] == "coder-workspaces"
    ],
}


def shown(decision: str, domain: str = "") -> list[Request]:
    return [r for r in REQUESTS if decision in r.decision and domain in r.domain]


def test_every_query_has_figures_to_be_held_against():
    assert set(TARGETS) == {*NUMBERS, *LINES}


def test_grafanas_grammar_reads_every_query():
    grammar.check(list(QUERIES.values()))  # one it cannot read raises


@pytest.mark.parametrize("query", ["{a=`b`} |", "sum(rate({a=`b`} [5m])", "{}|=`a", "rate(x)"])
def test_the_grammar_and_loki_refuse_what_is_not_logql(query):
    with pytest.raises(SyntaxError):
        grammar.check([query])
    with pytest.raises(LogQLError, match="parse error"):
        loki.lines([query], [])


@pytest.mark.parametrize("key", NUMBERS, ids=" / ".join)
def test_numbers_are_those_of_the_requests(vectors, key):
    expected = NUMBERS[key]()
    assert expected, "the generated lines show nothing here"
    assert vectors[key] == pytest.approx(expected)


@pytest.mark.parametrize(
    "title", ["Top allowed domains", "Top denied domains", "First-seen denied domains"]
)
def test_the_most_frequent_comes_first(vectors, title):
    requests = list(vectors["agent-firewall", title].values())
    assert requests == sorted(requests, reverse=True)


def test_nobody_denied_is_zero_and_no_gap():
    query = QUERIES["agent-firewall", "Deny rate by template version"]
    start, end = int(START.timestamp()) + 900, int(END.timestamp())
    (found,) = loki.evaluate([loki.Query(query, end, start, 900)], ENTRIES)
    expected: dict[loki.Labels, dict[int, float]] = {}
    for time in range(start, end + 1, 900):
        at = datetime.fromtimestamp(time, UTC)
        for labels, value in deny_rate(lambda r: r.version, "template_version_id", at).items():
            expected.setdefault(labels, {})[time] = value
    assert any(value == 0 for points in expected.values() for value in points.values())
    assert set(found.series) == set(expected)
    for labels, points in found.series.items():
        assert points == pytest.approx(expected[labels])


def test_no_line_at_all_is_no_number():
    assert loki.vectors([QUERIES[key] for key in NUMBERS], [], END) == [{}] * len(NUMBERS)


@pytest.mark.parametrize("which", ["Recent allowed", "Recent denied", "to unknown hosts"])
def test_the_tables_of_requests_hold_their_fields(lines, which):
    (key,) = [each for each in LINES if which in each[1]]
    found = lines[key]
    for entry, request in zip(found, LINES[key](), strict=True):
        for label, value in {
            "http_method": request.method,
            "http_url": request.url,
            "domain": request.domain,
            "path": request.path,
            "owner": request.owner,
            "workspace_name": request.workspace,
            "template_id": request.template,
            "template_version_id": request.version,
        }.items():
            # A label without a value is none.
            assert entry.labels.get(label, "") == value, (request.url, label)
        assert entry.labels.get("matched_rule", "") == request.rule


def test_columns_of_the_tables_are_labels_of_the_query(lines):
    for (uid, title), target in TARGETS.items():
        if target["panel"] != "table" or target["queryType"] != "range":
            continue
        panels = json.loads(CATALOGUE[uid].json(DashboardContext()))["panels"]
        (panel,) = [p for p in panels if p["title"] == title]
        (chosen,) = [t for t in panel["transformations"] if t["id"] == "filterFieldsByName"]
        labels = {label for entry in lines[uid, title] for label in entry.labels}
        assert set(chosen["options"]["include"]["names"]) <= {"Time", *labels}


@pytest.mark.parametrize(
    "key", [key for key in LINES if key[1].endswith(("stream", "log"))], ids=" / ".join
)
def test_log_streams_hold_the_lines_that_name_their_part(lines, key):
    assert lines[key]
    assert [entry.line for entry in lines[key]] == [entry.line for entry in LINES[key]()]


def test_a_build_is_read_in_the_order_of_time_and_all_else_from_the_newest():
    orders = {
        (uid, panel["title"]): panel["options"]["sortOrder"]
        for uid, spec in CATALOGUE.items()
        for panel in json.loads(spec.json(DashboardContext()))["panels"]
        if panel["type"] == "logs"
    }
    assert {order for key, order in orders.items() if key[1] == "Build log"} == {"Ascending"}
    assert {order for key, order in orders.items() if key[1] != "Build log"} == {"Descending"}


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
    assert len(audit) == 14
    queries = [grafana.loki(t["expr"], view(**{name: value})) for t in audit.values()]
    unfiltered = [grafana.loki(t["expr"], view()) for t in audit.values()]
    kept = {r.line for r in REQUESTS if keeps(r)}
    less = [entry for entry in ENTRIES if entry.line in kept]
    end = int(END.timestamp())
    asked = [
        loki.Query(query, loki.ALWAYS) if key in LINES else loki.Query(query, end)
        for key, query in zip(audit, queries, strict=True)
    ]
    plain = [replace(query, expression=u) for query, u in zip(asked, unfiltered, strict=True)]
    found = loki.evaluate(asked, ENTRIES)
    assert any(one.lines or one.series for one in found) == bool(kept)
    for key, one, other in zip(audit, found, loki.evaluate(plain, less), strict=True):
        assert one.lines == other.lines, key
        assert one.series == other.series, key


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
        query = grafana.loki(TARGETS[uid, "Build log"]["expr"], view(**variables))
        grammar.check([query])
        (found,) = loki.lines([query], ENTRIES)
        assert [entry.line for entry in found] == kept


def test_the_chosen_pod_decides_whose_log_is_shown():
    pods = [workspace.pod for workspace in log_lines.WORKSPACES[:2]]
    expression = TARGETS["workspace-detail", "Workspace log"]["expr"]
    (found,) = loki.lines([grafana.loki(expression, view(pod=pods))], ENTRIES)
    shown = [entry for entry in ENTRIES if entry.labels.get("pod") in pods]
    assert {entry.labels["pod"] for entry in shown} == set(pods)
    assert found == shown


def test_the_table_of_pods_leads_from_a_name_to_an_id():
    expression = TARGETS["workspace-detail", "Pods of the chosen workspaces"]["expr"]
    query = grafana.loki(expression, view(workspace_name=["dev.2"]))
    written = [line for line in BUILDS if line.workspace.name == "dev.2"]
    assert written
    assert loki.vectors([query], ENTRIES, END) == [
        {(("workspace_id", written[0].workspace.id), ("workspace_name", "dev.2")): len(written)}
    ]


def test_a_backtick_typed_into_a_filter_is_an_error_and_no_other_query():
    query = grafana.loki(TARGETS["agent-firewall", "Denied requests"]["expr"], view(owner="a`b"))
    with pytest.raises(SyntaxError):
        grammar.check([query])
    with pytest.raises(LogQLError, match="parse error"):
        loki.vectors([query], ENTRIES, END)


def test_alert_pipelines_name_no_variable():
    query = logql.audit("{namespace=`coder`}", decision=AuditDecision.DENY, filtered=False)
    assert "$" not in query
    grammar.check([query])
    (found,) = loki.lines([query], ENTRIES)
    assert len(found) == len(shown("deny"))


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
