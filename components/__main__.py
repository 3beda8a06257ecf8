"""What Pulumi runs for a program that uses the components as a package; see PulumiPlugin.yaml."""

import sys
from pathlib import Path

# Python puts this folder first, in which no module has the name by which it is imported.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from components.package.serve import serve  # noqa: E402

if __name__ == "__main__":
    serve()
