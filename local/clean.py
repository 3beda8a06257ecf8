"""Ends every process of the local stack and removes its state: `python -m local.clean`.

Of build/ that is what the demonstration and `verify local` leave there. The rest is what people
wrote, such as plans and dashboards, and the state of other stacks' conformance runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from local import demo
from local.environment import Environment
from toolchain import tools

LEFT: Final = (Path(demo.PREVIEW), Path("build", "verify", f"{demo.STACK}.json"))
"""Files of the local stack outside of its state, below the checkout."""


def main(root: Path = tools.ROOT) -> int:
    """Remove the local environment of the checkout at `root`, and say what is removed."""
    environment = Environment(root)
    if environment.exists:
        environment.remove()
        sys.stdout.write(f"ended the local stack and removed {environment.state}\n")
    else:
        sys.stdout.write("there is no local stack\n")
    for file in LEFT:
        if (root / file).exists():
            (root / file).unlink()
            sys.stdout.write(f"removed {file}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
