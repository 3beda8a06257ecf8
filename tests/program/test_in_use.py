"""A template that goes although people have workspaces of it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.environment import Environment
from ops import preview, up
from ops.engine import Session
from ops.in_use import Used
from ops.removal import InUseError
from tests.program.conftest import resources


@pytest.fixture
def workspace(up_somehow: Session, environment: Environment, alone: None) -> Iterator[None]:
    """A workspace of the template `firewalled`, for as long as a test lasts."""
    with environment.coderd.client() as client:
        client.base_url = f"{environment.coderd.url}/api/v2/"
        template = client.get("organizations/default/templates/firewalled").json()
        body = {"template_id": template["id"], "name": "theirs"}
        made = client.post("users/developer/workspaces", json=body).raise_for_status().json()
        yield
        client.post(f"workspaces/{made['id']}/builds", json={"transition": "delete"})
        while client.get(f"workspaces/{made['id']}").status_code != 410:
            time.sleep(0.05)


def test_before_anything_is_applied_its_workspaces_are_named(
    workspace: None,
    open_stack: Any,
    environment: Environment,
    committed: Callable[[str, str], Any],
) -> None:
    templates = committed("local", "templates")
    templates[0]["name"] = "confined"
    before = resources(environment)
    with open_stack(changes={"templates": templates}) as session:
        found = preview.assess(session, "local")
        assert found.in_use == (Used("firewalled", ("developer/theirs",)),)
        with pytest.raises(InUseError, match="firewalled has 1 workspace: developer/theirs") as no:
            up.apply(session, "local")
        assert "then run `python -m ops up local` again" in str(no.value)
    assert resources(environment) == before
