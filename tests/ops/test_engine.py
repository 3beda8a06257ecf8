"""The program as ops runs it on the engine."""

from pathlib import Path

import pulumi
import pytest

from components.settings import stored
from ops import engine


def test_what_the_local_copy_leaves_out_is_refused_before_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi, "get_stack", lambda: "dev")
    ran: list[Path] = []
    monkeypatch.setattr(engine.host, "run_program", lambda root, work_dir: ran.append(work_dir))
    path = stored.file_of("dev", tmp_path)
    path.parent.mkdir()
    path.write_text("config:\n  firewalled-coder:secrets: {coderToken: hunter2}\n")
    run = engine.program(tmp_path / "workspace", tmp_path)
    with pytest.raises(pulumi.RunError, match=r"secrets\.coderToken = \[secret\]: stands") as told:
        run()
    assert "hunter2" not in str(told.value)
    assert ran == []
    path.write_text("config:\n  firewalled-coder:secrets: {coderToken: {secure: AAAB}}\n")
    run()
    assert ran == [tmp_path / "workspace"]
