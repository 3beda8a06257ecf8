"""Draws the dashboards for the documentation: `python -m docs.draw_dashboards`.

Each picture is drawn from the dashboard's own JSON (places, titles, units, thresholds) and filled
with what its own queries return over the data the tests generate (docs/panel_data.py), so it cannot
show a panel or a figure that is not there. A test holds the committed pictures against what this
draws.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Any

from components.dashboards.catalogue import CATALOGUE
from docs.draw_axes import bars, marks, outline
from docs.draw_values import shown_as
from docs.panel_data import CONTEXT, END, RANGE, START, Data, panel_data, variables, variables_of
from tests.components.dashboards import grafana

DIRECTORY = Path(__file__).parent / "dashboards"
COLUMN, ROW, GAP = 50, 26, 4
COLORS = {
    "green": "#73bf69",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
}
PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#b877d9", "#5794f2", "#fade2a")


def draw(dashboard: Mapping[str, Any], data: Mapping[str, Data]) -> str:
    """Return the picture of one dashboard as SVG.

    Args:
        dashboard: As Grafana gets it.
        data: What each panel shows, by title.
    """
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
    chosen = variables(dashboard)
    shown = "   ".join(
        f"{v['label']} [ {_choice(chosen[v['name']])} ]" for v in dashboard["templating"]["list"]
    )
    parts.append(_text(220, 22, shown, width - 400, color="#9b9ca5"))
    hours = f"{START:%Y-%m-%d %H:%M} to {END:%H:%M}"
    parts.append(_text(width - 10, 22, hours, 170, color="#9b9ca5", anchor="end"))
    for panel in panels:
        title = panel["title"]
        for name, value in variables_of(panel, chosen).items():
            title = title.replace(f"${name}", _choice(value))
        place = panel["gridPos"]
        x, y = place["x"] * COLUMN + GAP, place["y"] * ROW + top
        w, h = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
        if panel["type"] == "row":
            parts.append(_text(x + 4, y + 16, title, w, size=13, color="#ffffff"))
            continue
        parts.append(f'<g transform="translate({x} {y})">')
        parts.append(f'<rect width="{w}" height="{h}" fill="#181b1f" stroke="#2c2f36"/>')
        parts.append(_text(8, 16, title, w - 16, size=12, color="#ffffff"))
        of_panel = data[panel["title"]]
        if panel["type"] == "stat" or of_panel.series or of_panel.rows or of_panel.lines:
            parts += _BODIES[panel["type"]](panel, of_panel, w, h)
        else:
            parts.append(_text(w / 2, h / 2 + 8, "No data", w, color="#9b9ca5", anchor="middle"))
        parts.append("</g>")
    parts.append("</svg>\n")
    return "\n".join(parts)


def _choice(value: grafana.Value) -> str:
    values = [value] if isinstance(value, str) else value
    return "All" if values == [".*"] else ", ".join(values)


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


def _overrides(panel: Mapping[str, Any], prop: str) -> dict[str, Any]:
    """Return the values that a panel gives to a property of single fields, by field."""
    return {
        override["matcher"]["options"]: given["value"]
        for override in panel["fieldConfig"]["overrides"]
        for given in override["properties"]
        if given["id"] == prop
    }


def _fixed_colors(panel: Mapping[str, Any]) -> dict[str, str]:
    return {name: COLORS[color["fixedColor"]] for name, color in _overrides(panel, "color").items()}


def _stat(panel: Mapping[str, Any], data: Data, w: int, h: int) -> list[str]:
    value: object = None
    for row in data.rows or []:
        value = list(row.values())[-1]
    if value is None:
        text = _defaults(panel).get("noValue", "No data")
        color = COLORS["blue"]
    else:
        number = float(value)  # type: ignore[arg-type]
        defaults = _defaults(panel)
        text = shown_as(number, defaults["unit"], defaults.get("decimals"))
        color = _color(panel, number)
        for mapping in defaults.get("mappings", []):
            result = mapping["options"].get(f"{number:g}")
            if result:
                text, color = result["text"], COLORS[result["color"]]
    size = min(30, int((w - 16) / max(len(text), 1) / 0.56))
    return [_text(w / 2, h / 2 + 18, text, w, size=size, color=color, anchor="middle")]


def _timeseries(panel: Mapping[str, Any], data: Data, w: int, h: int) -> list[str]:
    names = _overrides(panel, "displayName")
    series = {names.get(name, name): values for name, values in (data.series or {}).items()}
    left, right, top, bottom = 82, w - 18, 28, h - 38
    defaults = _defaults(panel)
    custom = defaults.get("custom", {})
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    columns = [[v or 0.0 for v in vs] for vs in zip(*series.values(), strict=True)]
    totals = [sum(vs) if stacked else max(vs) for vs in columns]
    ticks = marks(float(defaults.get("max") or max(totals) or 1), defaults["unit"])
    highest = ticks[-1]

    def level(value: float) -> float:
        return bottom - (bottom - top) * min(max(value, 0) / highest, 1)

    parts = []
    for tick in ticks:
        label = shown_as(tick, defaults["unit"])
        parts.append(f'<path d="M{left} {level(tick):.0f}H{right}" stroke="#2c2f36"/>')
        parts.append(
            _text(left - 5, level(tick) + 4, label, 2 * left, color="#9b9ca5", anchor="end")
        )
    for hour in range(int(RANGE / timedelta(hours=1)) + 1):
        x = left + (right - left) * (timedelta(hours=hour) / RANGE)
        clock = (START + timedelta(hours=hour)).strftime("%H:%M")
        x = min(x, right - 8)  # the last one would reach over the edge
        parts.append(_text(x, bottom + 14, clock, 50, color="#9b9ca5", anchor="middle"))
    if custom.get("thresholdsStyle", {}).get("mode") == "line":
        for step in defaults["thresholds"]["steps"]:
            if step["value"] is not None and step["value"] <= highest:
                where, color = level(step["value"]), COLORS[step["color"]]
                parts.append(
                    f'<path d="M{left} {where:.1f}H{right}" stroke="{color}" opacity=".6"/>'
                )
    fixed = _fixed_colors(panel)
    colors = [fixed.get(name, PALETTE[n % len(PALETTE)]) for n, name in enumerate(series)]
    dashed = _overrides(panel, "custom.lineStyle")
    base = [0.0] * len(totals)
    for color, (name, values) in zip(colors, series.items(), strict=True):
        lows = base if stacked else [0.0] * len(values)
        spans = [
            None if value is None else (level(low), level(low + value))
            for low, value in zip(lows, values, strict=True)
        ]
        if custom.get("drawStyle") == "bars":
            parts += bars(spans, left, right, color)
        else:
            filled = 0 if name in dashed else custom.get("fillOpacity", 0) / 100
            stroke, area = outline(spans, left, right)
            if filled:
                parts.append(f'<path d="{area}" fill="{color}" opacity="{filled:g}"/>')
            dash = ' stroke-dasharray="8 6"' if name in dashed else ""
            parts.append(
                f'<path d="{stroke}" stroke="{color}" fill="none" stroke-width="1.5" '
                f'stroke-linecap="round"{dash}/>'
            )
        base = [b + (v or 0.0) for b, v in zip(base, values, strict=True)]
    x, letter, least = float(left), 6.5, 8
    longest = max(map(len, series))
    room = next(
        (
            letters
            for letters in range(longest, least, -1)
            if sum(26 + min(len(name), letters) * letter for name in series) <= right - left + 12
        ),
        least,
    )
    for color, name in zip(colors, series, strict=True):
        # Ids differ at their ends.
        label = name if len(name) <= room else name[: room // 2] + "…" + name[-(room // 2 - 1) :]
        if x + 14 + len(label) * letter > right:
            break
        parts.append(f'<rect x="{x:.0f}" y="{h - 15}" width="10" height="3" fill="{color}"/>')
        parts.append(_text(x + 14, h - 9, label, 300))
        x += 26 + len(label) * letter
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
    return float(list(row.values())[-1])  # type: ignore[arg-type]


def _table(panel: Mapping[str, Any], data: Data, w: int, h: int) -> list[str]:
    rows = list(data.rows or [])
    organized = _organized(panel)
    names: Mapping[str, str] = organized.get("renameByName", {})
    order: Mapping[str, int] = organized.get("indexByName", {})
    columns = sorted(order, key=order.__getitem__) or (list(rows[0]) if rows else [])
    units = _overrides(panel, "unit")
    results = {
        (name, value): result
        for name, mappings in _overrides(panel, "mappings").items()
        for mapping in mappings
        for value, result in mapping["options"].items()
    }
    parts = [f'<path d="M4 44H{w - 4}" stroke="#2c2f36"/>']
    wide = (w - 16) / max(len(columns), 1)
    for position, column in enumerate(columns):
        shown = names.get(column, column)
        x = 8 + position * wide
        parts.append(_text(x, 38, shown, wide - 4, color="#6e9fff"))
        for index, row in enumerate(rows[: int((h - 50) / 20)]):
            cell = shown_as(row.get(column), units.get(shown, "none"))
            result = results.get((shown, cell), {})
            cell, color = result.get("text", cell), COLORS.get(result.get("color", ""), "")
            parts.append(_text(x, 60 + index * 20, cell, wide - 4, color=color))
    return parts


def _logs(panel: Mapping[str, Any], data: Data, w: int, h: int) -> list[str]:
    parts = []
    y, room, size = 38, w - 170, 10
    longest = int(room / (size * 0.6))
    lines = data.lines or []
    if panel["options"]["sortOrder"] == "Ascending":
        lines = lines[::-1]
    for time, line in lines:
        pieces = [line[start : start + longest] for start in range(0, len(line), longest)]
        if y + (len(pieces) - 1) * 15 > h - 6:
            break
        clock = time.strftime("%Y-%m-%d %H:%M:%S")
        parts.append(_text(8, y, clock, 140, size=size, color="#9b9ca5"))
        for piece in pieces:
            parts.append(_text(155, y, piece, room + size, size=size))
            y += 15
        y += 3
    return parts


_BODIES: Mapping[str, Callable[[Mapping[str, Any], Data, int, int], list[str]]] = {
    "stat": _stat,
    "timeseries": _timeseries,
    "bargauge": _bars,
    "piechart": _pie,
    "table": _table,
    "logs": _logs,
}


def _organized(panel: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how a table's columns are named and ordered; nothing where they stay as they are."""
    for step in panel.get("transformations") or []:
        if step["id"] == "organize":
            options: Mapping[str, Any] = step["options"]
            return options
    return {}


def pictures() -> dict[str, str]:
    """Return the SVG of every dashboard by uid."""
    dashboards = [json.loads(spec.json(CONTEXT)) for spec in CATALOGUE.values()]
    data = panel_data(dashboards)
    return {
        d["uid"]: draw(d, {title: of for (uid, title), of in data.items() if uid == d["uid"]})
        for d in dashboards
    }


def main() -> int:
    """Write every picture."""
    DIRECTORY.mkdir(exist_ok=True)
    for uid, svg in pictures().items():
        (DIRECTORY / f"{uid}.svg").write_text(svg, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
