"""The program on the real engine, against a real API server and the stand-in for coderd.

Tests go on from what the ones before left. `stack` is the stack `local` up, `whole` has all of its
dashboards, and `nothing_up` is the cluster without it; each runs the engine only where it would do
something.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.environment import PREFIX, Environment
from ops import engine
from ops.engine import Session
from ops.project import PROJECT, ROOT
from tests.program import coderd

Ask = Callable[..., Any]
Open = Callable[..., AbstractContextManager[Session]]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a tenth of the time

ONE_BOARD = {"dashboards": ["coder-status"]}
"""Settings `grafana` of a test that is about something else.

It is the smallest: the engine writes its whole state before and after each resource.
"""


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


@pytest.fixture
def ask(environment: Environment) -> Iterator[Ask]:
    """Send a request to the API server; returns the answer's content, or its status if refused."""
    with environment.cluster.client() as client:

        def ask(method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
            content = None if body is None else json.dumps(body)
            headers = {"Content-Type": kind}
            answer = client.request(method, path, content=content, headers=headers)
            return answer.json() if answer.is_success else answer.status_code

        yield ask


def opening(open_stack: Open, others: Mapping[str, Any]) -> Open:
    """Return a way to open stacks with other settings, which a test's own changes go before."""

    def opened(
        name: str = "local", changes: Mapping[str, Any] | None = None
    ) -> AbstractContextManager[Session]:
        return open_stack(name, {**others, **(changes or {})})

    return opened


def state_file(environment: Environment, stack: str = "local") -> Path:
    return environment.state / "state/.pulumi/stacks" / PROJECT / f"{stack}.json"


def state(environment: Environment, stack: str = "local") -> dict[str, Any]:
    """Return what a stack's state has, less what is written anew whenever it is saved."""
    file = state_file(environment, stack)
    text = file.read_text() if file.exists() else "{}"
    latest = json.loads(text, object_hook=_without_ciphertext).get("checkpoint", {}).get("latest")
    found = {key: (latest or {}).get(key) or [] for key in ("resources", "pending_operations")}
    for each in found["resources"]:
        each.pop("modified", None)
        # A refresh leaves those out that are empty.
        needs = each.pop("propertyDependencies", {})
        each["propertyDependencies"] = {key: urns for key, urns in needs.items() if urns}
    return found


def _without_ciphertext(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key != "ciphertext"}


def resources(environment: Environment, stack: str = "local") -> list[dict[str, Any]]:
    """Return what the state of a stack has, but for the stack itself."""
    found = state(environment, stack)["resources"]
    return [each for each in found if each["type"] != "pulumi:pulumi:Stack"]


class Standing:
    """Knows whether another `up` of the stack `local` would find anything to do.

    While settings and state are as an `up` left them, another one does nothing but render the
    templates once more: what a preview of other settings renders stays.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._left = ("", "")

    def _seen(self) -> tuple[str, str]:
        file = self._environment.workspace / "stacks" / "Pulumi.local.yaml"
        settings = yaml.load(file.read_text(), Loader=_LOADER)
        given = json.dumps(settings, sort_keys=True)
        return _digest(json.dumps(state(self._environment))), _digest(given)

    def follow(self, session: Session) -> None:
        """Take note of every `up` of a session that goes well."""
        up = session.stack.up

        def followed(*arguments: Any, **options: Any) -> Any:
            done = up(*arguments, **options)
            self._left = self._seen()
            return done

        session.stack.up = followed  # type: ignore[method-assign]

    def bring_up(self, session: Session, *, somehow: bool = False) -> None:
        """Bring the stack up, unless it is: by the very settings of the session, or somehow."""
        now, left = self._seen(), self._left
        if now[0] != left[0] or (now != left and not somehow):
            session.stack.up()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="session")
def standing(environment: Environment) -> Standing:
    return Standing(environment)


@pytest.fixture(scope="session")
def open_stack(environment: Environment, foreign: dict[str, Any], standing: Standing) -> Open:
    """Open a stack with changes to its committed settings, by top-level key.

    `local` has one dashboard, unless it is wanted whole.
    """

    @contextmanager
    def open_stack(
        name: str = "local", changes: Mapping[str, Any] | None = None, *, whole: bool = False
    ) -> Iterator[Session]:
        if name == "local" and not whole:
            changes = {"grafana": ONE_BOARD, **(changes or {})}
        with engine.session(
            name, lambda _: None, state=environment.state, changes=changes
        ) as session:
            if name == "local":
                standing.follow(session)
            yield session

    return open_stack


@pytest.fixture
def whole(open_stack: Open, standing: Standing) -> Iterator[Session]:
    """The stack `local` as it is committed, up."""
    with open_stack(whole=True) as session:
        standing.bring_up(session)
        yield session


@pytest.fixture
def stack(open_stack: Open, standing: Standing) -> Iterator[Session]:
    """The stack `local` as it is committed but for its dashboards, of which it has one, up."""
    with open_stack() as session:
        standing.bring_up(session)
        yield session


@pytest.fixture
def up_somehow(open_stack: Open, standing: Standing) -> Iterator[Session]:
    """The stack `local`, up by these settings or by what a test before made of them."""
    with open_stack() as session:
        standing.bring_up(session, somehow=True)
        yield session


@pytest.fixture
def nothing_up(open_stack: Open, environment: Environment) -> None:
    """The stack `local` is not up."""
    if resources(environment):
        with open_stack() as session:
            session.stack.cancel()
            session.stack.destroy()


@pytest.fixture
def committed() -> Callable[[str, str], Any]:
    """Return a copy of one top-level key of a stack's committed settings."""

    def committed(stack: str, key: str) -> Any:
        text = (ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
        return yaml.load(text, Loader=_LOADER)["config"][f"{PREFIX}{key}"]

    return committed
