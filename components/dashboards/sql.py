"""SQL for Grafana's PostgreSQL data source, from the tables of the model.

Columns come from `Table` values; these helpers add Grafana's macros and the parts that more than
one query needs. What the macros expand to stands in
https://grafana.com/docs/grafana/latest/datasources/postgres/#macros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.dashboards.tables import Column, Table

Sql = Column | str
"""A column, or an expression made of columns."""


def in_range(column: Column) -> str:
    """Keep rows whose time lies in the dashboard's range."""
    return f"$__timeFilter({column})"


def bucket(column: Column) -> str:
    """Return the start of the panel's interval, as the column `time` of a series."""
    return f"$__timeGroup({column}, $__interval)"


def total(*columns: Sql) -> str:
    """Sum columns over rows; 0 where there are none."""
    return f"COALESCE(SUM({' + '.join(str(c) for c in columns)}), 0)"


def truncated(column: Column, characters: int) -> str:
    """Return the first characters of a text."""
    return f"LEFT({column}, {characters})"


def usd(parts: Sequence[tuple[Column, Column]]) -> str:
    """Return the cost in USD of (tokens, price) pairs, prices being in 1e-12 USD a token.

    A missing price costs 0. numeric keeps the products exact and out of bigint's bounds.
    """
    return f"COALESCE(SUM({_priced(parts)}), 0) / 1e12"


def usd_of_row(parts: Sequence[tuple[Column, Column]]) -> str:
    """Return the cost in USD of one row alone; as `usd`."""
    return f"({_priced(parts)}) / 1e12"


def _priced(parts: Sequence[tuple[Column, Column]]) -> str:
    return " + ".join(f"{tokens}::numeric * COALESCE({price}, 0)" for tokens, price in parts)


def distinct(column: Column) -> str:
    """Return the different texts of a column over rows, in order, as one text."""
    return f"STRING_AGG(DISTINCT {column}, ', ' ORDER BY {column})"


def is_chosen(column: Column, variable: str) -> str:
    """Keep rows whose id is what a reader typed or followed; with nothing chosen, none."""
    return f"{column}::text = ${{{variable}:sqlstring}}"


@dataclass(frozen=True)
class Join:
    """One joined table."""

    table: Table
    left: Sql
    right: Sql
    also: str = ""
    outer: bool = False

    def __str__(self) -> str:
        kind = "LEFT JOIN" if self.outer else "JOIN"
        condition = f"{self.left} = {self.right}" + (f" AND {self.also}" if self.also else "")
        return f"{kind} {self.table} ON {condition}"


@dataclass(frozen=True)
class Select:
    """A query; `str` renders it.

    Attributes:
        columns: Expression by the name it has in the result.
        source: The first table.
        joins: Tables joined to it.
        where: Conditions, all of which must hold.
        group_by: Names of `columns` to group by.
        order_by: Names of `columns` to order by; a leading `-` for highest or newest first.
        limit: Rows at most.
    """

    columns: Mapping[str, Sql]
    source: Table
    joins: Sequence[Join] = ()
    where: Sequence[str] = ()
    group_by: Sequence[str] = ()
    order_by: Sequence[str] = ()
    limit: int | None = None

    def __str__(self) -> str:
        names = list(self.columns)
        lines = ["SELECT"]
        lines.append(",\n".join(f'  {sql} AS "{name}"' for name, sql in self.columns.items()))
        lines.append(f"FROM {self.source}")
        lines += [str(join) for join in self.joins]
        if self.where:
            lines.append("WHERE " + "\n  AND ".join(self.where))
        if self.group_by:
            # By position: an output name would lose against an input column of the same name.
            lines.append("GROUP BY " + ", ".join(str(names.index(n) + 1) for n in self.group_by))
        if self.order_by:
            terms = (
                f"{names.index(term.removeprefix('-')) + 1}" + " DESC" * term.startswith("-")
                for term in self.order_by
            )
            lines.append("ORDER BY " + ", ".join(terms))
        if self.limit is not None:
            lines.append(f"LIMIT {self.limit}")
        return "\n".join(lines)
