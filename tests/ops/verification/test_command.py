"""Which groups of checks a command line chooses."""

import pytest

from ops.verification.command import chosen
from ops.verification.model import CheckGroup


@pytest.mark.parametrize("group", [CheckGroup.JAIL, CheckGroup.AGENTS])
def test_what_looks_into_a_workspace_has_it_built(group: CheckGroup) -> None:
    assert chosen([group]) == {group, CheckGroup.PATH}


def test_another_group_is_alone_and_none_named_is_all() -> None:
    assert chosen([CheckGroup.MCP, CheckGroup.PREFLIGHT]) == {CheckGroup.MCP, CheckGroup.PREFLIGHT}
    assert chosen([]) == set(CheckGroup)
