from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ops import deployed, engine, git, history, rollback
from ops.cli import app
from ops.history import Record, Update
from ops.rollback import RollbackError, choose


def update(number: int, commit: str | None = "a", **changes: Any) -> Update:
    record = changes.pop("record", None)
    return Update(
        **{
            "number": number,
            "kind": "update",
            "time": datetime(2026, 1, 1, tzinfo=UTC),
            "result": "succeeded",
            "changes": {},
            "record": record,
            "commit": commit,
            "dirty": False,
            "who": "ada",
            "title": "up",
            **changes,
        }
    )


ADOPTED = Record("adopt", "a", False)
ONE_TEMPLATE = Record("rollback", "a", False, rollback_of=1, template="firewalled")


@pytest.mark.parametrize(
    ("updates", "number"),
    [
        ([update(2, "b"), update(1, "a")], 1),
        ([update(3, "b"), update(2, "b"), update(1, "a")], 1),
        # A rollback of a rollback is what was there before it.
        ([update(3, "a"), update(2, "b"), update(1, "a")], 2),
        # After a failure or a destroy, the last that was whole.
        ([update(2, "b", result="failed"), update(1, "a")], 1),
        ([update(2, "a", kind="destroy"), update(1, "a")], 1),
        ([update(3, "b", kind="refresh"), update(2, "b"), update(1, "a")], 1),
        ([update(2, "a", record=ONE_TEMPLATE), update(1, "a")], 1),
        # An adoption deploys nothing.
        ([update(3, "c"), update(2, "b", record=ADOPTED), update(1, "a")], 1),
    ],
)
def test_the_default_is_the_last_that_deployed_something_else(
    updates: list[Update], number: int
) -> None:
    assert choose(updates, None, "dev").number == number


@pytest.mark.parametrize(
    ("updates", "to", "message"),
    [
        ([], None, "no earlier update"),
        ([update(1)], None, "no earlier update"),
        ([update(1)], 7, "no update 7"),
        ([update(1, None)], 1, "recorded no commit"),
        ([update(1, dirty=True)], 1, "not committed"),
        ([update(1, result="failed")], 1, "no complete deployment"),
        ([update(1, kind="refresh")], 1, "no complete deployment"),
        ([update(1, record=ADOPTED)], 1, r"no complete deployment \(adopt, succeeded\)"),
        ([update(2, record=ONE_TEMPLATE)], 2, "--to 1 --template firewalled"),
    ],
)
def test_refusals_say_why_and_the_way_out(
    updates: list[Update], to: int | None, message: str
) -> None:
    with pytest.raises(RollbackError, match=message) as refused:
        choose(updates, to, "dev")
    assert "ops history dev" in str(refused.value) or "--template" in str(refused.value)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git.run(tmp_path, "init", "-q", "-b", "main")
    git.run(tmp_path, "config", "user.email", "ada@example.com")
    git.run(tmp_path, "config", "user.name", "Ada")
    git.run(tmp_path, "commit", "-q", "--allow-empty", "-m", "empty")
    return tmp_path


def test_a_commit_that_is_missing(repository: Path) -> None:
    gone = update(3, "0" * 39 + "1")
    with (
        pytest.raises(RollbackError, match="not in this repository; fetch it"),
        rollback.earlier("dev", gone, print, root=repository),
    ):
        pass


def test_a_commit_without_the_stack(repository: Path) -> None:
    empty = update(3, git.run(repository, "rev-parse", "HEAD"))
    with (
        pytest.raises(RollbackError, match="no program or no settings of stack dev"),
        rollback.earlier("dev", empty, print, root=repository),
    ):
        pass
    assert len(git.run(repository, "worktree", "list").splitlines()) == 1


def stack_file(root: Path, document: dict[str, Any]) -> Path:
    path = root / "stacks" / "Pulumi.dev.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize("present", [{"secrets": {"secure": "new"}}, {}])
def test_present_secrets_and_their_key_are_kept(tmp_path: Path, present: dict[str, Any]) -> None:
    prefix = "firewalled-coder:"
    stack_file(
        tmp_path / "now",
        {
            "encryptionsalt": "salt-now",
            "config": {prefix + "coder": 2, **{prefix + k: v for k, v in present.items()}},
        },
    )
    then = stack_file(
        tmp_path / "then",
        {
            "secretsprovider": "awskms://then",
            "encryptedkey": "key-then",
            "config": {prefix + "coder": 1, prefix + "secrets": {"secure": "old"}},
        },
    )
    rollback._keep_secrets(tmp_path / "then", tmp_path / "now", "dev")
    assert yaml.safe_load(then.read_text()) == {
        "encryptionsalt": "salt-now",
        "config": {prefix + "coder": 1, **{prefix + k: v for k, v in present.items()}},
    }


@pytest.mark.parametrize(
    ("switch", "said"),
    [
        (None, ""),
        ({"state": "on"}, ""),
        # YAML reads a bare off as false.
        ({"state": False, "until": "2026-12-01"}, "no reason given, by unknown, until 2026-12-01"),
        (
            {
                "state": "off",
                "reason": "incident 4711",
                "who": "ada@example.com",
                "until": "2026-12-01",
                "templates": ["firewalled", "open"],
            },
            "incident 4711 for firewalled, open, by ada@example.com, until 2026-12-01",
        ),
    ],
)
def test_the_switch_of_that_commit_is_told_with_who_and_which_templates(
    tmp_path: Path, switch: dict[str, Any] | None, said: str
) -> None:
    stack_file(tmp_path, {"config": {"firewalled-coder:firewall": switch} if switch else {}})
    assert rollback._switched_off(tmp_path, "dev") == said


def test_a_protected_stack_goes_back_to_no_commit_that_nobody_reviewed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def session(*_: Any) -> Iterator[engine.Session]:
        yield engine.Session(object(), Path())  # type: ignore[arg-type]

    monkeypatch.setattr(deployed, "of_stack", lambda _: deployed.Deployed({}, None))
    monkeypatch.setattr(engine, "session", session)
    monkeypatch.setattr(history, "of", lambda _: (update(1, "0" * 39 + "1"),))
    result = CliRunner().invoke(app, ["rollback", "usgov", "--to", "1", "--yes"])
    assert result.exit_code == 1
    assert "stack usgov is protected and refuses going back" in result.stderr
