"""Whether a dashboard or a rule that is there is the one that the stack declares."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ops.verification.clients.prometheus import LoadedRule

_SHOWN: Final = 3
_LANGUAGES: Final = ("expr", "rawSql")
_UNITS: Final = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_PART: Final = re.compile(r"(\d+)(ms|[smhdwy])")
_DURATION: Final = re.compile(r"(?<![\w.])(?:\d+(?:ms|[smhdwy]))+(?!\w)")
_NUMBER: Final = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")


def panels(parts: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the panels of a dashboard, those of rows too."""
    for panel in parts:
        yield panel
        yield from panels(panel.get("panels") or ())


def another_dashboard(found: Mapping[str, Any], declared: Sequence[Mapping[str, Any]]) -> str:
    """Return how a dashboard differs from what is declared; empty if it does not.

    Args:
        found: its model.
        declared: the models of which it may be any.
    """
    there, chosen = _asked(found), _chosen(found)
    differences = []
    for each in declared:
        wanted, defaults = _asked(each), _chosen(each)
        if there == wanted and chosen == defaults:
            return ""
        told = []
        lacking, more = wanted - there, there - wanted
        if lacking or more:
            titles = sorted({title for title, *_ in lacking or more})
            told.append(
                f"{lacking.total()} of {wanted.total()} panels are not as declared, "
                f"{more.total()} are others: {_some(titles)}"
            )
        every = chosen.keys() | defaults.keys()
        if others := sorted(n for n in every if chosen.get(n) != defaults.get(n)):
            told.append(f"what a reader finds chosen is not as declared: {_some(others)}")
        differences.append((lacking.total() + more.total() + len(others), "; ".join(told)))
    return min(differences)[1]


def first_value(variable: Mapping[str, Any]) -> str:
    """Return what a reader who has chosen nothing has chosen of a dashboard's variable."""
    chosen = (variable.get("current") or {}).get("value", variable.get("query", ""))
    first = chosen[0] if isinstance(chosen, list) and chosen else chosen
    every = variable.get("allValue") or ".*"
    return every if first == "$__all" else str(first or "")


def _asked(model: Mapping[str, Any]) -> Counter[tuple[str, ...]]:
    """Return each panel's title, what it asks of whom, and what it leaves out of the answer."""
    found: Counter[tuple[str, ...]] = Counter()
    for panel in panels(model.get("panels") or ()):
        asked = [str(panel.get("title") or ""), str(panel.get("type") or "")]
        for target in panel.get("targets") or ():
            source = target.get("datasource") or panel.get("datasource")
            uid = source.get("uid", "") if isinstance(source, dict) else source
            hidden = " hidden" if target.get("hide") else ""
            asked += [
                f"{uid} {_plain(target[name])}{hidden}" for name in _LANGUAGES if name in target
            ]
        asked += [json.dumps(each, sort_keys=True) for each in panel.get("transformations") or ()]
        asked += [f"{name} {panel[name]}" for name in ("timeFrom", "timeShift") if panel.get(name)]
        found[tuple(asked)] += 1
    return found


def _chosen(model: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return what a reader finds chosen: filters with where their values come from, and times."""
    found: dict[str, tuple[str, ...]] = {}
    for variable in (model.get("templating") or {}).get("list") or ():
        query = variable.get("query") or ""
        query = query.get("query") or query.get("expr") if isinstance(query, dict) else query
        asks = variable.get("type") == "query"
        found[str(variable["name"])] = (
            str(variable.get("type") or ""),
            first_value(variable),
            _plain(query or "") if asks else "",
            str(variable.get("regex") or ""),
        )
    times = model.get("time") or {}
    if times:
        found["the time range"] = (str(times.get("from")), str(times.get("to")))
    return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def rules_of_prometheus(spec: Mapping[str, Any] | None) -> dict[str, tuple[list[str], Any, int]]:
    """Return queries, labels and seconds of holding of each alert of a PrometheusRule."""
    return {
        rule["alert"]: ([rule["expr"]], rule["labels"], _seconds(rule.get("for", "0m")))
        for group in (spec or {}).get("groups", ())
        for rule in group["rules"]
    }


def rules_of_grafana(file: Mapping[str, Any]) -> dict[str, tuple[list[str], Any, int]]:
    """Return the same of each alert of Grafana's provisioning file."""
    return {
        # A dollar that stands for itself is there twice.
        rule["title"].replace("$$", "$"): (
            [step["model"][name] for step in rule["data"] for name in _LANGUAGES
             if name in step["model"]],
            {key: value.replace("$$", "$") for key, value in rule["labels"].items()},
            _seconds(rule["for"]),
        )
        for group in file.get("groups", ())
        for rule in group["rules"]
    }  # fmt: skip


def another_rule(found: LoadedRule, declared: tuple[list[str], Any, int]) -> str:
    """Return how a loaded rule differs from what is declared; empty if it does not."""
    queries, labels, seconds = declared
    if found.paused:
        return "it is paused"
    if found.query and not _same(found.query, queries):
        return "another query"
    wrong = sorted(name for name, value in labels.items() if found.labels.get(name) != value)
    if wrong:
        return f"another label {', '.join(wrong)}"
    if found.duration is not None and found.duration != seconds:
        return f"it holds for {found.duration:g} s, not {seconds}"
    return ""


def _same(found: str, queries: Sequence[str]) -> bool:
    if found.startswith("["):
        # Grafana tells its SQL in the whole model, and PromQL and LogQL alone, joined.
        try:
            models = [step.get("model", {}) for step in json.loads(found)]
        except (ValueError, AttributeError):
            return False
        there = [model[name] for model in models for name in _LANGUAGES if name in model]
        return sorted(map(_plain, there)) == sorted(map(_plain, queries))
    plain = _plain(found)
    if plain == _plain(" | ".join(queries)):
        return True
    # Of a rule that asks several languages Grafana tells what is no SQL.
    return bool(plain) and plain == _plain(" | ".join(q for q in queries if not _sql(q)))


def _sql(query: str) -> bool:
    return query.lstrip().upper().startswith(("SELECT", "WITH"))


def _plain(query: Any) -> str:
    """Return a query as no spelling changes it: Prometheus writes a rule in its own way.

    Without white space, each duration in milliseconds, as 60m and 1h are one, and numbers alike.
    """
    text = _DURATION.sub(_milliseconds, str(query))
    return "".join(_NUMBER.sub(lambda found: repr(float(found[0])), text).split())


def _milliseconds(found: re.Match[str]) -> str:
    return str(sum(int(n) * _UNITS[unit] for n, unit in _PART.findall(found[0])))


def _seconds(duration: str) -> int:
    return int(duration.removesuffix("m")) * 60
