import json
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import git, plan
from ops.cli import app
from ops.history import Update
from ops.plan import Basis, PlanError

SIGIL = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
URN = "urn:pulumi:dev::firewalled-coder::kubernetes:core/v1:ConfigMap::{}"
THEN = Basis(
    commit="a" * 40,
    dirty=False,
    update=3,
    program={"__main__.py": "1", "components/settings.py": "2"},
    settings={"firewalled-coder:policy": "3", "firewalled-coder:coder": "4"},
    state={URN.format("a"): "5", URN.format("b"): "6"},
)


def update(number: int) -> Update:
    return Update(
        number, "update", datetime(2026, 1, 1, tzinfo=UTC), "succeeded", {}, None, None, True,
        "ada", f"up number {number}",
    )  # fmt: skip


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    inner = tmp_path / "engine.json"
    inner.write_text('{"resourcePlans": {}}')
    plan.save(tmp_path / "dev.plan", "dev", THEN, inner, ["agents get more MCP tools"])
    return tmp_path / "dev.plan"


def test_a_plan_comes_back_as_it_was_saved(saved: Path) -> None:
    found = plan.load(saved, "dev")
    assert found.stack == "dev"
    assert found.basis == THEN
    assert found.warnings == ("agents get more MCP tools",)
    assert found.time.tzinfo is not None
    with found.unpacked() as file:
        assert json.loads(file.read_text()) == {"resourcePlans": {}}
    assert not file.exists()
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert [path.name for path in saved.parent.glob(".*")] == []


@pytest.fixture
def commits(tmp_path: Path) -> tuple[Path, str, str]:
    """A repository with two commits, the second of which takes the first one's change back."""
    root = tmp_path / "repository"
    git.run(tmp_path, "init", "-q", "-b", "main", str(root))
    git.run(root, "config", "user.email", "ada@example.com")
    git.run(root, "config", "user.name", "Ada")
    found = []
    for message in ("opened", "closed again"):
        git.run(root, "commit", "-q", "--allow-empty", "-m", message)
        found.append(git.run(root, "rev-parse", "HEAD"))
    return root, found[0], found[1]


def planned(saved: Path, commit: str | None) -> plan.SavedPlan:
    return replace(plan.load(saved, "dev"), basis=replace(THEN, commit=commit))


def test_a_plan_is_out_of_date_once_a_later_commit_was_deployed(
    saved: Path, commits: tuple[Path, str, str]
) -> None:
    root, opened, closed = commits
    since = [replace(update(4), commit=closed)]
    with pytest.raises(PlanError) as refused:
        plan.check_order(planned(saved, opened), since, root)
    assert f"update 4 by ada deployed commit {closed[:12]}, which comes after" in str(refused.value)
    assert "nothing was applied" in str(refused.value)
    assert str(refused.value).endswith("ops preview dev --save-plan FILE")


def test_a_deployed_commit_that_is_not_known_here_is_to_be_fetched(
    saved: Path, commits: tuple[Path, str, str]
) -> None:
    root, opened, _ = commits
    since = [replace(update(4), commit="b" * 40)]
    with pytest.raises(PlanError, match="which git does not know here: fetch it first"):
        plan.check_order(planned(saved, opened), since, root)


@pytest.mark.parametrize(
    "later",
    [
        {"number": 3},  # The plan was made after it.
        {"result": "failed"},
        {"kind": "refresh"},
        {"commit": None},
        {"commit": "opened"},
        {"commit": "before"},  # As a rollback's.
    ],
)
def test_what_was_not_deployed_of_a_later_commit_is_no_obstacle(
    saved: Path, commits: tuple[Path, str, str], later: dict[str, Any]
) -> None:
    root, opened, closed = commits
    git.run(root, "checkout", "-q", opened)
    known = {"opened": closed, "before": opened}
    if later.get("commit"):
        later = {"commit": known[later["commit"]]}
    since = [replace(update(4), **{"commit": closed, **later})]
    mine = closed if "commit" in later else opened
    plan.check_order(planned(saved, mine), since, root)
    plan.check_order(planned(saved, None), since, root)


def test_nothing_moved(saved: Path) -> None:
    plan.check(plan.load(saved, "dev"), THEN)
    # A later update that left every resource as it was is no obstacle.
    plan.check(plan.load(saved, "dev"), replace(THEN, update=4, commit="b" * 40), [update(4)])


