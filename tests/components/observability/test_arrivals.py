"""What dashboards and alerts read, held against what a real Coder 2.30.0 exported and logged."""

import re
from collections import Counter

from components.dashboards.log_fields import AUDIT_MESSAGE, AuditDecision, AuditField
from components.dashboards.metrics import Metric, Metrics
from components.dashboards.tables import GRANTED_TABLES
from tests import deviations, recorded
from tests.components.observability.arrivals import ARRIVALS, Release

RECORDED = Release(2, 30)
ARRIVED = {each.name for each in ARRIVALS}
NOT_SEEN = {str(each.what) for each in deviations.TELEMETRY}
LINES = recorded.lines("boundary-0.9.0/boundary_request.jsonl")


def metrics() -> dict[str, Metric]:
    text = (recorded.RECORDINGS / "coderd-2.30.0" / "metrics.tsv").read_text()
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, kind, labels = [*line.split("\t"), ""][:3]
            found[name] = Metric(name, kind, frozenset(filter(None, labels.split(","))))
    return found


def columns() -> dict[str, str]:
    text = (recorded.RECORDINGS / "coderd-2.30.0" / "tables.txt").read_text()
    return dict(line.split(" ", 1) for line in text.splitlines())


def of_coder() -> list[Metric]:
    """The metrics that coderd exports, its own and its agents'."""
    everything = [named for metric in Metrics.all() for named in metric.names]
    return [each for each in everything if re.match(r"(coderd?|agent)_", each.name)]


def named_columns() -> dict[str, str]:
    return {
        f"{table.NAME}.{name}": kind for table in GRANTED_TABLES for name, kind in table.columns()
    }


def test_a_metric_is_as_it_was_exported_or_came_later() -> None:
    there = metrics()
    for metric in of_coder():
        if metric.name in there:
            seen = there[metric.name]
            assert (metric.kind, metric.own_labels) == (seen.kind, seen.own_labels), metric.name
        else:
            assert metric.name in ARRIVED | NOT_SEEN, f"{metric.name} is nowhere"


def test_a_column_is_as_it_was_or_came_later() -> None:
    there = columns()
    for name, kind in named_columns().items():
        if name in there:
            assert kind == there[name], name
        else:
            table = name.partition(".")[0]
            assert name in ARRIVED or table in NOT_SEEN, f"{name} is nowhere"


def test_what_came_later_was_not_there_is_read_and_stands_once() -> None:
    there = metrics().keys() | columns().keys()
    read = {each.name for each in of_coder()} | named_columns().keys()
    assert there & ARRIVED == set()
    assert read >= ARRIVED
    assert max(Counter(each.name for each in ARRIVALS).values()) == 1
    assert all(each.release > RECORDED and each.source for each in ARRIVALS)
    assert there & NOT_SEEN == set()
    tables = {table.NAME for table in GRANTED_TABLES}
    assert {each.name for each in of_coder()} | tables >= NOT_SEEN


def test_an_audit_line_has_every_field_that_queries_read() -> None:
    for line in LINES:
        flat = {key: each for key, each in line.items() if key != "fields"}
        flat |= {f"fields.{key}": each for key, each in line["fields"].items()}
        assert line["msg"] == AUDIT_MESSAGE
        missing = {field for field in AuditField if field.value not in flat}
        # A denial has matched no rule.
        denied = line["fields"]["decision"] == "deny"
        assert missing == ({AuditField.MATCHED_RULE} if denied else set())
    assert {line["fields"]["decision"] for line in LINES} == {each.value for each in AuditDecision}
