"""Makes a checkout's `.venv`: `python3.11 -m toolchain.packages .venv`.

The packages are installed once a user, beside the tools that are built, in a folder named by the
digest of what is to be installed; `.venv` leads there. Checkouts that want the same packages share
them, and those that no checkout's `.venv` leads to any more are removed. Needs nothing but Python.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

from toolchain import tools

REQUIREMENTS = "requirements-dev.txt"
_FILES = ("requirements*.txt", "sdks/**/*.py", "sdks/**/*.toml", "sdks/**/*.json")
_READY = ".ready"
_LINKS = ".links"


class InstallError(RuntimeError):
    """The packages cannot be installed; the message says why."""


def main(arguments: list[str]) -> int:
    """Make the environment that the only argument names; return the exit status."""
    link = Path(arguments[0])
    try:
        provide(link.absolute())
    except InstallError as error:
        tools.report(f"error: {error}")
        return 1
    return 0


def provide(link: Path, root: Path = tools.ROOT, progress: tools.Progress = tools.report) -> None:
    """Have `link` lead to the packages of a checkout, installed first where they are not yet.

    Raises:
        InstallError: pip fails; nothing is left that could be taken for whole.
    """
    if link.is_dir() and not link.is_symlink():
        _install(link, root, progress)
        return
    home = place(root)
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / "packages.lock").open("w") as lock:
        # Two checkouts at once install them once.
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another checkout installs Python packages: waiting for that")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not _whole(home):
            shutil.rmtree(home, ignore_errors=True)
            _install(home, root, progress)
            (home / _READY).touch()
        _lead(link, home)
        for other in home.parent.glob("packages-*"):
            if other != home and not _used(other):
                shutil.rmtree(other, ignore_errors=True)


def place(root: Path) -> Path:
    """Return the folder for what a checkout installs with this Python."""
    digest = hashlib.sha256(f"{sys.version}\0{sys.base_prefix}\0".encode())
    found = {file for pattern in _FILES for file in root.glob(pattern) if file.is_file()}
    for file in sorted(found):
        inner = file.relative_to(root)
        # What an installation leaves beside a package's source.
        if "build" not in inner.parts:
            digest.update(f"{inner}\0".encode() + file.read_bytes() + b"\0")
    return tools.cache() / f"packages-{digest.hexdigest()[:16]}"


def _whole(home: Path) -> bool:
    """Return whether an installation came to its end, and its Python is still there."""
    return (home / _READY).exists() and (home / "bin" / "python").exists()


def _install(home: Path, root: Path, progress: tools.Progress) -> None:
    """Install into an environment, which is made if it is not there; raises InstallError."""
    progress("installing the Python packages (once; a minute or two)")
    started = time.monotonic()
    python = home / "bin" / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(home)], root)
    # Compiled as they are used: most of the packages' modules never are.
    options = ("--quiet", "--no-compile", "--disable-pip-version-check")
    _run([str(python), "-m", "pip", "install", *options, "--requirement", REQUIREMENTS], root)
    progress(f"installed the Python packages in {time.monotonic() - started:.0f} s")


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, check=False)
    if done.returncode != 0:
        raise InstallError(
            f"`{' '.join(command)}` ended with exit status {done.returncode} for the reason above; "
            "the same `make` begins anew"
        )


def _lead(link: Path, home: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(home)
    known = _links(home)
    if link not in known:
        (home / _LINKS).write_text("".join(f"{each}\n" for each in (*known, link)))


def _links(home: Path) -> list[Path]:
    file = home / _LINKS
    return [Path(line) for line in file.read_text().splitlines()] if file.exists() else []


def _used(home: Path) -> bool:
    return any(link.is_symlink() and link.readlink() == home for link in _links(home))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
