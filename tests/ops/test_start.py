"""What does not run the engine does not load its SDK: help, and explaining URLs, which is quick."""

import json
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
import contextlib, io, json, runpy, sys
watched = set({SLOW + NEEDLESS!r})
found = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["ops", *arguments]
    before = watched & set(sys.modules)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            runpy.run_module("ops", run_name="__main__")
        except SystemExit as end:
            status = end.code or 0
    found.append([status, said.getvalue(), sorted(watched & set(sys.modules) - before)])
print(json.dumps(found))
"""
Found = tuple[int, str, list[str]]


def run(*commands: tuple[str, ...]) -> list[Found]:
    """Run commands in one Python, in a row.

    Returns status and answer of each, and what it loaded that is slow or needless and none before
    it had loaded: where none did, none of them would have in a Python of its own.
    """
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(commands)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return [(status, said, loaded) for status, said, loaded in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def helps() -> dict[tuple[str, ...], Found]:
    """The help of all commands together and of each, by its words."""
    commands = [(), *[(name,) for name in NAMES]]
    found = run(*[(*command, "--help") for command in commands])
    return dict(zip(commands, found, strict=True))


@pytest.mark.parametrize("command", [(), *[(name,) for name in NAMES]])
def test_help_loads_no_engine(
    command: tuple[str, ...], helps: dict[tuple[str, ...], Found]
) -> None:
    status, said, loaded = helps[command]
    assert status == 0
    assert [module for module in loaded if module in SLOW] == []
    assert " ".join(("Usage: python -m ops", *command)) in said


FRESH = """
import os, runpy, sys
import grpc, httpx, pulumi.automation, pulumi_kubernetes, rich.table, typer._adapters, zoneinfo
from pydantic import BaseModel, Field, TypeAdapter, field_validator  # loaded as they are asked for
for words in sys.argv[1:]:
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        print(words, os.waitstatus_to_exitcode(status), flush=True)
        continue
    sys.argv[1:] = [*words.split(), "nosuch"]
    runpy.run_module("ops", run_name="__main__", alter_sys=True)
"""


def test_each_command_loads_what_it_needs_itself() -> None:
    """Each in a process that has loaded the packages of others, and nothing of ours."""
    commands = (
        *("adopt", "cancel", "destroy --yes", "history", "refresh", "rollback", "up", "verify"),
        "mcp-probe",
    )
    done = subprocess.run(
        [sys.executable, "-c", FRESH, *commands],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout.splitlines() == [f"{words} 1" for words in commands], done.stderr


def test_the_help_names_every_command(helps: dict[tuple[str, ...], Found]) -> None:
    _, said, _ = helps[()]
    assert [name for name in NAMES if f"│ {name} " not in said] == []


def test_explaining_a_url_loads_nothing_needless() -> None:
    asked = ("explain", "dev", "https://github.com/")
    found = run(asked, (*asked, "--json"), (*asked, "--method", "HEAD"))
    for status, said, loaded in found:
        assert (status, loaded) == (0, [])
        assert "domain=github.com" in said


def test_what_runs_the_engine_is_seen_to_load_it() -> None:
    (_, _, of_help), (status, _, of_history) = run(("--help",), ("history", "nosuch"))
    assert "pulumi" not in of_help
    assert (status, "pulumi" in of_history) == (1, True)


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
