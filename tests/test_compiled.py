"""What is compiled before the tests is what pytest would make of them, as they are now."""

import subprocess
import sys
from pathlib import Path

from tests.compiled import rewritten


def test_what_pytest_finds_is_not_rewritten_anew(tmp_path: Path) -> None:
    file = tmp_path / "test_one.py"
    file.write_text("def test_one():\n    a = 1\n    assert a == 2\n")
    kept = rewritten(file)
    before = kept.stat()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "assert 1 == 2" in done.stdout
    assert [*kept.parent.glob("test_one*")] == [kept]
    assert (kept.stat().st_mtime_ns, kept.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    file.write_text("def test_one():\n    assert True\n")
    assert rewritten(file).stat().st_ino != before.st_ino
