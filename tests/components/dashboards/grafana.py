"""Expands variables and macros in queries as Grafana does before it sends them.

Sources: `packages/grafana-data` (template variables and their formats), `pkg/tsdb/sqleng` and
`pkg/tsdb/grafana-postgresql-datasource/macros.go` (SQL), `pkg/promlib` (intervals).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

Value = str | list[str]

# The pattern of Grafana's template service: $name, [[name:format]], ${name:format}.
_VARIABLE = re.compile(r"\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.[^:^}]+)?(?::([^}]+))?\}")
_SQL_MACRO = re.compile(r"\$(__[_a-zA-Z0-9]+)\(([^)]*)\)")
_DURATION = re.compile(r"(\d+)(ms|[smhdw])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class GrafanaError(ValueError):
    """What Grafana would refuse, or would send on unexpanded."""


@dataclass(frozen=True)
class View:
    """What a reader looks at.

    Attributes:
        start, end: The time range.
        interval: Seconds between two points of a panel.
        scrape_interval: Seconds between two samples, as the data source is told.
        variables: Value by variable of the dashboard; a list for a multi-value one.
    """

    start: datetime
    end: datetime
    interval: int = 300
    scrape_interval: int = 15
    variables: Mapping[str, Value] = field(default_factory=dict)

    @property
    def seconds(self) -> int:
        return int((self.end - self.start).total_seconds())

    def contains(self, moment: datetime) -> bool:
        return self.start <= moment <= self.end

    def bucket(self, moment: datetime) -> int:
        return int(moment.timestamp()) // self.interval * self.interval

    @property
    def builtin(self) -> dict[str, str]:
        return {
            "__interval": f"{self.interval}s",
            "__interval_ms": str(self.interval * 1000),
            "__auto": f"{self.interval}s",
            "__range": f"{self.seconds}s",
            "__range_s": str(self.seconds),
            "__range_ms": str(self.seconds * 1000),
            # So long that it spans four scrapes even where points lie closer.
            "__rate_interval": (
                f"{max(self.interval + self.scrape_interval, 4 * self.scrape_interval)}s"
            ),
        }


def first_values(dashboard: Mapping[str, Any]) -> dict[str, Value]:
    """Return the values of a dashboard's variables for a reader who has chosen none yet."""
    found: dict[str, Value] = {}
    for variable in dashboard.get("templating", {}).get("list", []):
        chosen = variable["current"]["value"]
        if chosen in ("$__all", ["$__all"]):
            # Without a value of its own, All is all of them, which only the data source knows.
            chosen = [variable["allValue"]]
        found[variable["name"]] = chosen
    return found


def prometheus(text: str, view: View) -> str:
    """Expand a PromQL query. Raises GrafanaError for a variable that is not one."""
    return _interpolate(text, view, _prometheus_default)


def loki(text: str, view: View) -> str:
    """Expand a LogQL query. Raises GrafanaError for a variable that is not one."""
    return _interpolate(text, view, _prometheus_default)


def postgres(text: str, view: View) -> str:
    """Expand a SQL query. Raises GrafanaError for a variable or macro that is not one."""
    text = text.replace("$__interval_ms", str(view.interval * 1000))
    text = text.replace("$__interval", f"{view.interval}s")
    text = _SQL_MACRO.sub(lambda found: _macro(found[1], found[2], view), text)
    return _interpolate(text, view, _sql_default)


def _interpolate(text: str, view: View, default) -> str:
    def replace(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[4]
        form = found[3] or found[5]
        if name in view.builtin:
            return view.builtin[name]
        if name not in view.variables:
            raise GrafanaError(f"no variable {name} for {found[0]}")
        value = view.variables[name]
        return _format(value, form) if form else default(value)

    return _VARIABLE.sub(replace, text)


def escape_regex(value: str) -> str:
    """Escape as Grafana's format `regex` does."""
    return re.sub(r"[\\^$*+?.()|\[\]{}/]", lambda found: "\\" + found[0], value)


def _format(value: Value, form: str) -> str:
    values = [value] if isinstance(value, str) else value
    if value == [".*"] and form not in {"text", "percentencode", "queryparam"}:
        return ".*"  # All, with a value of its own, goes in unformatted
    if form == "regex":
        escaped = [escape_regex(v) for v in values]
        return escaped[0] if isinstance(value, str) else "(" + "|".join(escaped) + ")"
    if form == "sqlstring":
        return ",".join("'" + v.replace("'", "''") + "'" for v in values)
    if form == "raw":
        return ",".join(values)
    if form == "pipe":
        return "|".join(values)
    if form == "percentencode":
        return quote(",".join(values), safe="")
    raise GrafanaError(f"no format {form}")


def _prometheus_default(value: Value) -> str:
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("'", "\\\\'")
    if value == [".*"]:  # All, with a value of its own, goes in unescaped
        return ".*"
    escaped = [escape_regex(v).replace("\\", "\\\\") for v in value]
    return escaped[0] if len(escaped) == 1 else "(" + "|".join(escaped) + ")"


def _sql_default(value: Value) -> str:
    if isinstance(value, str):
        return value
    return ",".join("'" + v.replace("'", "''") + "'" for v in value)


def _macro(name: str, arguments: str, view: View) -> str:
    args = [arg.strip() for arg in arguments.split(",")]
    match name, args:
        case "__timeFilter", [column] if column:
            return f"{column} BETWEEN '{_iso(view.start)}' AND '{_iso(view.end)}'"
        case "__timeFrom", _:
            return f"'{_iso(view.start)}'"
        case "__timeTo", _:
            return f"'{_iso(view.end)}'"
        case "__timeGroup", [column, interval]:
            width = format(seconds(interval.strip("'")), "g")
            return f"floor(extract(epoch from {column})/{width})*{width}"
        case "__timeGroupAlias", [column, interval]:
            return _macro("__timeGroup", f"{column},{interval}", view) + ' AS "time"'
        case _:
            raise GrafanaError(f"unknown macro ${name}({arguments})")


def seconds(duration: str) -> float:
    """Return the seconds of a duration such as `5m`. Raises GrafanaError for what is none."""
    found = _DURATION.fullmatch(duration)
    if not found:
        raise GrafanaError(f"no duration: {duration}")
    return int(found[1]) * _SECONDS[found[2]]


def _iso(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat().replace("+00:00", "")
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "Z"
