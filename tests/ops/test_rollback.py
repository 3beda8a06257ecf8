from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ops import (
    deployed,
    engine,
    git,
    history,
    live_network,
    lone_template,
    recovery,
    rollback,
    rollback_look,
    rollback_settings,
    terminal,
    unrecorded,
)
from ops import stack_file as files
from ops.assessment import StackPreview
from ops.changes import Step
from ops.cli import app
from ops.history import Record, Update
from ops.hosted import HostAnswer
from ops.live_network import LiveNetwork
from ops.rollback import RollbackError, choose
from ops.tokens import NETWORK_POLICY, WORKSPACE_TEMPLATE


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


def test_a_template_goes_back_alone_only_to_an_update_that_had_it(repository: Path) -> None:
    """The engine would find nothing to do, and the command say that all is as it was then."""
    (repository / "stacks").mkdir(exist_ok=True)
    config = {"firewalled-coder:templates": [{"name": "there"}]}
    (repository / "stacks" / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    (repository / "__main__.py").write_text("")
    git.run(repository, "add", "-A")
    git.run(repository, "commit", "-qm", "with a template")
    had = update(3, git.run(repository, "rev-parse", "HEAD"))
    with (
        pytest.raises(
            RollbackError, match=r"update 3 had no template 'newer'; it had there\."
        ) as no,
        rollback.earlier("dev", had, print, root=repository, template="newer"),
    ):
        pass
    assert "`python -m ops rollback dev --to 3` goes back with everything" in str(no.value)
    assert lone_template.absent_then(repository, "dev", 3, "there") == ""
    # What cannot be read is the program's to say.
    assert lone_template.absent_then(repository, "other", 3, "there") == ""


def stack_file(root: Path, document: dict[str, Any]) -> Path:
    path = root / "stacks" / "Pulumi.dev.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize("prefix", ["firewalled-coder:", ""])
def test_keys_without_the_projects_name_are_settings_too(tmp_path: Path, prefix: str) -> None:
    off = {"state": "off", "reason": "x", "who": "ada", "until": "2026-12-01"}
    stack_file(tmp_path / "now", {"config": {f"{prefix}secrets": {"secure": "new"}}})
    config = {"secrets": {"secure": "old"}, "firewall": off, "kubernetes": {"context": "far"}}
    then = stack_file(
        tmp_path / "then", {"config": {f"{prefix}{key}": value for key, value in config.items()}}
    )
    rollback_settings.keep_secrets(tmp_path / "then", tmp_path / "now", "dev")
    kept = files.completed(then.read_bytes())["config"]
    assert kept["firewalled-coder:secrets"] == {"secure": "new"}
    assert len(kept) == len(config)
    assert rollback_settings.switched_off(tmp_path / "then", "dev").startswith("x, by ada")
    assert rollback_look.context(tmp_path / "then", "dev") == "far"


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
    rollback_settings.keep_secrets(tmp_path / "then", tmp_path / "now", "dev")
    assert yaml.safe_load(then.read_text()) == {
        "encryptionsalt": "salt-now",
        "config": {prefix + "coder": 1, **{prefix + k: v for k, v in present.items()}},
    }


def test_the_settings_of_that_commit_keep_their_meaning(tmp_path: Path) -> None:
    stack_file(tmp_path / "now", {"encryptionsalt": "salt-now"})
    then = stack_file(tmp_path / "then", {})
    text = "firewall: {state: off, until: 2026-12-01, reason: '1e3', who: on}"
    then.write_text(f"config:\n  firewalled-coder:{text}\n")
    before = files.config(then.read_bytes())
    rollback_settings.keep_secrets(tmp_path / "then", tmp_path / "now", "dev")
    assert files.config(then.read_bytes()) == before
    assert (
        rollback_settings.switched_off(tmp_path / "then", "dev") == "1e3, by on, until 2026-12-01"
    )


@pytest.mark.parametrize(
    ("switch", "said"),
    [
        (None, ""),
        ({"state": "on"}, ""),
        # Nobody's switch, and yet no firewall that is on.
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
    assert rollback_settings.switched_off(tmp_path, "dev") == said


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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--to", "99"], "stack local has no update 99"),
        (["--to", "1"], "update 1 was made from aaaa with changes that were not committed"),
        (["--to", "2"], "commit bbbb of update 2 is not in this repository"),
        (["--to", "99", "--template", "nope"], "no template 'nope' now; there are firewalled. One"),
        (["--to", "3"], "nobody answers on standard input; give --yes"),
    ],
    ids=["no such update", "dirty", "no such commit", "no such template", "possible"],
)
def test_what_cannot_be_done_is_refused_before_anybody_is_asked(
    monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    component = {"urn": f"urn:pulumi:local::p::{WORKSPACE_TEMPLATE}::firewalled"}
    state = {"resources": [{**component, "type": WORKSPACE_TEMPLATE}]}
    stack = SimpleNamespace(export_stack=lambda: SimpleNamespace(deployment=state))

    @contextmanager
    def session(*_: Any) -> Iterator[engine.Session]:
        yield engine.Session(stack, Path())  # type: ignore[arg-type]

    updates = (update(3, "c"), update(2, "bbbb"), update(1, "aaaa", dirty=True))
    monkeypatch.setattr(engine, "session", session)
    monkeypatch.setattr(history, "of", lambda _: updates)
    monkeypatch.setattr(git, "has_commit", lambda _, commit: commit == "c")
    monkeypatch.setattr(terminal, "can_ask", nobody_answers)
    result = CliRunner().invoke(app, ["rollback", "local", *options])
    assert result.exit_code == 1
    assert said in result.stderr


def nobody_answers() -> None:
    raise terminal.NobodyToAskError


UPDATE = Step("update", "urn:pulumi:local::p::a:b:C::x", "a:b:C", {"a": 1}, {"a": 2})
WHOLE = "stack local is back at update 1; revert the commits since then in git as well"
ALONE = (
    "template firewalled of stack local is back at update 1; everything else stays as it was; "
    "revert in git as well what the commits since then change of that template"
)


@pytest.mark.parametrize(
    ("options", "steps", "said"),
    [
        ([], (UPDATE,), WHOLE),
        (["--template", "firewalled"], (UPDATE,), ALONE),
        ([], (), "stack local is as update 1 left it"),
        (
            ["--template", "firewalled"],
            (),
            "template firewalled of stack local is as update 1 left",
        ),
    ],
    ids=["whole", "template", "same", "template the same"],
)
def test_it_says_what_is_back_and_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: list[str],
    steps: tuple[Step, ...],
    said: str,
) -> None:
    @contextmanager
    def ready(*_: Any, **__: Any) -> Iterator[Any]:
        yield SimpleNamespace(stack=object(), root=tmp_path, session=None)

    (tmp_path / "stacks").mkdir()
    context = "config:\n  firewalled-coder:kubernetes: {context: then}\n"
    (tmp_path / "stacks" / "Pulumi.local.yaml").write_text(context)
    before = {"NetworkPolicy/allow-monitoring": "Prometheus scrapes"}
    policy = {"kind": "NetworkPolicy"}
    preview = StackPreview(
        "local",
        {"t": None},
        {"t": None},
        steps=steps,
        policies=(Step("same", "urn", NETWORK_POLICY, policy, policy),),
        old_accepted=before,
        new_accepted=before,
    )
    found = preview, Record("rollback")
    looked: list[Any] = []

    def look(*given: Any) -> LiveNetwork:
        looked.append(given)
        return LiveNetwork(unread="networkpolicies is forbidden")

    monkeypatch.setattr(live_network, "look", look)
    monkeypatch.setattr(engine, "session", ready)
    monkeypatch.setattr(rollback, "earlier", ready)
    monkeypatch.setattr(recovery, "go_on", lambda *_, **__: None)
    monkeypatch.setattr(deployed, "of_state", lambda _: deployed.Deployed({}, None))
    monkeypatch.setattr(unrecorded, "line", lambda *_: "")
    monkeypatch.setattr(history, "of", lambda _: (update(2, "b"), update(1)))
    monkeypatch.setattr(rollback, "check_commit", lambda *_: None)
    monkeypatch.setattr(rollback, "_targets", lambda *_: ())
    monkeypatch.setattr(rollback, "preview", lambda *_: found)
    monkeypatch.setattr(rollback, "apply", lambda *_: None)
    result = CliRunner().invoke(app, ["rollback", "local", "--to", "1", "--yes", *options])
    assert result.exit_code == 0, result.output
    assert said in " ".join(result.stdout.split())
    # As after an update, the live policies are looked at: by what is deployed then.
    assert looked == [([{"kind": "NetworkPolicy"}], {"t": None}, "then", before)]
    assert "warning: the live network policies cannot be read" in result.stdout


@pytest.mark.parametrize("template", [None, "firewalled"])
def test_one_that_failed_names_the_command_that_finishes_it(template: str | None) -> None:
    ready = SimpleNamespace(
        stack="local", update=update(1), session=None, run=lambda *_: HostAnswer((), (), "boom")
    )
    with pytest.raises(RollbackError) as failed:
        rollback.apply(ready, Record("rollback", template=template))  # type: ignore[arg-type]
    command = "python -m ops rollback local --to 1" + (" --template firewalled" if template else "")
    assert f"`{command}` again to finish" in str(failed.value)
