"""Draws the dashboards for the documentation: `python -m docs.draw_dashboards`.

Each picture is drawn from the dashboard's own JSON (places, titles, units, thresholds) and filled
with the data the tests generate, so it cannot show a panel that is not there. A test holds the
committed pictures against what this draws.
"""

from __future__ import annotations

import json
import math
import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any

from components.dashboards import CATALOGUE, DashboardContext
from docs import samples, workspace_samples
from tests.components.dashboards import figures, generated, grafana
from tests.components.dashboards.generated import END, START

DIRECTORY = Path(__file__).parent / "dashboards"
COLUMN, ROW, GAP = 50, 26, 4
INTERVAL = 900
COLORS = {
    "green": "#73bf69",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
}
PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#b877d9", "#5794f2", "#fade2a")


@dataclass(frozen=True)
class Data:
    """What one panel shows; the part that fits its type is filled.

    Attributes:
        series: Values at even steps over the range, by name.
        rows: Rows of a table, bars or slices, values by column.
        lines: Log lines, newest first.
    """

    series: Mapping[str, Sequence[float]] | None = None
    rows: Sequence[Mapping[str, object]] | None = None
    lines: Sequence[str] | None = None


Source = Callable[[str, Mapping[str, Any]], Data | None]
"""Returns the data of a panel by dashboard uid and panel, None where it has none."""


def draw(uid: str, sources: Sequence[Source]) -> str:
    """Return the picture of one dashboard as SVG.

    Args:
        uid: Of the catalogue.
        sources: Asked in turn for the data of each panel.

    Raises:
        LookupError: No source has data for a panel.
    """
    dashboard = json.loads(CATALOGUE[uid].json(DashboardContext()))
    panels = dashboard["panels"]
    bottom = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels)
    width, top = 24 * COLUMN + GAP, 34
    height = bottom * ROW + top + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="Inter, Helvetica, Arial, DejaVu Sans, sans-serif" '
        'font-size="11" fill="#ccccdc">',
        f"<title>{escape(dashboard['title'])}</title>",
        f'<rect width="{width}" height="{height}" fill="#111217"/>',
        _text(10, 22, dashboard["title"], 400, size=16, color="#ffffff"),
    ]
    variables = "   ".join(f"{v['label']} [   ]" for v in dashboard["templating"]["list"])
    parts.append(_text(220, 22, variables, width - 230, color="#9b9ca5"))
    for panel in panels:
        place = panel["gridPos"]
        x, y = place["x"] * COLUMN + GAP, place["y"] * ROW + top
        w, h = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
        if panel["type"] == "row":
            parts.append(_text(x + 4, y + 16, panel["title"], w, size=13, color="#ffffff"))
            continue
        found = (source(uid, panel) for source in sources)
        data = next((data for data in found if data is not None), None)
        if data is None:
            raise LookupError(f"{uid}: tell docs/samples.py what {panel['title']!r} shows")
        parts.append(f'<g transform="translate({x} {y})">')
        parts.append(f'<rect width="{w}" height="{h}" fill="#181b1f" stroke="#2c2f36"/>')
        parts.append(_text(8, 16, panel["title"], w - 16, size=12, color="#ffffff"))
        parts += _BODIES[panel["type"]](panel, data, w, h)
        parts.append("</g>")
    parts.append("</svg>\n")
    return "\n".join(parts)


def _text(
    x: float, y: float, text: str, room: float, *, size: int = 11, color: str = "", anchor: str = ""
) -> str:
    longest = max(int(room / (size * 0.6)), 1)
    shown = " ".join(str(text).split())
    shown = shown if len(shown) <= longest else shown[: longest - 1] + "…"
    style = "".join(
        f' {name}="{value}"'
        for name, value in {
            "font-size": size if size != 11 else "",
            "fill": color,
            "text-anchor": anchor,
        }.items()
        if value
    )
    return f'<text x="{x:.0f}" y="{y:.0f}"{style}>{escape(shown, quote=False)}</text>'


