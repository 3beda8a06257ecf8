"""A stack's file without settings, or that is none: one clear error from every command."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

# Commands are loaded when asked for, and what they default to is the checkout of that moment.
from ops import (  # noqa: F401
    adopt,
    dashboards,
    mcp_probe,
    preview,
    project,
    rollback,
    rollback_settings,
    stacks,
    up,
)
from ops.cli import app
from ops.firewall import SwitchError, set_switch

EMPTY = ["", "config:\n", "config: {}\n", "encryptionsalt: v1:x\n", "# nothing\n"]
NONE = ["[]\n", "config: []\n", "config: text\n", "text\n"]
BYTES = [text.encode() for text in (*EMPTY, *NONE)] + [b"config: \xff\n", b"config: [\n"]


@pytest.mark.parametrize("content", BYTES)
@pytest.mark.parametrize("switch", [None, {"state": "off"}])
def test_the_switch_is_refused_and_the_file_stays(
    tmp_path: Path, content: bytes, switch: dict[str, str] | None
) -> None:
    path = tmp_path / "stacks" / "Pulumi.dev.yaml"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(SwitchError, match=r"no settings under|not YAML"):
        set_switch(tmp_path, "dev", switch)
    assert path.read_bytes() == content


@pytest.mark.parametrize("present", EMPTY)
@pytest.mark.parametrize("earlier", EMPTY)
def test_a_rollback_keeps_the_secrets_that_there_are(
    tmp_path: Path, present: str, earlier: str
) -> None:
    old, now = checkouts(tmp_path, earlier.encode(), present.encode())
    rollback_settings.keep_secrets(old, now, "dev")
    found = yaml.safe_load((old / "stacks" / "Pulumi.dev.yaml").read_text())
    assert found["config"] == {}
    assert ("encryptionsalt" in found) == ("encryptionsalt" in present)
    assert rollback_settings.switched_off(old, "dev") == ""


@pytest.mark.parametrize("content", [*(text.encode() for text in NONE[1:]), b"config: \xff\n"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_rollback_names_the_file_that_is_none(
    tmp_path: Path, content: bytes, turned: bool
) -> None:
    both = [b"config: {}\n", content]
    old, now = checkouts(tmp_path, *(reversed(both) if turned else both))
    with pytest.raises(rollback.RollbackError, match=r"Pulumi\.dev\.yaml"):
        rollback_settings.keep_secrets(old, now, "dev")


def checkouts(root: Path, earlier: bytes, present: bytes) -> tuple[Path, Path]:
    for name, content in (("old", earlier), ("now", present)):
        (root / name / "stacks").mkdir(parents=True)
        (root / name / "stacks" / "Pulumi.dev.yaml").write_bytes(content)
    return root / "old", root / "now"


@pytest.mark.parametrize("content", BYTES)
@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "dev", "https://example.com/"],
        ["firewall", "dev", "off", "--reason", "one"],
        ["firewall", "dev", "on"],
        ["preview", "dev"],
        ["up", "dev"],
        ["adopt", "dev"],
        ["verify", "dev"],
        ["mcp-probe", "dev"],
        ["dashboards", "dev", "--open-dir", "build"],
    ],
    ids=" ".join,
)
def test_no_command_ends_with_a_traceback(
    arguments: list[str], content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.dev.yaml").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(project, "ROOT", tmp_path)
    read = stacks._read
    monkeypatch.setattr(stacks, "_read", lambda stack, root: read(stack, tmp_path))
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code in {1, 2}, result.output
    assert isinstance(result.exception, SystemExit), result.output
    assert "dev" in result.output or "stack's file" in result.output
