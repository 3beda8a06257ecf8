"""Entry point of `python -m ops`."""

import os

# Pydantic asks every installed package for plugins, of which this project uses none, before its
# first model: a tenth of a command's start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from ops import streams
from ops.cli import app

if __name__ == "__main__":
    streams.prepare()
    app(prog_name="python -m ops")
