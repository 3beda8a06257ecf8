"""One PostgreSQL a session, filled with the generated deployment."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.grafana_role import role_sql
from tests.components.dashboards import generated, generated_requests, grafana, postgres

SCHEMAS = ("coder_schema.sql", "coder_schema_records.sql")


@pytest.fixture(scope="session")
def deployment() -> generated.Deployment:
    return generated.deployment()


@pytest.fixture(scope="session")
def chosen(deployment: generated.Deployment) -> dict[str, grafana.Value]:
    """What a reader has chosen."""
    return {
        "interception": generated.long_prompt(deployment),
        "session": generated.busy_session(deployment),
    }


@pytest.fixture(scope="session")
def view(chosen: dict[str, grafana.Value]) -> grafana.View:
    return grafana.View(
        generated_requests.START, generated_requests.END, interval=900, variables=chosen
    )


@pytest.fixture(scope="session")
def server(deployment: generated.Deployment) -> Iterator[postgres.Server]:
    with postgres.running() as server:
        schemas = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in SCHEMAS)
        server.psql("\n".join(schemas) + generated.inserts(deployment))
        yield server


@pytest.fixture(scope="session")
def role_password(server: postgres.Server) -> str:
    """Make the role grafana_ro and return its password."""
    password = secrets.token_hex(16)
    server.psql(role_sql(), environment={"AIGOV_DB_PASSWORD": password})
    return password
