"""A folder with the stacks' settings, which a test may change."""

from pathlib import Path

import pytest

from ops import project
from tests.ops.explain.asking import ROOT


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stacks").mkdir()
    for name in ("dev", "usgov"):
        file = f"stacks/Pulumi.{name}.yaml"
        (tmp_path / file).write_text((ROOT / file).read_text())
    monkeypatch.setattr(project, "ROOT", tmp_path)
    return tmp_path
