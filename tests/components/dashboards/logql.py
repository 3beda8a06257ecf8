"""Reads LogQL with Grafana's own grammar and evaluates it over lines in memory.

Only what the dashboards use is evaluated; anything else is an error, never a guess. The meaning
of each part is that of https://grafana.com/docs/loki/latest/query/.
"""

import json
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests import npm

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]


@dataclass(frozen=True)
class Node:
    """A node of the syntax tree, with the text it covers."""

    name: str
    text: str
    children: tuple["Node", ...]

    def child(self, name: str) -> "Node | None":
        return next((c for c in self.children if c.name == name), None)

    def need(self, name: str) -> "Node":
        found = self.child(name)
        assert found, f"no {name} in {self.text!r}"
        return found

    def walk(self) -> Iterable["Node"]:
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class Entry:
    """One line of a stream."""

    time: datetime
    labels: Mapping[str, str]
    line: str


def parse(queries: Sequence[str]) -> list[Node]:
    """Return the syntax tree of each query.

    Raises:
        SyntaxError: A query is not LogQL, as Grafana sees it.
    """
    done = subprocess.run(
        [npm.NODE, npm.installed("logql") / "parse.mjs"],
        input=json.dumps(list(queries)),
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=60,
    )
    trees = json.loads(done.stdout)
    return [_node(tree, query) for tree, query in zip(trees, queries, strict=True)]


def _node(tree: dict[str, Any], query: str) -> Node:
    # The grammar counts in UTF-16 units; queries of ours stay below U+10000.
    text = query[tree["from"] : tree["to"]]
    if tree["name"] == "⚠":
        raise SyntaxError(f"not LogQL at {tree['from']}: {query!r}")
    return Node(tree["name"], text, tuple(_node(child, query) for child in tree["children"]))


def lines(query: Node, entries: Iterable[Entry]) -> list[Entry]:
    """Evaluate a query for lines."""
    inner = query.need("Expr").need("LogExpr")
    return _pipeline(inner, entries)


def vector(query: Node, entries: Sequence[Entry], at: datetime) -> Vector:
    """Evaluate a query for numbers at one time."""
    result = _metric(query.need("Expr").need("MetricExpr"), entries, at)
    assert isinstance(result, dict)
    return result


def _metric(node: Node, entries: Sequence[Entry], at: datetime) -> Vector | float:
    (inner,) = node.children
    match inner.name:
        case "LiteralExpr":
            return float(inner.text)
        case "VectorExpr":
            return {(): float(inner.need("Number").text)}
        case "MetricExpr":  # in parentheses
            return _metric(inner, entries, at)
        case "VectorAggregationExpr":
            return _aggregate(inner, entries, at)
        case "RangeAggregationExpr":
            return _over_range(inner, entries, at)
        case "BinOpExpr":
            return _binary(inner, entries, at)
        case _:
            raise NotImplementedError(inner.text)


def _binary(node: Node, entries: Sequence[Entry], at: datetime) -> Vector:
    left, operator, modifier, right = node.children
    one = _metric(left.need("MetricExpr"), entries, at)
    other = _metric(right.need("MetricExpr"), entries, at)
    assert isinstance(one, dict)
    if modifier.text:
        assert operator.name == "Unless", node.text
        assert modifier.text.startswith("on ("), node.text
    on = {n.text for n in modifier.walk() if n.name == "GroupingLabel"}

    def matched(labels: Labels) -> Labels:
        return tuple(pair for pair in labels if pair[0] in on) if on else labels

    match operator.name, other:
        case "Mul", float():
            return {labels: value * other for labels, value in one.items()}
        case "Gtr", float():
            return {labels: value for labels, value in one.items() if value > other}
        case "Gte", float():
            return {labels: value for labels, value in one.items() if value >= other}
        case "Div", dict():
            return {labels: one[labels] / other[labels] for labels in one if labels in other}
        case "And", dict():
            return {labels: value for labels, value in one.items() if labels in other}
        case "Or", dict():
            return {**other, **one}
        case "Unless", dict():
            refused = {matched(labels) for labels in other}
            return {k: value for k, value in one.items() if matched(k) not in refused}
        case _:
            raise NotImplementedError(node.text)


def _aggregate(node: Node, entries: Sequence[Entry], at: datetime) -> Vector:
    inner = _metric(node.need("MetricExpr"), entries, at)
    assert isinstance(inner, dict)
    operation = node.need("VectorOp").text
    if operation == "topk":
        order = sorted(inner.items(), key=lambda item: (-item[1], item[0]))
        return dict(order[: int(node.need("Number").text)])
    grouping = node.child("Grouping")
    by = {n.text for n in grouping.walk() if n.name == "Identifier"} if grouping else set()
    groups: dict[Labels, list[float]] = {}
    for labels, value in inner.items():
        # A label that is not there and one that is empty are the same.
        key = tuple((name, text) for name, text in labels if name in by and text)
        groups.setdefault(key, []).append(value)
    combine = {"sum": sum, "max": max}[operation]
    return {labels: combine(values) for labels, values in groups.items()}


