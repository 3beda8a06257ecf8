"""What does not run the engine does not load its SDK: help, and explaining URLs, which is quick."""

import subprocess
import sys
from pathlib import Path

import pytest

from ops.cli import NAMES
from ops.project import ROOT

# Longer to load than everything else together.
SLOW = ("pulumi", "pulumi_kubernetes", "grpc", "grafana_foundation_sdk")
# What reads installed packages, for plugins of pydantic that there are none of; pictures of words.
NEEDLESS = ("importlib.metadata", "email", "zipfile", "rich._emoji_codes")
RUN = f"""
import runpy, sys
sys.argv = ["ops", *sys.argv[1:]]
try:
    runpy.run_module("ops", run_name="__main__")
except SystemExit as end:
    status = end.code
print("loaded:", *sorted(set(sys.modules) & set({SLOW + NEEDLESS!r})), file=sys.stderr)
sys.exit(status)
"""


def run(*arguments: str) -> tuple[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout, done.stderr.strip().splitlines()[-1].split()[1:]


@pytest.mark.parametrize("command", [(), *[(name,) for name in NAMES]])
def test_help_loads_no_engine(command: tuple[str, ...]) -> None:
    said, loaded = run(*command, "--help")
    assert [module for module in loaded if module in SLOW] == []
    assert " ".join(("Usage: python -m ops", *command)) in said


def test_the_help_names_every_command() -> None:
    said, _ = run("--help")
    assert [name for name in NAMES if f"│ {name} " not in said] == []


@pytest.mark.parametrize(
    "options", [(), ("--json",), ("--method", "HEAD")], ids=["table", "json", "method"]
)
def test_explaining_a_url_loads_nothing_needless(options: tuple[str, ...]) -> None:
    said, loaded = run("explain", "dev", "https://github.com/", *options)
    assert loaded == []
    assert "domain=github.com" in said


def test_what_runs_the_engine_is_seen_to_load_it() -> None:
    _, loaded = run("explain", "dev", "https://github.com/")
    assert loaded == []
    done = subprocess.run(
        [sys.executable, "-c", RUN.replace("try:", "import ops.engine\ntry:"), "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pulumi" in done.stderr.split()


def test_a_python_without_the_packages_says_where_they_are(tmp_path: Path) -> None:
    # -I: neither PYTHONPATH nor a user's own packages; -S: none of the environment's either.
    run = (
        f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['ops', 'history']; "
        "runpy.run_module('ops', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", run],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {sys.executable} has no package typer: `make packages` installs all, and "
        "`. .venv/bin/activate` uses them\n"
    )
