"""A token that was replaced, and an address that has moved: every command has a way on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pulumi import automation

from local.environment import PREFIX, Environment
from ops import diagnostics, preview, up
from ops.engine import Session
from ops.removal import NotAskedError
from ops.state import StackState
from tests.program.conftest import resources
from tests.program.front import Front


@dataclass
class Behind:
    """The stack `local` of a coderd behind a door."""

    session: Session
    front: Front
    said: list[str]
    made: int = 0

    def set(self, key: str, value: str, *, secret: bool = False) -> None:
        stored = automation.ConfigValue(value, secret=secret)
        self.session.stack.set_config(f"{PREFIX}{key}", stored, path=True)

    def rotate(self, *, known: bool = True) -> None:
        """Take the token back and give another; set it in the stack as well, if it is `known`."""
        self.made += 1
        self.front.accepted = f"token-{self.made}-of-the-test"
        if known:
            self.enter()

    def enter(self) -> None:
        self.set("secrets.coderToken", self.front.accepted, secret=True)

    def applied(self) -> dict[str, Any]:
        done, _ = up.apply(self.session, "local")
        return {k: v for k, v in (done.summary.resource_changes or {}).items() if k != "same"}


@pytest.fixture
def behind(
    nothing_up: None, open_stack: Any, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Behind]:
    said: list[str] = []
    monkeypatch.setattr("ops.terminal.progress", said.append)
    with open_stack() as session:
        front = Front(environment.coderd.url, environment.coderd.token, "")
        found = Behind(session, front, said)
        try:
            found.set("coder.apiUrl", front.url)
            found.rotate()
            yield found
        finally:
            found.set("coder.apiUrl", environment.coderd.url)
            found.set("secrets.coderToken", environment.coderd.token, secret=True)
            session.stack.destroy(run_program=True)
            found.front.close()


def test_a_token_that_was_replaced_is_used_by_every_command(behind: Behind) -> None:
    session = behind.session
    behind.applied()
    # While nothing differs, the program is not run for it.
    assert up.differing(session, "local") == ()
    assert behind.said == []
    behind.rotate(known=False)
    # Nobody can do without one; what to set is said.
    with pytest.raises(diagnostics.RunError, match=r"secrets\.coderToken") as refused:
        up.differing(session, "local")
    assert "401" in str(refused.value)
    behind.enter()
    assert preview.assess(session, "local").verdict != "fails"
    # The update begins by reading back what the refresh left.
    assert behind.applied() == {}
    assert any("secrets.coderToken differs" in line for line in behind.said)
    behind.said.clear()
    assert up.differing(session, "local") == ()
    assert behind.said == []

    behind.rotate()
    assert up.differing(session, "local") == ()
    assert sum("secrets.coderToken differs" in line for line in behind.said) == 1
    behind.rotate()
    found = preview.assess(session, "local", refresh=True)
    assert (found.failure, bool(found.live), found.deleted) == ("", False, ())

    # A destroy does not find out half-way, when the network policy is gone.
    behind.rotate()
    behind.said.clear()
    up.remove(session, "local")
    assert sum("secrets.coderToken differs" in line for line in behind.said) == 1
    assert StackState(session.stack).resources == {}


def test_without_a_token_that_coder_takes_nothing_is_removed(
    behind: Behind, environment: Environment
) -> None:
    behind.applied()
    before = resources(environment)
    behind.rotate(known=False)
    with pytest.raises(NotAskedError, match=r"nothing was removed") as refused:
        up.remove(behind.session, "local")
    assert "secrets.coderToken" in str(refused.value)
    assert resources(environment) == before


def test_an_address_that_has_moved_is_used_by_every_command(
    behind: Behind, environment: Environment
) -> None:
    session = behind.session
    behind.applied()
    behind.front.close()
    with pytest.raises(diagnostics.RunError, match="Connection refused"):
        up.differing(session, "local")
    behind.front = Front(environment.coderd.url, environment.coderd.token, behind.front.accepted)
    behind.set("coder.apiUrl", behind.front.url)
    assert behind.applied() == {}
    assert any("coder.apiUrl differs" in line for line in behind.said)
    behind.front.close()
    behind.front = Front(environment.coderd.url, environment.coderd.token, behind.front.accepted)
    behind.set("coder.apiUrl", behind.front.url)
    behind.said.clear()
    assert up.differing(session, "local") == ()
    up.remove(session, "local")
    assert sum("coder.apiUrl differs" in line for line in behind.said) == 1
    assert StackState(session.stack).resources == {}
