"""Values as Grafana writes them in their units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from docs.panel_data import END


def shown_as(value: object, unit: str, decimals: int | None = None) -> str:
    """Return a value as Grafana shows it.

    Args:
        value: A number, a text, a moment or nothing.
        unit: Grafana's name of the unit, such as `bytes`.
        decimals: How many a panel asks for; None leaves it to the number.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return str(value).lower()
    number = float(value)  # type: ignore[arg-type]

    def scaled(base: int, *units: str) -> str:
        part, step = number, 0
        while abs(part) >= base and step < len(units) - 1:
            part, step = part / base, step + 1
        return f"{_digits(part, decimals)} {units[step]}".strip()

    forms: Mapping[str, Callable[[], str]] = {
        "none": lambda: _digits(number, decimals),
        "locale": lambda: f"{number:,.{decimals or 0}f}",
        "percentunit": lambda: f"{number * 100:.{1 if decimals is None else decimals}f}%",
        "currencyUSD": lambda: f"${number:.4f}" if 0 < number < 1 else f"${number:,.2f}",
        "dateTimeFromNow": lambda: _since(number),
        "bytes": lambda: scaled(1024, "B", "KiB", "MiB", "GiB", "TiB"),
        "Bps": lambda: scaled(1024, "B/s", "KiB/s", "MiB/s", "GiB/s"),
        "s": lambda: _duration(number),
        "ops": lambda: f"{number:.2g} ops/s",
        "reqps": lambda: f"{number:.3g} req/s",
    }
    plain: Callable[[], str] = lambda: scaled(1000, "", "K", "Mil", "Bil")  # noqa: E731
    return forms.get(unit, plain)()


def _digits(number: float, decimals: int | None) -> str:
    if decimals is None and number == int(number):
        return str(int(number))
    return f"{number:.3g}" if decimals is None else f"{number:.{decimals}f}"


def _duration(seconds: float) -> str:
    if 0 < seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 60 else f"{seconds / 60:.3g} min"


def _since(milliseconds: float) -> str:
    minutes = max((END.timestamp() * 1000 - milliseconds) / 60_000, 0)
    if minutes < 1:
        return "a few seconds ago"
    amount, unit = (minutes, "minute") if minutes < 45 else (minutes / 60, "hour")
    return f"{amount:.0f} {unit}s ago" if round(amount) != 1 else f"1 {unit} ago"
