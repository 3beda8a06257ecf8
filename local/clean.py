"""Ends every process of the local stack and removes its state: `python -m local.clean`."""

from __future__ import annotations

import shutil
import sys

from local.environment import Environment
from toolchain import tools


def main() -> int:
    """Remove the local environment of this checkout."""
    environment = Environment()
    if environment.exists:
        environment.remove()
        sys.stdout.write(f"ended the local stack and removed {environment.state}\n")
    else:
        sys.stdout.write("there is no local stack\n")
    shutil.rmtree(tools.ROOT / "build", ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
