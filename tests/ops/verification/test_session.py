"""Which checks a whole verification makes, of Coder's own agents and of another owner."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from ops import stacks
from ops.verification.model import Outcome, Result
from ops.verification.path import Visit
from ops.verification.plan import Target
from ops.verification.session import Context, verify
from tests.ops.verification.fake_coderd import FakeCoderd
from tests.ops.verification.making import Making, deployment
from tests.ops.verification.test_agents_pod import CHECKS, FACTS, TARGET, Pod


def verified(folder: Path, target: Target, coderd: FakeCoderd) -> Mapping[str, Result]:
    """Verify the path and the agents of one workspace, for the token's own user."""
    making = Making(folder)
    coderd.agent_names = ["main", "dev-coderd-chat"]
    pods = {"agent-1": Pod({**FACTS, "host": "coder-1"}), "agent-2": Pod()}
    with deployment(coderd) as asked, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Visit, "terminal_of", lambda _, agent: pods[agent])
        nothing = cast("Any", None)
        context = Context(stacks.settings("dev"), asked, (), [target], (), nothing, nothing, "dev")
        verify(making.run(chosen=lambda each: each.startswith(("path.", "agents."))), context)
    assert coderd.deleting
    return making.results


def agents(folder: Path, target: Target, coderd: FakeCoderd) -> Mapping[str, Result]:
    """Return the results about the agents alone."""
    found = verified(folder, target, coderd)
    return {check: each for check, each in found.items() if check.startswith("agents.")}


def test_a_pod_of_theirs_is_looked_at(tmp_path: Path) -> None:
    found = agents(tmp_path, TARGET, FakeCoderd())
    assert list(found) == CHECKS
    assert {(each.subject, each.outcome) for each in found.values()} == {("open", Outcome.PASSED)}


def test_where_nothing_isolates_them_nothing_is_said(tmp_path: Path) -> None:
    assert not agents(tmp_path, replace(TARGET, isolates_agents=False), FakeCoderd())


def test_without_a_workspace_no_check_holds(tmp_path: Path) -> None:
    coderd = FakeCoderd()
    coderd.agents = [("connected", "start_error")]
    found = agents(tmp_path, TARGET, coderd)
    assert list(found) == CHECKS
    assert {(each.outcome, each.detail) for each in found.values()} == {
        (Outcome.NOT_CHECKED, "there is no workspace")
    }


def test_another_owner_whom_nobody_named_is_no_check_that_is_missing(tmp_path: Path) -> None:
    found = verified(tmp_path, TARGET, FakeCoderd())["path.owner"]
    assert (found.subject, found.outcome) == (TARGET.subject, Outcome.PASSED)
