"""Grafana as the stack set it up: data sources, dashboards and alerts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.alerts.component import AlertsArgs
from ops.verification.clients.errors import NotFoundError
from ops.verification.clients.grafana import Grafana
from ops.verification.clients.prometheus import LoadedRule, Prometheus
from ops.verification.declared import (
    another_dashboard,
    another_rule,
    first_value,
    panels,
    rules_of_grafana,
    rules_of_prometheus,
)
from ops.verification.model import Failed, NotChecked

_BATCH: Final = 20
_SHOWN: Final = 3
_POINTS: Final = {"intervalMs": 60_000, "maxDataPoints": 100}
# Grafana's own, which its backend fills in; a dashboard's variables are its frontend's to fill in.
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$([A-Za-z]\w*)")


@dataclass(frozen=True)
class Sources:
    """Uids of the data sources by what they are called in messages."""

    prometheus: str
    loki: str
    postgres: str

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield name and uid of each."""
        yield from (("Prometheus", self.prometheus), ("Loki", self.loki))
        yield "Coder's database", self.postgres


def sources(grafana: Grafana, uids: Sources) -> str:
    """Ask every data source whether it works."""
    wrong = []
    for name, uid in uids.items():
        try:
            health = grafana.health(uid)
        except NotFoundError:
            wrong.append(f"there is no data source {uid} ({name})")
            continue
        if health.status.upper() != "OK":
            wrong.append(f"{uid} ({name}): {health.message or health.status}")
    if wrong:
        raise Failed("; ".join(wrong), "see the data source in Grafana, Connections")
    return f"{', '.join(uid for _, uid in uids.items())} are healthy"


def dashboards(
    grafana: Grafana, declared: Mapping[str, Sequence[Mapping[str, Any]]], folder: str
) -> str:
    """Look for every dashboard, and run its queries as a reader's first look does.

    Args:
        grafana: Grafana.
        declared: by uid, the models of which the dashboard may be any.
        folder: the folder that they are to be in.
    """
    missing: list[str] = []
    others: list[str] = []
    errors: list[str] = []
    count = 0
    for uid, models in declared.items():
        dashboard, place = grafana.dashboard(uid)
        if dashboard is None:
            missing.append(f"{uid} ({models[0]['title']})")
            continue
        if differs := another_dashboard(dashboard, models):
            others.append(f"{uid}: {differs}")
        elif place not in (None, folder):
            others.append(f"{uid}: in folder {place}, not {folder}")
        queries = list(_queries(dashboard))
        count += len(queries)
        for source in sorted({_source(query) for query, _ in queries}):
            of_source = [pair for pair in queries if _source(pair[0]) == source]
            for part in _batches(of_source):
                errors += _asked(grafana, uid, part)
    if missing:
        raise Failed(f"not in Grafana: {', '.join(missing)}", "see the log of Grafana's sidecar")
    if others:
        raise Failed(
            f"not the stack's: {_some(others)}",
            "Grafana keeps one dashboard of a uid: take the other ConfigMap away, such as that of "
            "Coder's observability chart, or bring the stack up; folders: docs/dashboards.md",
        )
    if errors:
        raise Failed(_some(errors), "open the panel in Grafana")
    if not count:
        raise Failed("no panel of them asks anything", "bring the stack up")
    return f"{len(declared)} dashboards, {count} queries answered"


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return f"{'; '.join(texts[:_SHOWN])}{more}"


