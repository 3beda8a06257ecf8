"""Where the project is, what its parts are called, and the error of an operator's command.

Nothing here needs the engine, so that what does not run it starts quickly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""

PROJECT: Final = "firewalled-coder"
"""Name of the Pulumi project, before every key of a stack's settings."""

LOCAL: Final = "local"
"""The stack that runs on this machine."""
