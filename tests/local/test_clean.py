"""What `make clean` removes, and what it leaves."""

from pathlib import Path

import pytest

from local import clean
from ops.verification.state import RunState


def test_only_what_is_the_local_stacks_is_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = ["build/preview-local.md", "build/verify/local.json"]
    others = ["build/plans/local.json", "build/dashboards/a.json", "build/conformance/me/state"]
    for name in (*ours, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert RunState(tmp_path, "local", "").path == tmp_path / ours[1]
    assert clean.main(tmp_path) == 0
    assert [name for name in ours if (tmp_path / name).exists()] == []
    assert [name for name in others if not (tmp_path / name).exists()] == []
    assert capsys.readouterr().out.splitlines() == [
        "there is no local stack",
        *(f"removed {name}" for name in ours),
    ]
    assert clean.main(tmp_path) == 0
