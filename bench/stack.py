"""Preview and up of the stack local against an empty program on the same engine, same run.

Prints ratios: preview at most 2.0 times the floor, 100 templates at most 6 times one template,
and the peak memory of the program, under 250 MB.
"""

from __future__ import annotations

import copy
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation

from local import tools
from local.environment import Environment
from ops import engine

REPEATS = 5


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def median(action: Callable[[], object]) -> float:
    action()
    return statistics.median(seconds(action) for _ in range(REPEATS))


def floor(environment: Environment, command: automation.PulumiCommand) -> automation.Stack:
    return automation.create_or_select_stack(
        "floor",
        project_name="floor",
        program=lambda: None,
        opts=automation.LocalWorkspaceOptions(
            pulumi_command=command, env_vars=environment.variables()
        ),
    )


def templates(count: int) -> dict[str, Any]:
    document = yaml.safe_load((tools.ROOT / "stacks" / "Pulumi.local.yaml").read_text())
    first = document["config"]["firewalled-coder:templates"][0]
    return {"templates": [{**copy.deepcopy(first), "name": f"t{i}"} for i in range(count)]}


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        environment = Environment(tools.ROOT, Path(folder))
        try:
            environment.start()
            return measure(environment)
        finally:
            environment.remove()


def measure(environment: Environment) -> int:
    def previewed(changes: dict[str, Any] | None, up: bool = False) -> tuple[float, float, float]:
        with engine.session("local", tools.report, state=environment.state, changes=changes) as s:
            empty = floor(environment, s.stack.workspace.pulumi_command)
            base = median(empty.preview)
            preview = median(s.stack.preview)
            ups = (seconds(s.stack.up), median(empty.up)) if up else (0.0, 1.0)
            return base, preview, ups[0] / ups[1]

    base, preview, _ = previewed(None)
    megabytes = peak_megabytes()
    _, one, _ = previewed(templates(1))
    _, hundred, _ = previewed(templates(100))
    _, warm, up = previewed(None, up=True)
    lines = [
        ("empty preview, the floor", base, "s"),
        ("preview of local, nothing there", preview / base, "times the floor, at most 2.0"),
        ("preview of local, up to date", warm / base, "times the floor, at most 2.0"),
        ("first up of local", up, "times an empty up"),
        ("100 templates", hundred / one, "times one template, at most 6"),
        ("peak memory of the program", megabytes, "MB, under 250"),
    ]
    for name, value, unit in lines:
        sys.stdout.write(f"{name:<36} {value:8.2f} {unit}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
