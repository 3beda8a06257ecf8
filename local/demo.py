"""Shows the stack `local` from nothing: `make demo`.

First what needs no tool, so that there is something to read while the tools are built; then the
stack, and at the end where the time went.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from components.errors import OperatorError
from local.environment import Environment
from toolchain import tools

STACK = "local"
INSTALLING = "build/installing"
"""Written by the Makefile when it begins to install the packages, in seconds since 1970."""
INSTALLED = "build/packages"
"""Touched by the Makefile when they are there."""
PREVIEW = "build/preview-local.md"
URLS = (
    "https://api.github.com/repos/coder/coder",
    "https://pypi.org/simple/requests/",
    "https://registry.npmjs.org/express",
    "https://pastebin.com/",
)
"""What people ask first: code, Python's packages, npm's, and a place to take data to."""

_JUST_NOW: float = 30.0

Step = tuple[str, Callable[[], int]]


def ops(*arguments: str, passes: Sequence[int] = (0,)) -> int:
    """Run a command of `python -m ops`; return 0 if it ended with a status of `passes`."""
    code = subprocess.run(
        [sys.executable, "-m", "ops", *arguments], cwd=tools.ROOT, check=False
    ).returncode
    return 0 if code in passes else code


def start() -> int:
    """Build what is missing and start the stack's stand-ins."""
    try:
        Environment().start(tools.report)
    except (tools.ToolError, OperatorError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


STEPS: tuple[Step, ...] = (
    # 1 is the status where a URL is denied, as some of them are.
    ("what an agent may reach", lambda: ops("explain", STACK, *URLS, passes=(0, 1))),
    ("the API server and the stand-ins", start),
    ("the preview", lambda: ops("preview", STACK, "--out", PREVIEW)),
    ("the update", lambda: ops("up", STACK)),
)


def installed() -> Iterator[tuple[str, float]]:
    """Yield how long this run of `make demo` took to install the packages, if it did."""
    started, done = tools.ROOT / INSTALLING, tools.ROOT / INSTALLED
    with suppress(OSError, ValueError):
        ended = done.stat().st_mtime
        # Not by an earlier `make test`.
        if time.time() - ended < _JUST_NOW:
            yield "the packages", ended - float(started.read_text(encoding="utf-8"))


def main(steps: Sequence[Step] = STEPS, clock: Callable[[], float] = time.monotonic) -> int:
    """Run the steps up to the first that fails, and say how long each took; return its status."""
    (tools.ROOT / PREVIEW).parent.mkdir(exist_ok=True)
    taken = list(installed())
    code = 0
    for name, run in steps:
        sys.stdout.write(f"\n== {name}\n\n")
        sys.stdout.flush()
        began, built = clock(), len(tools.built)
        code = run()
        taken.append((name, clock() - began))
        taken += [(f"  built {tool}", seconds) for tool, seconds in tools.built[built:]]
        if code != 0:
            break
    # Tools are built two at a time, so together they may take more than their step.
    width = max(len(name) for name, _ in taken)
    sys.stdout.write("\nWhere the time went\n")
    sys.stdout.writelines(f"  {name:{width}}  {seconds:6.1f} s\n" for name, seconds in taken)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
