"""The report of a change of 1,000 rules against the preview that it reports, in one run.

Prints ratios: preview and report together at most 1.3 times the preview alone.
"""

from __future__ import annotations

import copy
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from bench.stack import seconds
from local.environment import PREFIX, Environment
from ops import engine, preview, report
from toolchain import tools

RULES = 1_000
REPEATS = 7
AT_MOST = 1.3


def rules(domain: str) -> dict[str, Any]:
    """Return the policy of the stack local with 1,000 rules of its own on hosts of `domain`."""
    document = yaml.safe_load((tools.ROOT / "stacks" / "Pulumi.local.yaml").read_text())
    policy = copy.deepcopy(document["config"][f"{PREFIX}policy"])
    policy["rules"] = [
        {"rule": f"method=GET,POST domain=h{n}.{domain} path=/v{n}/*", "why": "a benchmark"}
        for n in range(RULES)
    ]
    return {"policy": policy}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        environment = Environment(tools.ROOT, Path(folder))
        try:
            environment.start()
            return measure(environment)
        finally:
            environment.remove()


def measure(environment: Environment) -> int:
    def session(domain: str) -> Any:
        return engine.session("local", tools.report, state=environment.state, changes=rules(domain))

    with session("old.example") as ready:
        ready.stack.up()
    with session("new.example") as ready:
        texts: list[str] = []

        def reported() -> None:
            texts.append(report.to_markdown([preview.assess(ready, "local")]))

        ready.stack.preview()
        reported()
        # One after the other, so that a machine that gets slower is so for both.
        pairs = [(seconds(ready.stack.preview), seconds(reported)) for _ in range(REPEATS)]
        found = preview.assess(ready, "local")
        alone = min(seconds(lambda: report.to_markdown([found])) for _ in range(3))
    # The fastest: what else the machine does makes a run slower, never faster.
    bare, full = (min(times) for times in zip(*pairs, strict=True))
    size = len(texts[-1].encode())
    opened = sum(len(reach.opened) for reach in found.reaches)
    lines = [
        ("preview of 1,000 rules changed", bare, "s"),
        ("preview and its report", full / bare, f"times the preview, at most {AT_MOST}"),
        ("writing the report again", alone * 1000, "ms"),
        ("hosts newly reached", opened, "of 1000"),
        ("size of the report", size / 1024, f"KiB, under {report.LIMIT / 1024:.0f}"),
    ]
    for name, value, unit in lines:
        sys.stdout.write(f"{name:<36} {value:8.2f} {unit}\n")
    return 0 if full / bare <= AT_MOST and size < report.LIMIT and opened == RULES else 1


if __name__ == "__main__":
    raise SystemExit(main())
