"""What the components read beside their modules is in the package that pip installs."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# What the engine looks at in a checkout, before pip has installed anything.
OF_A_CHECKOUT = {"components/PulumiPlugin.yaml", "components/requirements.txt"}


def test_every_file_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    data = project["tool"]["setuptools"]["package-data"]
    installed = {
        str(path.relative_to(ROOT))
        for package, patterns in data.items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
        if path.is_file()
    }
    there = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "components").rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert there - installed == OF_A_CHECKOUT
