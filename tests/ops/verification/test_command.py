"""Which groups of checks a command line chooses."""

import pytest

from ops.verification.command import chosen
from ops.verification.model import Group


@pytest.mark.parametrize("group", [Group.JAIL, Group.AGENTS])
def test_what_looks_into_a_workspace_has_it_built(group: Group) -> None:
    assert chosen([group]) == {group, Group.PATH}


def test_another_group_is_alone_and_none_named_is_all() -> None:
    assert chosen([Group.MCP, Group.PREFLIGHT]) == {Group.MCP, Group.PREFLIGHT}
    assert chosen([]) == set(Group)