@pytest.mark.parametrize(
    ("now", "named"),
    [
        (
            {"program": {**THEN.program, "components/settings.py": "x", "new.py": "y"}},
            "program: components/settings.py changed, new.py is new",
        ),
        (
            {"program": {"__main__.py": "1"}, "commit": "b" * 40, "dirty": True},
            "program: components/settings.py is gone "
            "(planned from aaaaaaaaaaaa, now bbbbbbbbbbbb with changes)",
        ),
        (
            {"settings": {**THEN.settings, "firewalled-coder:policy": "x"}},
            "settings: firewalled-coder:policy changed",
        ),
        (
            {"state": {URN.format("a"): "x", URN.format("c"): "7"}},
            "state: a changed, b is gone, c is new (update 4 by ada: up number 4)",
        ),
    ],
)  # fmt: skip
def test_what_moved_is_named(saved: Path, now: dict[str, Any], named: str) -> None:
    with pytest.raises(PlanError) as refused:
        plan.check(plan.load(saved, "dev"), replace(THEN, **now), [update(4), update(3)])
    lines = str(refused.value).splitlines()
    assert "nothing was applied" in lines[0]
    assert lines[1:-1] == [f"  {named}"]
    assert "preview dev --save-plan" in lines[-1]


def test_what_another_release_compares_otherwise_is_not_said_to_have_changed(saved: Path) -> None:
    """The same settings and resources have other digests by its code."""
    found = plan.load(saved, "dev")
    other = replace(THEN, program={**THEN.program, "new.py": "y"}, way="another")
    changed = replace(other, settings={"firewalled-coder:policy": "x"}, state={"u::a": "y"})
    with pytest.raises(PlanError) as refused:
        plan.check(found, changed, [update(4)])
    assert str(refused.value).splitlines()[1:-1] == [
        "  program: new.py is new",
        "  settings and state: the plan is of another release of ops, which compares them "
        "otherwise; whether they changed is not known",
    ]
    # Where nothing differs, it holds.
    plan.check(found, replace(THEN, way="another"))


def test_all_that_moved_is_named_at_once(saved: Path) -> None:
    now = replace(THEN, program={}, settings={}, state={})
    with pytest.raises(PlanError) as refused:
        plan.check(plan.load(saved, "dev"), now)
    assert len(str(refused.value).splitlines()) == 5


def test_another_stacks_plan(saved: Path) -> None:
    with pytest.raises(PlanError, match="is a plan of stack dev, not of usgov"):
        plan.load(saved, "usgov")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"No such file.*save one: python -m ops preview dev"):
        plan.load(tmp_path / "none", "dev")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 99}', "\x00", '{"resourcePlans": {}}']
)
def test_a_file_that_is_no_plan(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(PlanError, match="is no plan of"):
        plan.load(tmp_path / "file", "dev")


def test_a_plan_that_was_edited(saved: Path) -> None:
    document = json.loads(saved.read_text())
    document["basis"]["settings"] = {}
    saved.write_text(json.dumps(document))
    with pytest.raises(PlanError, match="damaged or was edited"):
        plan.load(saved, "dev")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "engine.json").write_text("{}")
    with pytest.raises(PlanError, match="cannot write the plan"):
        plan.save(tmp_path / "no" / "dev.plan", "dev", THEN, tmp_path / "engine.json")


def test_state_sees_what_a_resource_is_and_not_its_bookkeeping() -> None:
    def digest(*resources: dict[str, Any], **rest: Any) -> dict[str, str]:
        return plan.state({"resources": list(resources), **rest})

    one = {
        "urn": "u",
        "type": "t",
        "dependencies": ["x", "y"],
        "inputs": {"a": 1},
        "modified": "yesterday",
    }
    assert digest(one) == digest({**one, "modified": "today", "dependencies": ["y", "x"]})
    assert digest(one) != digest({**one, "inputs": {"a": 2}})
    assert digest(one) != digest(one, {**one, "delete": True})
    secret = {SIGIL: SECRET, "ciphertext": "a"}
    again = {SIGIL: SECRET, "ciphertext": "b"}
    assert digest({**one, "inputs": secret}) == digest({**one, "inputs": again})
    provider = {**one, "type": "pulumi:providers:coderd", "inputs": {"version": "1", "url": "a"}}
    assert digest(provider) == digest({**provider, "inputs": {"version": "2", "url": "a"}})
    assert digest(provider) != digest({**provider, "inputs": {"version": "1", "url": "b"}})
    pending = [{"resource": {"urn": "u"}, "type": "creating"}]
    assert digest(one) != digest(one, pending_operations=pending)
    assert plan.state({}) == {}


def test_a_setting_that_the_engine_wrote_anew_is_the_same(tmp_path: Path) -> None:
    def digests(protected: str) -> dict[str, str]:
        file = tmp_path / "Pulumi.dev.yaml"
        file.write_text(f"config:\n  firewalled-coder:protected: {protected}\n")
        return plan._settings(file)

    assert digests("true") == digests('"true"')
    assert digests("true") != digests('"false"')


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["preview", "dev", "local", "--save-plan", "p"], "a plan is of one stack"),
        (["preview", "dev", "--refresh", "--save-plan", "p"], "ops refresh dev"),
        (["up", "local", "--plan", "nosuch"], "cannot read the plan nosuch"),
    ],
)
def test_commands_refuse_what_cannot_be(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stdout == ""
