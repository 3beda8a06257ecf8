"""A token that was replaced, and an address that has moved: every command has a way on.

The tests go on from what the ones before left: first the stack's coderd moves behind a door.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pulumi import automation

from local.coderd import LocalCoderd
from local.environment import PREFIX, Environment
from ops import diagnostics, preview, up
from ops.engine import Session
from ops.removal import NotAskedError
from ops.state import StackState
from tests.program.conftest import resources
from tests.program.front import Front

# What else a stack has is not looked at here.
SMALL: dict[str, Any] = {
    "templates": [{"name": "firewalled", "firewall": {"jail": "landjail"}}],
    "mcpServers": [],
    "alerts": {"rules": []},
}


@dataclass
class Behind:
    """The stack `local` of a coderd behind a door."""

    session: Session
    front: Front
    said: list[str]
    made: int = 0

    def rotate(self, *, known: bool = True) -> None:
        """Take the token back and give another; set it in the stack as well, if it is `known`."""
        self.made += 1
        self.front.accepted = f"token-{self.made}-of-the-test"
        if known:
            self.enter(self.front.url, self.front.accepted)

    def move(self, coderd: LocalCoderd) -> None:
        """Answer at another address; set it in the stack, and the token that is taken there."""
        self.front.close()
        self.front = Front(coderd.url, coderd.token, self.front.accepted)
        self.enter(self.front.url, self.front.accepted)

    def enter(self, url: str, token: str) -> None:
        """Set where coderd is, and what it takes."""
        values = {
            f"{PREFIX}coder.apiUrl": automation.ConfigValue(url),
            f"{PREFIX}secrets.coderToken": automation.ConfigValue(token, secret=True),
        }
        self.session.stack.set_all_config(values, path=True)

    def applied(self) -> dict[str, Any]:
        done, _ = up.apply(self.session, "local")
        return {k: v for k, v in (done.summary.resource_changes or {}).items() if k != "same"}


@pytest.fixture(scope="module")
def behind(open_stack: Any, environment: Environment) -> Iterator[Behind]:
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch, open_stack(changes=SMALL) as session:
        patch.setattr("ops.terminal.progress", said.append)
        front = Front(environment.coderd.url, environment.coderd.token, "")
        found = Behind(session, front, said)
        try:
            found.rotate()
            found.applied()
            yield found
        finally:
            found.enter(environment.coderd.url, environment.coderd.token)
            if resources(environment):
                session.stack.destroy(run_program=True)
            found.front.close()


def test_an_address_that_has_moved_is_used_by_refresh_and_up(
    behind: Behind, environment: Environment
) -> None:
    behind.front.close()
    with pytest.raises(diagnostics.RunError, match="Connection refused"):
        up.differing(behind.session, "local")
    behind.move(environment.coderd)
    behind.said.clear()
    # The update begins by a refresh, which reads back what the one before left.
    assert behind.applied() == {}
    assert sum("coder.apiUrl differs" in line for line in behind.said) == 1


def test_without_a_token_that_coder_takes_nothing_is_removed(
    behind: Behind, environment: Environment
) -> None:
    before = resources(environment)
    behind.rotate(known=False)
    with pytest.raises(NotAskedError, match=r"nothing was removed") as refused:
        up.remove(behind.session, "local")
    assert "secrets.coderToken" in str(refused.value)
    assert resources(environment) == before


def test_a_token_that_was_replaced_is_used_by_every_command(behind: Behind) -> None:
    session = behind.session
    behind.rotate(known=False)
    # Nobody can do without one; what to set is said.
    with pytest.raises(diagnostics.RunError, match=r"secrets\.coderToken") as refused:
        up.differing(session, "local")
    assert "401" in str(refused.value)
    behind.enter(behind.front.url, behind.front.accepted)
    assert behind.applied() == {}
    assert any("secrets.coderToken differs" in line for line in behind.said)
    # While nothing differs, the program is not run for it: tests/program/test_network.py.
    behind.said.clear()
    behind.rotate()
    assert up.differing(session, "local") == ()
    assert sum("secrets.coderToken differs" in line for line in behind.said) == 1
    behind.rotate()
    found = preview.assess(session, "local", refresh=True)
    assert (found.failure, bool(found.live), found.deleted) == ("", False, ())


def test_a_destroy_does_not_find_out_half_way_when_the_network_policy_is_gone(
    behind: Behind, environment: Environment
) -> None:
    behind.rotate(known=False)
    behind.move(environment.coderd)
    behind.said.clear()
    up.remove(behind.session, "local")
    assert [line.partition(" from ")[0] for line in behind.said] == [
        "coder.apiUrl and secrets.coderToken differ"
    ]
    assert StackState(behind.session.stack).resources == {}
