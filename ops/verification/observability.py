"""Grafana as the stack set it up: data sources, dashboards and alerts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.alerts.component import AlertsArgs
from components.dashboards.catalogue import CATALOGUE
from ops.verification.clients.errors import NotFoundError
from ops.verification.clients.grafana import Grafana
from ops.verification.clients.prometheus import LoadedRule, Prometheus
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


def dashboards(grafana: Grafana, uids: Sequence[str]) -> str:
    """Look for every dashboard, and run its queries as a reader's first look does."""
    missing: list[str] = []
    errors: list[str] = []
    count = 0
    for uid in uids:
        dashboard = grafana.dashboard(uid)
        if dashboard is None:
            missing.append(f"{uid} ({CATALOGUE[uid].title})")
            continue
        queries = list(_queries(dashboard))
        count += len(queries)
        for source in sorted({_source(query) for query, _ in queries}):
            of_source = [pair for pair in queries if _source(pair[0]) == source]
            for part in _batches(of_source):
                errors += _asked(grafana, uid, part)
    if missing:
        raise Failed(f"not in Grafana: {', '.join(missing)}", "see the log of Grafana's sidecar")
    if errors:
        more = f" and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
        raise Failed(f"{'; '.join(errors[:_SHOWN])}{more}", "open the panel in Grafana")
    return f"{len(uids)} dashboards, {count} queries answered"


def alerts(args: AlertsArgs, prometheus: Prometheus | None, grafana: Prometheus | None) -> str:
    """Look whether every alert is loaded by who evaluates it, and works.

    Args:
        args: the stack's alerts.
        prometheus: the rules of Prometheus, None if it cannot be asked.
        grafana: the rules of Grafana, None if it cannot be asked.
    """
    of_prometheus = args.prometheus_rules()
    wanted = {
        "Prometheus": (
            [rule["alert"] for group in of_prometheus["groups"] for rule in group["rules"]]
            if of_prometheus
            else []
        ),
        "Grafana": [
            rule["title"]
            for group in args.grafana_rules().get("groups", ())
            for rule in group["rules"]
        ],
    }
    asked = {"Prometheus": prometheus, "Grafana": grafana}
    told = []
    for evaluator, names in wanted.items():
        if not names:
            continue
        client = asked[evaluator]
        if client is None:
            raise NotChecked(f"{evaluator} cannot be asked", "see docs/verify.md, addresses")
        loaded = {rule.name: rule for rule in client.rules()}
        _loaded(evaluator, names, loaded)
        told.append(f"{len(names)} by {evaluator}")
    if not told:
        raise NotChecked("the stack has no alerts", "name some in alerts.rules")
    return f"loaded: {', '.join(told)}"


def _loaded(evaluator: str, names: Sequence[str], loaded: Mapping[str, LoadedRule]) -> None:
    missing = [name for name in names if name not in loaded]
    if missing:
        raise Failed(
            f"{evaluator} has not loaded {', '.join(missing)}",
            "see alerts.ruleLabels and Prometheus' ruleSelector, or Grafana's sidecar",
        )
    broken = [f"{n}: {loaded[n].last_error}" for n in names if loaded[n].health in ("err", "error")]
    if broken:
        raise Failed(f"{evaluator}: {'; '.join(broken)}", "read the rule's error there")


def _queries(dashboard: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every query of a dashboard that has a data source, with its panel's title."""
    variables = _first_values(dashboard)
    number = itertools.count()
    for panel in _panels(dashboard.get("panels") or ()):
        for target in panel.get("targets") or ():
            source = target.get("datasource") or panel.get("datasource")
            if not isinstance(source, dict) or target.get("hide"):
                continue
            query = {**target, "datasource": source, "refId": f"Q{next(number)}", **_POINTS}
            for key in ("expr", "rawSql"):
                if key in query:
                    query[key] = _filled(str(query[key]), variables)
            yield query, str(panel.get("title") or "")


def _panels(panels: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels") or ())


def _first_values(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """Return what a reader who has chosen nothing has chosen."""
    values = {}
    for variable in (dashboard.get("templating") or {}).get("list") or ():
        chosen = (variable.get("current") or {}).get("value", variable.get("query", ""))
        first = chosen[0] if isinstance(chosen, list) and chosen else chosen
        every = variable.get("allValue") or ".*"
        values[str(variable["name"])] = every if first == "$__all" else str(first or "")
    return values


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
