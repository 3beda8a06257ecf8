"""How quickly a command starts that needs no engine, beside what it is made with, in one run.

`explain` of one URL takes at most 2.5 times the processor time of a Python that imports typer,
PyYAML and pydantic and does nothing; 2.4 were measured. Of it, half of one is pydantic's own first
model. Every number is the least of rounds in which both take turns. Ends with 1 above the bound.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys

from ops.project import ROOT

ROUNDS = 15
BOUND = 2.5
FLOOR = ("-c", "import typer, yaml, pydantic")
EXPLAIN = ("-m", "ops", "explain", "dev", "https://github.com/")
HELP = ("-m", "ops", "explain", "--help")


def seconds(arguments: tuple[str, ...]) -> float:
    """Return the processor time of a Python of its own, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        # What Python compiled once is kept, as on an operator's machine.
        env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print the floor and each ratio; return 1 when one is above its bound."""
    cases = (FLOOR, EXPLAIN, HELP)
    rounds = [[seconds(case) for case in cases] for _ in range(ROUNDS)]
    floor, explain, told = (min(times) for times in zip(*rounds, strict=True))
    sys.stdout.write(
        f"{'typer, PyYAML and pydantic':<30} {floor * 1e3:6.0f} ms\n"
        f"{'explain of one URL':<30} {explain / floor:6.2f} times that, at most {BOUND}\n"
        f"{'help of explain':<30} {told / floor:6.2f} times that\n"
    )
    return 0 if explain / floor <= BOUND else 1


if __name__ == "__main__":
    raise SystemExit(main())
