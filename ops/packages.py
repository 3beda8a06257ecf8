"""Installs the Python packages of an earlier commit, in an environment of their own."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

from components.errors import OperatorError
from ops import engine


class PackagesError(OperatorError):
    """The packages of an earlier commit cannot be installed; the message says why."""


def python_for(old: Path, present: Path, progress: engine.Progress) -> Path:
    """Return a Python with the packages of the checkout `old`, and so its provider versions."""
    wanted = digest(old)
    if wanted == digest(present):
        return Path(sys.executable)
    home = environments() / wanted
    python = home / "bin" / "python"
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        # Two rollbacks at once install it once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / ".ready").exists():
            progress("installing the packages of that commit, which differ from the present ones")
            install(python, home, old)
            (home / ".ready").touch()
    return python


def environments() -> Path:
    """Return where the environments of earlier commits are kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "firewalled-coder" / "environments"


def install(python: Path, home: Path, checkout: Path) -> None:
    """Make an environment at `home` with what a checkout needs; raises PackagesError."""
    # The pip that is here installs for another Python too; to give that one its own takes seconds.
    here = find_spec("pip") is not None
    venv.create(home, with_pip=not here, clear=True)
    pip = (
        (sys.executable, "-m", "pip", "--python", str(python))
        if here
        else (str(python), "-m", "pip")
    )
    done = subprocess.run(
        [
            *(*pip, "install", "--disable-pip-version-check", "--quiet"),
            *("--requirement", "requirements.txt"),
        ],
        cwd=checkout,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise PackagesError(
            "the packages of that commit cannot be installed: "
            f"{said[-1].removeprefix('ERROR: ') if said else 'see pip'}; choose another "
            "update with --to"
        )


def digest(root: Path) -> str:
    """Return a digest of what a checkout installs."""
    whole = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    files = [root / "requirements.txt"]
    for suffix in ("*.py", "*.toml", "*.json"):
        files += (root / "sdks").rglob(suffix)
    for path in sorted(files):
        inner = path.relative_to(root)
        if path.is_file() and not {"build", "__pycache__"} & set(inner.parts):
            whole.update(f"{inner}\0".encode() + path.read_bytes() + b"\0")
    return whole.hexdigest()[:24]