def alerts(args: AlertsArgs, prometheus: Prometheus | None, grafana: Prometheus | None) -> str:
    """Look whether every alert is loaded by who evaluates it, and works.

    Args:
        args: the stack's alerts.
        prometheus: the rules of Prometheus, None if it cannot be asked.
        grafana: the rules of Grafana, None if it cannot be asked.
    """
    made = {"Prometheus": args.prometheus_rules() or {}, "Grafana": args.grafana_rules()}
    wanted = {
        "Prometheus": rules_of_prometheus(args.prometheus_rules()),
        "Grafana": rules_of_grafana(args.grafana_rules()),
    }
    asked = {"Prometheus": prometheus, "Grafana": grafana}
    told = []
    for evaluator, names in wanted.items():
        if not names:
            continue
        client = asked[evaluator]
        if client is None:
            raise NotChecked(f"{evaluator} cannot be asked", "see docs/verify.md, addresses")
        _loaded(evaluator, names, client.rules(_groups(made[evaluator])))
        told.append(f"{len(names)} by {evaluator}")
    if not told:
        raise NotChecked("the stack has no alerts", "name some in alerts.rules")
    return f"loaded: {', '.join(told)}"


def _groups(made: Mapping[str, Any]) -> set[str]:
    return {str(group["name"]) for group in made.get("groups") or ()}


def _loaded(
    evaluator: str,
    declared: Mapping[str, tuple[list[str], Any, int]],
    rules: Sequence[LoadedRule],
) -> None:
    by_name = {name: [rule for rule in rules if rule.name == name] for name in declared}
    missing = [name for name, found in by_name.items() if not found]
    if missing:
        raise Failed(
            f"{evaluator} has not loaded {', '.join(missing)}",
            "see alerts.ruleLabels and Prometheus' ruleSelector, or Grafana's sidecar",
        )
    own, others = [], []
    for name, found in by_name.items():
        differences = [another_rule(rule, declared[name]) for rule in found]
        # Another stack's may be beside it.
        own += [rule for rule, other in zip(found, differences, strict=True) if not other]
        if all(differences):
            others.append(f"{name}: {differences[0]}")
    if others:
        raise Failed(
            f"{evaluator} has loaded others than the stack's: {'; '.join(others)}",
            "bring the stack up; if it is, the rules are older, or another stack's",
        )
    broken = [f"{r.name}: {r.last_error}" for r in own if r.health in ("err", "error")]
    if broken:
        raise Failed(f"{evaluator}: {'; '.join(broken)}", "read the rule's error there")


def _queries(dashboard: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every query of a dashboard that has a data source, with its panel's title."""
    variables = _first_values(dashboard)
    number = itertools.count()
    for panel in panels(dashboard.get("panels") or ()):
        for target in panel.get("targets") or ():
            source = target.get("datasource") or panel.get("datasource")
            if not isinstance(source, dict) or target.get("hide"):
                continue
            query = {**target, "datasource": source, "refId": f"Q{next(number)}", **_POINTS}
            for key in ("expr", "rawSql"):
                if key in query:
                    query[key] = _filled(str(query[key]), variables)
            yield query, str(panel.get("title") or "")


def _first_values(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """Return what a reader who has chosen nothing has chosen."""
    variables = (dashboard.get("templating") or {}).get("list") or ()
    return {str(variable["name"]): first_value(variable) for variable in variables}


def _filled(text: str, variables: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[3]
        if name in variables and found[2] == "sqlstring":
            return "'" + variables[name].replace("'", "''") + "'"
        return variables.get(name, found[0])

    return _VARIABLE.sub(value, text)


def _source(query: Mapping[str, Any]) -> str:
    return str(query["datasource"].get("uid", ""))


def _batches(
    queries: Sequence[tuple[dict[str, Any], str]],
) -> Iterator[Sequence[tuple[dict[str, Any], str]]]:
    for start in range(0, len(queries), _BATCH):
        yield queries[start : start + _BATCH]


def _asked(
    grafana: Grafana, uid: str, queries: Sequence[tuple[dict[str, Any], str]]
) -> Iterator[str]:
    results = grafana.query([query for query, _ in queries])
    for query, title in queries:
        result = results.get(query["refId"])
        if result is None:
            yield f"{uid}, {title}: no result"
        elif result.error:
            yield f"{uid}, {title}: {result.error}"