def _defaults(panel: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = panel["fieldConfig"]["defaults"]
    return found


def _color(panel: Mapping[str, Any], value: float) -> str:
    color = "blue"
    for step in _defaults(panel).get("thresholds", {}).get("steps", []):
        if step["value"] is None or value >= step["value"]:
            color = step["color"]
    return COLORS.get(color, "#5794f2")


def _fixed_colors(panel: Mapping[str, Any]) -> dict[str, str]:
    return {
        override["matcher"]["options"]: COLORS[prop["value"]["fixedColor"]]
        for override in panel["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "color"
    }


def shown_as(value: object, unit: str) -> str:
    """Return a value as Grafana shows it in a unit."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if value is None or isinstance(value, str):
        return value or ""
    number = float(value)  # type: ignore[arg-type]
    forms: Mapping[str, Callable[[], str]] = {
        "percentunit": lambda: f"{number * 100:.1f}%",
        "currencyUSD": lambda: f"${number:,.2f}" if number >= 1 else f"${number:.4f}",
        "dateTimeFromNow": lambda: _since(number),
        "bytes": lambda: _scaled(number, 1024, ("B", "KiB", "MiB", "GiB", "TiB")),
        "Bps": lambda: _scaled(number, 1024, ("B/s", "KiB/s", "MiB/s", "GiB/s")),
        "s": lambda: _duration(number),
        "ops": lambda: f"{number:.2g} ops/s",
        "reqps": lambda: f"{number:.3g} req/s",
    }
    plain: Callable[[], str] = lambda: _scaled(number, 1000, ("", "K", "Mil", "Bil"))  # noqa: E731
    return forms.get(unit, plain)()


def _duration(seconds: float) -> str:
    if 0 < seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 60 else f"{seconds / 60:.3g} min"


def _since(milliseconds: float) -> str:
    minutes = max(int((END.timestamp() * 1000 - milliseconds) / 60000), 0)
    return "a few seconds ago" if minutes < 1 else f"{minutes} minutes ago"


def _scaled(number: float, base: int, units: Sequence[str]) -> str:
    step = 0
    while abs(number) >= base and step < len(units) - 1:
        number, step = number / base, step + 1
    return f"{number:.3g} {units[step]}".strip()


def _stat(panel: Mapping[str, Any], data: Data, w: int, h: int) -> list[str]:
    value: object = None
    for row in data.rows or []:
        value = next(reversed(row.values()))
    if value is None:
        text = _defaults(panel).get("noValue", "0")
        color = COLORS["blue"]
    else:
        number = float(value)  # type: ignore[arg-type]
        text, color = shown_as(number, _defaults(panel)["unit"]), _color(panel, number)
        for mapping in _defaults(panel).get("mappings", []):
            result = mapping["options"].get(f"{number:g}")
            if result:
                text, color = result["text"], COLORS[result["color"]]
    size = min(30, int((w - 16) / max(len(text), 1) / 0.56))
    return [_text(w / 2, h / 2 + 18, text, w, size=size, color=color, anchor="middle")]


def _timeseries(panel: Mapping[str, Any], data: Data, w: int, h: int) -> list[str]:
    series = dict(list((data.series or {}).items())[: len(PALETTE)])
    left, right, top, bottom = 70, w - 18, 28, h - 38
    custom = _defaults(panel).get("custom", {})
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    totals = [sum(vs) if stacked else max(vs) for vs in zip(*series.values(), strict=True)]
    highest = float(_defaults(panel).get("max") or max(totals, default=1) or 1)
    parts = []
    for part in range(4):
        y = bottom - (bottom - top) * part / 3
        label = shown_as(highest * part / 3, _defaults(panel)["unit"])
        parts.append(f'<path d="M{left} {y:.0f}H{right}" stroke="#2c2f36"/>')
        parts.append(_text(left - 5, y + 4, label, 2 * left, color="#9b9ca5", anchor="end"))
    for hour in range(0, 7, 2):
        x = left + (right - left) * hour / 6
        clock = (START + timedelta(hours=hour)).strftime("%H:%M")
        x = min(x, right - 8)  # the last one would reach over the edge
        parts.append(_text(x, bottom + 14, clock, 50, color="#9b9ca5", anchor="middle"))
    base = [0.0] * len(totals)
    fixed = _fixed_colors(panel)
    colors = [fixed.get(n, c) for n, c in zip(series, PALETTE, strict=False)]
    dashed = {
        override["matcher"]["options"]
        for override in panel["fieldConfig"]["overrides"]
        if any(prop["id"] == "custom.lineStyle" for prop in override["properties"])
    }
    for color, (name, values) in zip(colors, series.items(), strict=True):
        steps = max(len(values), 2)

        def point(index: int, value: float, steps: int = steps) -> tuple[float, float]:
            level = min(max(value, 0) / highest, 1)
            x = left + (right - left) * index / (steps - 1)
            return x, bottom - (bottom - top) * level

        if custom.get("drawStyle") == "bars":
            wide = (right - left) / steps * 0.7
            for index, value in enumerate(values):
                low = base[index] if stacked else 0.0
                y0, y1 = point(index, low)[1], point(index, low + value)[1]
                x = left + (right - left) * (index + 0.15) / steps
                parts.append(
                    f'<rect x="{x:.0f}" y="{y1:.1f}" width="{wide:.1f}" '
                    f'height="{y0 - y1:.1f}" fill="{color}" opacity=".8"/>'
                )
        else:
            lows = base if stacked else [0.0] * len(values)
            path = " ".join(
                "{:.0f} {:.1f}".format(*point(index, low + value))
                for index, (low, value) in enumerate(zip(lows, values, strict=True))
            )
            dash = ' stroke-dasharray="8 6"' if name in dashed else ""
            parts.append(
                f'<path d="M{path}" stroke="{color}" fill="none" stroke-width="1.5"{dash}/>'
            )
        base = [b + v for b, v in zip(base, values, strict=True)]
    x = float(left)
    for color, name in zip(colors, series, strict=True):
        label = name[:26]
        if x + 14 + len(label) * 6 > right:
            break
        parts.append(f'<rect x="{x:.0f}" y="{h - 15}" width="10" height="3" fill="{color}"/>')
        parts.append(_text(x + 14, h - 9, label, 200))
        x += 26 + len(label) * 6
    return parts


def _bars(panel: Mapping[str, Any], data: Data, w: int, h: int) -> list[str]:
    rows = [(str(next(iter(r.values()))), _number(r)) for r in data.rows or []]
    highest = max((value for _, value in rows), default=1) or 1
    parts = []
    space = (h - 30) / max(len(rows), 1)
    space = min(max(space, 14), 30)
    for index, (name, value) in enumerate(rows[: int((h - 26) / space)]):
        y = 26 + index * space
        wide = (w - 270) * value / highest
        parts.append(_text(190, y + space / 2 + 4, name, 180, anchor="end"))
        parts.append(
            f'<rect x="198" y="{y + 2:.0f}" width="{wide:.1f}" height="{space - 4:.0f}" '
            f'fill="{_color(panel, value)}" opacity=".8"/>'
        )
        label = shown_as(value, _defaults(panel)["unit"])
        parts.append(_text(204 + wide, y + space / 2 + 4, label, 70))
    return parts


def _pie(panel: Mapping[str, Any], data: Data, w: int, h: int) -> list[str]:
    rows: Sequence[Mapping[str, object]] = data.rows or []
    if panel["options"]["reduceOptions"]["values"] or len(rows) > 1:
        slices = [(str(next(iter(r.values()))), _number(r)) for r in rows]
    else:
        slices = [(name, _number({name: value})) for r in rows for name, value in r.items()]
    fixed = _fixed_colors(panel)
    total = sum(value for _, value in slices) or 1
    radius = min(h / 2 - 24, w / 4)
    cx, cy, around = radius + 18, h / 2 + 8, 2 * math.pi * radius * 0.8
    parts, done = [], 0.0
    for index, (name, value) in enumerate(slices):
        color = fixed.get(name, PALETTE[index % len(PALETTE)])
        share = value / total
        parts.append(
            f'<circle cx="{cx:.0f}" cy="{cy:.0f}" r="{radius * 0.8:.1f}" fill="none" '
            f'stroke="{color}" stroke-width="{radius * 0.4:.1f}" '
            f'stroke-dasharray="{around * share:.1f} {around:.1f}" '
            f'transform="rotate({done * 360 - 90:.1f} {cx:.0f} {cy:.0f})"/>'
        )
        done += share
        x, y = 2 * radius + 46, 44 + index * 20
        parts.append(f'<rect x="{x:.0f}" y="{y - 8}" width="10" height="10" fill="{color}"/>')
        label = f"{name}  {shown_as(value, _defaults(panel)['unit'])}  {share:.0%}"
        parts.append(_text(x + 16, y + 1, label, w - x - 20))
    return parts


def _number(row: Mapping[str, object]) -> float:
    return float(next(reversed(row.values())))  # type: ignore[arg-type]


def _table(panel: Mapping[str, Any], data: Data, w: int, h: int) -> list[str]:
    rows = list(data.rows or [])
    names = {}
    for step in panel.get("transformations") or []:
        if step["id"] == "organize":
            names = step["options"]["renameByName"]
    columns = _organized(panel) or (list(rows[0]) if rows else [])
    units = {
        override["matcher"]["options"]: prop["value"]
        for override in panel["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "unit"
    }
    texts = {
        (override["matcher"]["options"], text): COLORS[result["color"]]
        for override in panel["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "mappings"
        for mapping in prop["value"]
        for text, result in mapping["options"].items()
    }
    parts = [f'<path d="M4 44H{w - 4}" stroke="#2c2f36"/>']
    wide = (w - 16) / max(len(columns), 1)
    for position, column in enumerate(columns):
        shown = names.get(column, column)
        x = 8 + position * wide
        parts.append(_text(x, 38, shown, wide - 6, color="#6e9fff"))
        for index, row in enumerate(rows[: int((h - 50) / 20)]):
            cell = shown_as(row.get(column), units.get(shown, "none"))
            color = texts.get((shown, cell), "")
            parts.append(_text(x, 60 + index * 20, cell, wide - 6, color=color))
    return parts


def _logs(panel: Mapping[str, Any], data: Data, w: int, h: int) -> list[str]:
    shown = list(data.lines or [])[: int((h - 30) / 18)]
    return [_text(8, 40 + index * 18, line, w - 16) for index, line in enumerate(shown)]


_BODIES: Mapping[str, Callable[[Mapping[str, Any], Data, int, int], list[str]]] = {
    "stat": _stat,
    "timeseries": _timeseries,
    "bargauge": _bars,
    "piechart": _pie,
    "table": _table,
    "logs": _logs,
}


def from_tables(uid: str, panel: Mapping[str, Any]) -> Data | None:
    """Return the figures of a SQL panel, as computed from the generated rows."""
    expected = figures.EXPECTED.get((uid, panel["title"]))
    if expected is None:
        return None
    rows = expected(figures.Figures(generated.deployment(), grafana.View(START, END, INTERVAL)))
    if panel["type"] != "timeseries":
        return Data(rows=rows)
    steps = range(int(START.timestamp()), int(END.timestamp()) + 1, INTERVAL)
    series: dict[str, dict[int, float]] = {}
    for row in rows:
        labels = [v for v in list(row.values())[1:] if isinstance(v, str)]
        for name, value in list(row.items())[1:]:
            if isinstance(value, int | Fraction):
                line = series.setdefault(labels[0] if labels else name, {})
                line[int(str(row["time"]))] = float(value)
    return Data(series={n: [v.get(t, 0.0) for t in steps] for n, v in sorted(series.items())})


def from_audit(uid: str, panel: Mapping[str, Any]) -> Data | None:
    """Return the figures of an audit panel, as computed from the generated requests."""
    if uid != "agent-firewall" or not panel["title"]:
        return None
    seen = [r for r in generated.requests() if START < r.time <= END]
    denied = [r for r in seen if r.decision == "deny"]
    allowed = [r for r in seen if r.decision == "allow"]

    def ranking(requests: Sequence[generated.Request], key: str) -> Data:
        rows = figures.ranking(requests, lambda r: getattr(r, key), key, "requests")
        return Data(rows=rows)

    def over_time(key: str, *, share: bool) -> Data:
        series: dict[str, list[float]] = {}
        for name in sorted({getattr(r, key) for r in seen}):
            values = []
            for step in range(24):
                start = START + timedelta(seconds=INTERVAL * step)
                inside = [
                    r
                    for r in seen
                    if getattr(r, key) == name
                    and start < r.time <= start + timedelta(seconds=INTERVAL)
                ]
                refused = sum(r.decision == "deny" for r in inside)
                values.append(refused / max(len(inside), 1) if share else float(len(inside)))
            series[name] = values
        return Data(series=series)

    def table(requests: Sequence[generated.Request]) -> Data:
        return Data(
            rows=[
                {
                    "Time": r.time,
                    "http_method": r.method,
                    "domain": r.domain,
                    "path": r.path,
                    "owner": r.owner,
                    "workspace_name": r.workspace,
                    "template_id": r.template,
                    "template_version_id": r.version,
                    "matched_rule": f"domain={r.domain}",
                }
                for r in reversed(requests)
            ]
        )

    made: Mapping[str, Callable[[], Data]] = {
        "Allowed requests": lambda: Data(rows=[{"n": len(allowed)}]),
        "Denied requests": lambda: Data(rows=[{"n": len(denied)}]),
        "Share denied": lambda: Data(rows=[{"n": len(denied) / len(seen)}]),
        "Time since the last audit line": lambda: Data(
            rows=[{"n": seen[-1].time.timestamp() * 1000}]
        ),
        "Requests by decision": lambda: ranking(seen, "decision"),
        "Decisions over time": lambda: over_time("decision", share=False),
        "Top allowed domains": lambda: ranking(allowed, "domain"),
        "Top denied domains": lambda: ranking(denied, "domain"),
        "Deny rate by template": lambda: over_time("template", share=True),
        "Deny rate by template version": lambda: over_time("version", share=True),
        "First-seen denied domains": lambda: Data(
            rows=[
                {"domain": row["domain"], "Requests": row["requests"]}
                for row in ranking(denied, "domain").rows or []
            ][-2:]
        ),
        "Recent denied requests": lambda: table(denied),
        "Recent allowed requests": lambda: table(allowed),
    }
    found = made.get(panel["title"])
    return found() if found else None


def from_samples(uid: str, panel: Mapping[str, Any]) -> Data | None:
    """Return the figures of a panel that the samples tell."""
    return _told(samples, uid, panel) or _told(workspace_samples, uid, panel)


def _told(told: ModuleType, uid: str, panel: Mapping[str, Any]) -> Data | None:
    key = (uid, panel["title"])
    rng = random.Random(zlib.crc32("/".join(key).encode()))  # noqa: S311 (a picture)
    series: dict[str, list[float]] = {}
    for name, (low, high) in told.SERIES.get(key, {}).items():
        series[name] = [low + (high - low) * part for part in _walk(rng, 1)]
    for name, at in told.LEVELS.get(key, {}).items():
        series[name] = [at[max(step for step in at if step <= n)] for n in range(48)]
    for name, at in told.EVENTS.get(key, {}).items():
        series[name] = [at.get(n, 0.0) for n in range(48)]
    if series:
        return Data(series=series)
    rows = [{"value": told.STATS[key]}] if key in told.STATS else told.ROWS.get(key)
    lines = told.LINES.get(key)
    return Data(rows=rows, lines=lines) if rows or lines else None


def _walk(rng: random.Random, size: float) -> list[float]:
    value, values = rng.uniform(0.3, 0.7), []
    for _ in range(48):
        value = min(max(value + rng.uniform(-0.09, 0.09), 0.02), 1)
        values.append(value * size)
    return values


def _organized(panel: Mapping[str, Any]) -> list[str]:
    for step in panel.get("transformations") or []:
        if step["id"] == "organize":
            order: dict[str, int] = step["options"]["indexByName"]
            return sorted(order, key=lambda name: order[name])
    return []


def pictures() -> dict[str, str]:
    """Return the SVG of every dashboard by uid."""
    return {uid: draw(uid, [from_tables, from_audit, from_samples]) for uid in CATALOGUE}


def main() -> int:
    """Write every picture."""
    DIRECTORY.mkdir(exist_ok=True)
    for uid, svg in pictures().items():
        (DIRECTORY / f"{uid}.svg").write_text(svg, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
