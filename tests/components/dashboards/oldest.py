"""Coder's tables as the oldest release that is served has them, from its recording."""

from components.dashboards.tables import GRANTED_TABLES, Table
from tests.components.observability.test_arrivals import NOT_SEEN, columns

_RECORDED = columns()


def columns_of(table: type[Table]) -> dict[str, str]:
    """Return type by name of the columns that dashboards name and Coder 2.30 has."""
    # What was not recorded was there: its columns did not change.
    return {
        name: kind
        for name, kind in table.columns()
        if table.NAME in NOT_SEEN or f"{table.NAME}.{name}" in _RECORDED
    }


def tables(schema: str) -> str:
    """Return the statements that make them in a schema."""
    declared = {
        table.NAME: ", ".join(f"{name} {kind}" for name, kind in columns_of(table).items())
        for table in GRANTED_TABLES
        if columns_of(table)
    }
    made = "".join(f"CREATE TABLE {schema}.{name} ({each});" for name, each in declared.items())
    return f"CREATE SCHEMA {schema}; {made}"
