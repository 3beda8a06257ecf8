"""Where the files are that templates are made of."""

from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parent / "terraform"
"""HCL as HCL, and scripts as scripts."""
