"""Links between dashboards: the range is kept, and a cell's text fills in a variable.

Grafana replaces `${...}` when a reader follows a link.
"""

from __future__ import annotations


def to(uid: str) -> str:
    """Return the link to a dashboard."""
    return f"/d/{uid}?${{__url_time_range}}"


def by_cell(
    uid: str, variable: str, *, prefix: str = "", keep: str = "", of_id: bool = False
) -> str:
    """Return the link to a dashboard with one variable set to the text of a cell.

    Args:
        uid: Of the dashboard.
        variable: One of its variables.
        prefix: What stands before the cell's text in the variable's value.
        keep: A variable that both dashboards have, whose values go along.
        of_id: The cell may show a name in place of its id; the id is meant.
    """
    kept = f"&${{{keep}:queryparam}}" if keep else ""
    value = "raw" if of_id else "text"
    return f"{to(uid)}{kept}&var-{variable}={prefix}${{__value.{value}:percentencode}}"


def prefixed(url: str, prefix: str) -> str:
    """Return a link to the dashboard of a stack whose uids begin so."""
    return f"/d/{prefix}{url.removeprefix('/d/')}"


def leads_to(url: str) -> str:
    """Return the uid that a link leads to."""
    return url.removeprefix("/d/").partition("?")[0]
