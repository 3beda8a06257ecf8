"""What `make` does for a goal, told by a dry run on a checkout without an environment."""

import subprocess
from pathlib import Path

import pytest

from toolchain.tools import ROOT


def recipes(goals: str, folder: Path) -> str:
    command = ["make", "--dry-run", f"VENV={folder / 'none'}", *goals.split()]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("goals", ["demo", "test", "tools", "lint unit"])
def test_etcd_is_built_while_packages_are_installed_for_what_starts_a_cluster(
    goals: str, tmp_path: Path
) -> None:
    first, _, _ = recipes(goals, tmp_path).partition("toolchain.packages")
    assert "toolchain.tools etcd; } > /dev/null 2>&1 &\n" in first


@pytest.mark.parametrize("goals", ["clean", "lint", "lint types", "schema", "sdk", "licences"])
def test_nothing_goes_on_in_the_background_for_what_needs_no_cluster(
    goals: str, tmp_path: Path
) -> None:
    said = recipes(goals, tmp_path)
    assert "toolchain.packages" in said
    assert "toolchain.tools etcd" not in said