def _over_range(node: Node, entries: Sequence[Entry], at: datetime) -> Vector:
    source = node.need("LogRangeExpr")
    seconds = _seconds(source.need("Range").need("Duration").text)
    offset = source.child("OffsetExpr")
    end = at - timedelta(seconds=_seconds(offset.need("Duration").text) if offset else 0)
    start = end - timedelta(seconds=seconds)
    inside = [entry for entry in entries if start < entry.time <= end]
    series: dict[Labels, list[Entry]] = {}
    unwrapped = source.child("PipelineExpr") and source.child("UnwrapExpr")
    label = unwrapped.need("Identifier").text if unwrapped else ""
    for entry in _pipeline(source, inside):
        # What is unwrapped is the value, no longer a label.
        key = tuple(sorted((n, v) for n, v in entry.labels.items() if n != label))
        series.setdefault(key, []).append(entry)
    match node.need("RangeOp").text:
        case "count_over_time":
            return {labels: float(len(found)) for labels, found in series.items()}
        case "rate":
            return {labels: len(found) / seconds for labels, found in series.items()}
        case "max_over_time":
            return {
                labels: max(float(entry.labels[label]) for entry in found)
                for labels, found in series.items()
            }
        case other:
            raise NotImplementedError(other)


def _pipeline(node: Node, entries: Iterable[Entry]) -> list[Entry]:
    matchers = [n for n in node.need("Selector").walk() if n.name == "Matcher"]
    kept = [e for e in entries if all(_matches(m, e.labels) for m in matchers)]
    pipeline = node.child("PipelineExpr")
    for stage in _stages(pipeline) if pipeline else []:
        kept = [result for entry in kept if (result := _stage(stage, entry))]
    return kept


def _stages(pipeline: Node) -> Iterable[Node]:
    for child in pipeline.children:
        if child.name == "PipelineExpr":
            yield from _stages(child)
        else:
            yield child


def _stage(stage: Node, entry: Entry) -> Entry | None:
    what = stage.children[-1]
    match what.name:
        case "LineFilters":
            return entry if all(_line_filter(f, entry.line) for f in _filters(what)) else None
        case "JsonExpressionParser":
            return _with(entry, _json(what, entry.line))
        case "LabelFilter":
            return entry if _matches(what.need("Matcher"), entry.labels) else None
        case "LineFormatExpr":
            return Entry(entry.time, entry.labels, _template(what, entry))
        case "LabelParser" if what.children[0].name == "Regexp":
            found = re.search(_string(what.need("String")), entry.line)
            named = found.groupdict() if found else {}
            return _with(entry, {name: value or "" for name, value in named.items()})
        case "LabelFormatExpr":
            (pair,) = [n for n in what.walk() if n.name == "LabelFormatMatcher"]
            return _with(entry, {pair.need("Identifier").text: _template(pair, entry)})
        case _:
            raise NotImplementedError(stage.text)


def _filters(node: Node) -> Iterable[Node]:
    return (n for n in node.walk() if n.name == "LineFilter")


def _line_filter(node: Node, line: str) -> bool:
    wanted = _string(node.need("String"))
    match node.need("Filter").text:
        case "|=":
            return wanted in line
        case "|~":
            return re.search(wanted, line) is not None
        case _:
            raise NotImplementedError(node.text)


def _json(node: Node, line: str) -> dict[str, str]:
    try:
        document = json.loads(line)
    except ValueError:
        return {"__error__": "JSONParserErr"}
    found = {}
    for expression in (n for n in node.walk() if n.name == "LabelExtractionExpression"):
        value = document
        for step in _string(expression.need("String")).split("."):
            assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", step), step
            value = value.get(step) if isinstance(value, dict) else None
        found[expression.need("Identifier").text] = value if isinstance(value, str) else ""
    return found


def _template(node: Node, entry: Entry) -> str:
    text = _string(node.need("String"))
    if text == "{{ __timestamp__ | unixEpoch }}":
        return str(int(entry.time.timestamp()))
    label = re.fullmatch(r"\{\{\.(\w+)\}\}", text)
    if not label:
        raise NotImplementedError(text)
    return entry.labels.get(label[1], "")


def _with(entry: Entry, labels: Mapping[str, str]) -> Entry:
    taken = set(labels) & {"app", "namespace", "pod", "container", "node_name"}
    assert not taken, "Loki would rename these, as the stream has them already"
    return Entry(entry.time, {**entry.labels, **labels}, entry.line)


def _matches(matcher: Node, labels: Mapping[str, str]) -> bool:
    name, operator, wanted = matcher.children
    value = labels.get(name.text, "")
    match operator.text:
        case "=":
            return value == _string(wanted)
        case "=~":
            return re.fullmatch(_string(wanted), value) is not None
        case other:
            raise NotImplementedError(other)


def _string(node: Node) -> str:
    if node.text.startswith("`"):
        return node.text[1:-1]
    return json.loads(node.text)


def _seconds(duration: str) -> int:
    found = re.fullmatch(r"(\d+)([smhd])", duration)
    if not found:
        raise NotImplementedError(duration)
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
