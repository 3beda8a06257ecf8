"""The packages of checkouts, installed once for all that want the same.

`make` itself runs the real pip; here one that knows a single package takes its place.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from toolchain import packages, tools


def run(command: list[str], *, cwd: Path, check: bool) -> subprocess.CompletedProcess[bytes]:
    """Do what `python -m venv FOLDER` and `python -m pip install ... --requirement FILE` do."""
    if command[1:3] == ["-m", "venv"]:
        (Path(command[3]) / "bin").mkdir(parents=True)
        (Path(command[3]) / "bin/python").symlink_to(sys.executable)
        return subprocess.CompletedProcess(command, 0)
    assert command[1:4] == ["-m", "pip", "install"]
    assert command[-2:] == ["--requirement", "requirements-dev.txt"]
    own = cwd / "sdks/own/own.py"
    if not own.exists():
        sys.stderr.write("ERROR: Directory './sdks/own' is not installable\n")
        return subprocess.CompletedProcess(command, 1)
    (Path(command[0]).parent.parent / "own.py").write_bytes(own.read_bytes())
    return subprocess.CompletedProcess(command, 0)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIREWALLED_CODER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(packages.subprocess, "run", run)
    return tmp_path / "cache"


def checkout(root: Path, version: str = "1.0") -> Path:
    own = root / "sdks/own"
    own.mkdir(parents=True, exist_ok=True)
    (own / "own.py").write_text(version)
    (root / "requirements.txt").write_text("./sdks/own\n")
    (root / "requirements-dev.txt").write_text("-r requirements.txt\n")
    return root


def provided(root: Path) -> list[str]:
    """Provide for a checkout; return what was said."""
    said: list[str] = []
    packages.provide(root / ".venv", root, said.append)
    return [line.partition(" (")[0].partition(" in ")[0] for line in said]


def version(root: Path) -> str:
    return (root / ".venv/own.py").read_text()


ONCE = ["installing the Python packages", "installed the Python packages"]


def test_checkouts_that_want_the_same_share_what_is_installed_once(
    tmp_path: Path, cache: Path
) -> None:
    one, other = checkout(tmp_path / "one"), checkout(tmp_path / "other")
    assert (provided(one), provided(one), provided(other)) == (ONCE, [], [])
    assert version(one) == version(other) == "1.0"
    assert (one / ".venv").resolve() == (other / ".venv").resolve()

    # Other packages are in another place, and the first stay for whom they are.
    checkout(one, "2.0")
    assert provided(one) == ONCE
    assert (version(one), version(other)) == ("2.0", "1.0")

    # With the last checkout that wants them, they go.
    checkout(other, "2.0")
    assert provided(other) == []
    assert [each.name for each in cache.glob("packages-*")] == [packages.place(one).name]
    assert version(other) == "2.0"


def test_those_of_a_checkout_that_is_gone_are_removed_by_the_next(
    tmp_path: Path, cache: Path
) -> None:
    gone = checkout(tmp_path / "gone")
    provided(gone)
    (gone / ".venv").unlink()
    provided(checkout(tmp_path / "next", "2.0"))
    assert len(list(cache.glob("packages-*"))) == 1


def test_what_fails_is_not_taken_for_whole_and_begins_anew(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = checkout(tmp_path / "one")
    (root / "sdks/own/own.py").unlink()
    with pytest.raises(packages.InstallError, match=r"pip install .* ended with exit status 1"):
        provided(root)
    assert "not installable" in capfd.readouterr().err
    assert not (root / ".venv").exists()
    # As one that was killed leaves it: a folder without its end.
    checkout(root)
    home = packages.place(root)
    (home / "bin").mkdir(parents=True)
    (home / "bin/python").symlink_to(sys.executable)
    assert provided(root) == ONCE
    assert version(root) == "1.0"


def test_an_environment_whose_python_went_is_made_anew(tmp_path: Path) -> None:
    root = checkout(tmp_path / "one")
    provided(root)
    (packages.place(root) / "bin/python").unlink()
    assert provided(root) == ONCE
    assert version(root) == "1.0"


def test_a_folder_of_somebodys_own_stays_and_gets_the_packages(tmp_path: Path, cache: Path) -> None:
    root = checkout(tmp_path / "one")
    run([sys.executable, "-m", "venv", str(root / ".venv")], cwd=root, check=True)
    (root / ".venv/own-note").touch()
    assert provided(root) == ONCE
    assert version(root) == "1.0"
    assert (root / ".venv/own-note").exists()
    assert not (root / ".venv").is_symlink()
    assert not list(cache.glob("packages-*"))


def test_another_file_that_is_installed_is_another_place(tmp_path: Path) -> None:
    one, other = checkout(tmp_path / "one"), checkout(tmp_path / "other")
    assert packages.place(one) == packages.place(other)
    # What pip leaves in a source is none of it.
    (one / "sdks/own/build").mkdir()
    (one / "sdks/own/build/own.py").touch()
    assert packages.place(one) == packages.place(other)
    (one / "requirements-dev.txt").write_text("-r requirements.txt\n# and more\n")
    assert packages.place(one) != packages.place(other)
    assert packages.place(one).parent == tools.cache()


def test_a_failure_is_one_line_and_an_exit_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise packages.InstallError("pip does not answer")

    monkeypatch.setattr(packages, "provide", fails)
    assert packages.main([str(tmp_path / ".venv")]) == 1
    assert capfd.readouterr().err == "error: pip does not answer\n"
