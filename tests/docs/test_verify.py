"""What docs/verify.md and docs/pipelines.md have an auditor run, run on evidence."""

import re
import subprocess
from pathlib import Path

import pytest

from ops.verification import evidence, signature
from ops.verification.catalogue import CATALOGUE
from ops.verification.model import CheckGroup
from tests.ops.verification.test_evidence import EVIDENCE

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "verify.md").read_text(encoding="utf-8")
PIPELINES = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")


def commands(page: str, title: str) -> list[str]:
    """The lines of the first block of code in a section."""
    section = page.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]
    return section.split("```\n")[1].splitlines()


def run(command: str, folder: Path) -> int:
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, check=False
    ).returncode


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Evidence signed by a key that is made as the page of pipelines says."""
    for command in commands(PIPELINES, "The evidence"):
        assert run(command, tmp_path) == 0
    signature.sign(evidence.write(EVIDENCE, tmp_path / "of-dev"), str(tmp_path / "evidence-key"))
    return tmp_path / "of-dev"


def test_an_auditor_finds_it_whole_and_signed(folder: Path) -> None:
    lines = commands(PAGE, "Checking evidence")
    assert [run(line, folder) for line in lines] == [0, 0]
    signers = str(folder.parent / "allowed-signers")
    told = signature.verify(folder / evidence.SUMS, signers)
    assert told == "signed by evidence@example.com"


@pytest.mark.parametrize(
    ("file", "statuses"),
    [(evidence.DATA, (1, 0)), (evidence.PAGE, (1, 0)), (evidence.SUMS, (1, 255))],
)
def test_an_auditor_finds_what_was_changed(
    file: str, statuses: tuple[int, int], folder: Path
) -> None:
    with (folder / file).open("a") as changed:
        changed.write("and more\n")
    lines = commands(PAGE, "Checking evidence")
    assert tuple(run(line, folder) for line in lines) == statuses


def test_every_group_is_in_the_table() -> None:
    named = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert named == [group.value for group in CheckGroup]
    for check in re.findall(r"`((?:preflight|path|jail|audit|mcp)\.\w+)`", PAGE):
        assert check in CATALOGUE
