"""What Pulumi runs for a program that uses the components as a package; see PulumiPlugin.yaml."""

import atexit
import gc
import sys
from pathlib import Path

# What a start makes stays: to look for garbage in it takes a third of the start, see
# ops/startup.py. The engine starts this once an operation.
gc.set_threshold(100_000)
atexit.register(gc.freeze)

# Python puts this folder first, in which no module has the name by which it is imported.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from components.package.serve import serve  # noqa: E402

if __name__ == "__main__":
    serve()
