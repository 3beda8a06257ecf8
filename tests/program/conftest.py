"""The program on the real engine, against a real API server and the stand-in for coderd."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import yaml

from local.environment import PREFIX, Environment
from ops import engine
from ops.engine import Session
from ops.project import ROOT
from tests.program import coderd

Open = Callable[..., AbstractContextManager[Session]]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(ROOT, tmp_path_factory.mktemp("program"))
    try:
        yield environment
    finally:
        environment.stop()


@pytest.fixture(scope="session")
def foreign(environment: Environment) -> dict[str, Any]:
    """Return coderd's pods as they are before this project comes to them."""
    environment.start(lambda _: None)
    return coderd.pods(environment)


@pytest.fixture(scope="session")
def open_stack(environment: Environment, foreign: dict[str, Any]) -> Open:
    """Open a stack with changes to its committed settings, by top-level key."""

    @contextmanager
    def open_stack(
        name: str = "local", changes: Mapping[str, Any] | None = None
    ) -> Iterator[Session]:
        with engine.session(
            name, lambda _: None, state=environment.state, changes=changes
        ) as session:
            yield session

    return open_stack


@pytest.fixture(scope="session", autouse=True)
def _leave_nothing(open_stack: Open) -> Iterator[None]:
    yield
    with open_stack() as session:
        session.stack.cancel()
        session.stack.destroy()


@pytest.fixture
def stack(open_stack: Open) -> Iterator[Session]:
    """The stack `local` as it is committed, up."""
    with open_stack() as session:
        session.stack.up()
        yield session


@pytest.fixture
def committed() -> Callable[[str, str], Any]:
    """Return a copy of one top-level key of a stack's committed settings."""

    def committed(stack: str, key: str) -> Any:
        text = (ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
        return yaml.safe_load(text)["config"][f"{PREFIX}{key}"]

    return committed
