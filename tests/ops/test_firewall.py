import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from components.settings.problems import SettingsError
from ops import project, stacks
from ops.cli import app
from ops.firewall import KEY, SwitchError, last_day, set_switch, written

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
TODAY = datetime.now(UTC).date()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stacks").mkdir()
    for name in ("dev", "usgov"):
        file = f"stacks/Pulumi.{name}.yaml"
        (tmp_path / file).write_text((ROOT / file).read_text())
    monkeypatch.setattr(project, "ROOT", tmp_path)
    monkeypatch.setenv("GITLAB_USER_LOGIN", "grace")
    monkeypatch.delenv("GITHUB_ACTOR", raising=False)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["firewall", *arguments])
    return result.exit_code, result.output


def test_the_last_day() -> None:
    assert last_day(None, NOW) == date(2026, 3, 2)
    assert last_day("2026-03-01", NOW) == date(2026, 3, 1)
    assert last_day("2026-03-08", NOW) == date(2026, 3, 8)


@pytest.mark.parametrize("until", ["2026-02-28", "2026-03-09", "tomorrow", ""])
def test_a_last_day_that_is_refused(until: str) -> None:
    with pytest.raises(SwitchError, match="--until"):
        last_day(until, NOW)


def test_off_and_on_again_leave_the_file_as_it_was(root: Path) -> None:
    path = root / "stacks" / "Pulumi.usgov.yaml"
    before = path.read_text()
    status, said = run("usgov", "off", "--reason", "incident 4711: agents cannot work")
    assert status == 0, said
    assert "for every template" in said
    switch = yaml.safe_load(path.read_text())["config"][KEY]
    assert switch == {
        "state": "off",
        "reason": "incident 4711: agents cannot work",
        "who": "grace",
        "until": str((datetime.now(UTC) + timedelta(hours=24)).date()),
    }
    assert set(stacks.policies("usgov", root)) == set()
    assert run("usgov", "on")[0] == 0
    assert path.read_text() == before
    assert set(stacks.policies("usgov", root)) == {"firewalled"}


def test_a_file_of_windows_lines_stays_one(root: Path) -> None:
    path = root / "stacks" / "Pulumi.dev.yaml"
    before = path.read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(before)
    assert run("dev", "off", "--reason", "incident")[0] == 0
    switched = path.read_bytes()
    assert switched.count(b"\n") == switched.count(b"\r\n") == before.count(b"\n") + 1
    assert run("dev", "on")[0] == 0
    assert path.read_bytes() == before


def test_off_again_extends_it(root: Path) -> None:
    run("dev", "off", "--reason", "one")
    status, _ = run("dev", "off", "--reason", "two", "--until", str(TODAY + timedelta(days=3)))
    assert status == 0
    text = (root / "stacks" / "Pulumi.dev.yaml").read_text()
    assert text.count(KEY) == 1
    assert '"two"' in text


def test_one_template_alone(root: Path) -> None:
    path = root / "stacks" / "Pulumi.dev.yaml"
    document = yaml.safe_load(path.read_text())
    document["config"]["firewalled-coder:templates"].append({"name": "second", "firewall": {}})
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    assert run("dev", "off", "--reason", "one", "--template", "second")[0] == 0
    assert set(stacks.policies("dev", root)) == {"firewalled"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dev", "off"), "--reason is required"),
        (("dev", "off", "--reason", " "), "--reason is required"),
        (("dev", "off", "--reason", "x", "--until", "2999-01-01"), "7 days"),
        (("dev", "off", "--reason", "x", "--template", "nope"), "no such template"),
        (("nope", "on"), "no stack 'nope'; there are dev, usgov"),
    ],
)
def test_what_is_refused_changes_nothing(
    root: Path, arguments: tuple[str, ...], message: str
) -> None:
    path = root / "stacks" / "Pulumi.dev.yaml"
    before = path.read_text()
    status, said = run(*arguments)
    assert status == 1
    assert message in " ".join(said.split())
    assert path.read_text() == before


def test_after_its_last_day_everything_fails_and_says_the_way_back(root: Path) -> None:
    path = root / "stacks" / "Pulumi.dev.yaml"
    switch = {"state": "off", "reason": "x", "until": str(TODAY - timedelta(days=1))}
    path.write_text(written(path.read_text(), switch))
    with pytest.raises(SettingsError, match="firewall STACK on") as refused:
        stacks.settings("dev", root)
    assert len(refused.value.problems) == 1
    assert set_switch(root, "dev", None) == path
    stacks.settings("dev", root)


def test_a_switch_that_stands_over_several_lines_is_taken_out_whole() -> None:
    text = (
        "# top\nconfig:  # the settings\n  a: 1\n"
        f"  {KEY}:\n    state: off\n\n    reason: x\n  b: 2  # kept\n"
    )
    assert written(text, None) == "# top\nconfig:  # the settings\n  a: 1\n  b: 2  # kept\n"


def test_an_unusual_layout_is_refused() -> None:
    with pytest.raises(SwitchError, match="by hand"):
        written("config: {a: 1}\n", {"state": "off"})


@pytest.mark.parametrize("switch", [None, {"state": "off"}])
def test_a_switch_without_the_projects_name_is_not_passed_over(
    root: Path, switch: dict[str, str] | None
) -> None:
    """The engine reads it; to write a second one, or to say that none is left, would be untrue."""
    path = root / "stacks" / "Pulumi.dev.yaml"
    text = path.read_text()
    short = f'  firewall: {{state: "off", reason: x, who: ada, until: "{TODAY}"}}\n'
    path.write_text(text + short)
    assert stacks.settings("dev", root).switched_off
    with pytest.raises(SwitchError, match="just `firewall`: give it all its name"):
        set_switch(root, "dev", switch)
    assert path.read_text() == text + short
    path.write_text(text + short + short.replace("firewall:", f"{KEY}:"))
    with pytest.raises(SettingsError, match="firewall: stands twice"):
        stacks.settings("dev", root)


def test_the_next_step_of_a_protected_stack_has_a_plan(root: Path) -> None:
    _, said = run("usgov", "off", "--reason", "x")
    assert "up usgov --plan FILE" in said
    _, said = run("dev", "off", "--reason", "x")
    assert said.endswith("commit it, then: python -m ops up dev\n")


def test_a_template_without_a_firewall_is_refused(root: Path) -> None:
    path = root / "stacks" / "Pulumi.dev.yaml"
    document = yaml.safe_load(path.read_text())
    templates = document["config"]["firewalled-coder:templates"]
    bare = next(each["name"] for each in templates if not each.get("firewall"))
    before = path.read_text()
    status, said = run("dev", "off", "--reason", "x", "--template", bare)
    assert status == 1
    assert f'firewall.templates[0] = "{bare}": it has no firewall to switch off; those that' in said
    assert path.read_text() == before


def test_on_without_a_switch_writes_nothing(root: Path) -> None:
    path = root / "stacks" / "Pulumi.dev.yaml"
    before = path.read_text()
    status, said = run("dev", "on")
    assert status == 0
    assert "is on already; nothing was written" in said
    assert path.read_text() == before


def test_a_reason_that_is_no_utf_8_is_refused(root: Path) -> None:
    before = (root / "stacks" / "Pulumi.dev.yaml").read_text()
    status, said = run("dev", "off", "--reason", os.fsdecode(b"caf\xe9"))
    assert (status, said) == (
        1,
        "error: --reason and --template take text in UTF-8; nothing was written\n",
    )
    assert (root / "stacks" / "Pulumi.dev.yaml").read_text() == before
