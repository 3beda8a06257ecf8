"""A real Prometheus over series in memory: its judgement, and its answers.

promtool holds a whole Prometheus: its parser, storage, query engine and rule manager. A test file
names series, and what each expression or alert must be at a time (`judge`). What an expression is,
where no one has said it before, tools/promql answers with the same storage and engine (`evaluate`).
"""

import json
import math
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.components.dashboards.evaluator import Query, ask, points
from tests.components.dashboards.series_deployment import STEP, Labels, Series
from toolchain import tools

_NAME = re.compile(r"\w+")

Vector = dict[tuple[tuple[str, str], ...], float]
"""Value by labels."""


class PromtoolError(AssertionError):
    """What promtool found wrong, in its own words."""


@dataclass(frozen=True)
class Answer:
    """One series that a query returned.

    Attributes:
        labels: Its labels, by name.
        points: Its value by time in seconds; times without a value are left out.
    """

    labels: Labels
    points: Mapping[int, float]


@dataclass(frozen=True)
class Check:
    """What an expression must be at a time, in seconds from the epoch."""

    expression: str
    at: int
    expected: Vector


@dataclass(frozen=True)
class Firing:
    """The alerts of one rule that must fire at a time: labels beside alertname, annotations."""

    alert: str
    at: int
    alerts: Sequence[tuple[Labels, Mapping[str, str]]] = ()


@dataclass(frozen=True)
class Case:
    """Series, and what must hold over them."""

    series: Iterable[Series]
    checks: Sequence[Check] = ()
    firing: Sequence[Firing] = field(default=())


def key(**labels: str) -> tuple[tuple[str, str], ...]:
    """Return the labels of one element of a vector."""
    return tuple(sorted(labels.items()))


def judge(*cases: Case, rules: Mapping[str, Any] | None = None, every: int = STEP) -> None:
    """Let promtool judge.

    Args:
        cases: Each has a Prometheus of its own.
        rules: A rule file's content, checked first as Prometheus does when it loads it. Evaluated
            are those whose alerts a case names, which is most of the time that this takes.
        every: Seconds between two evaluations of the rules.

    Raises:
        PromtoolError: An expression that is not PromQL, or any difference.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = []
        if rules is not None:
            _check(json.dumps(rules))
            rules = _asked(rules, {each.alert for case in cases for each in case.firing})
            # JSON is YAML.
            files.append(_write(Path(folder, "rules.yaml"), rules))
        if not cases:
            return
        document = {
            "rule_files": files,
            "evaluation_interval": f"{every}s",
            "fuzzy_compare": True,
            "tests": [_test(case, json.dumps(rules)) for case in cases],
        }
        _run("test", "rules", _write(Path(folder, "tests.yaml"), document))


def evaluate(series: Iterable[Series], queries: Sequence[Query]) -> list[list[Answer]]:
    """Return what each query returns over the series, in Prometheus' own order.

    Raises:
        QueryError: A query is no PromQL, or Prometheus cannot evaluate it.
    """
    # What nothing names cannot matter, and takes time to load.
    named = set(_NAME.findall(" ".join(query.expression for query in queries)))
    data = {
        "interval": STEP,
        "series": [
            {"labels": {"__name__": s.name, **s.labels}, "samples": s.samples}
            for s in series
            if s.name in named
        ],
    }
    return [
        [Answer(each["metric"], points(each)) for each in result]
        for result in ask("promql", data, queries)
    ]


def _write(path: Path, document: Mapping[str, Any]) -> str:
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def _asked(rules: Mapping[str, Any], alerts: Set[str]) -> dict[str, Any]:
    groups = [
        {**group, "rules": [rule for rule in group["rules"] if rule.get("alert") in alerts]}
        for group in rules["groups"]
    ]
    found = {rule["alert"] for group in groups for rule in group["rules"]}
    assert found == alerts, alerts - found
    return {**rules, "groups": groups}


@cache  # many tests ask over the same rules
def _check(rules: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = _write(Path(folder, "rules.yaml"), json.loads(rules))
        _run("check", "rules", "--lint=all", "--lint-fatal", file)


def _run(*arguments: str) -> None:
    command = [str(tools.build("promtool")), *arguments]
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        env={**os.environ, "NO_COLOR": "1"},
    )
    if done.returncode:
        raise PromtoolError(done.stdout + done.stderr)


def _test(case: Case, rules: str) -> dict[str, Any]:
    # What nothing names cannot matter, and takes time to load.
    named = set(_NAME.findall(" ".join([rules, *(check.expression for check in case.checks)])))
    return {
        "interval": f"{STEP}s",
        "input_series": [
            {"series": s.name + _labels(s.labels), "values": " ".join(map(_sample, s.samples))}
            for s in case.series
            if s.name in named
        ],
        "promql_expr_test": [
            {
                "expr": check.expression,
                "eval_time": f"{check.at}s",
                "exp_samples": [
                    {"labels": _labels(dict(labels)), "value": value}
                    for labels, value in check.expected.items()
                ],
            }
            for check in case.checks
        ],
        "alert_rule_test": [
            {
                "alertname": firing.alert,
                "eval_time": f"{firing.at}s",
                "exp_alerts": [
                    {"exp_labels": dict(labels), "exp_annotations": dict(annotations)}
                    for labels, annotations in firing.alerts
                ],
            }
            for firing in case.firing
        ],
    }


def _labels(labels: Labels) -> str:
    return "{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"


def _sample(value: float | None) -> str:
    if value is None:
        return "_"
    return str(int(value)) if value == math.floor(value) else repr(value)
