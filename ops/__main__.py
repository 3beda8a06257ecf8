"""Entry point of `python -m ops`."""

from ops import streams
from ops.cli import app

if __name__ == "__main__":
    streams.prepare()
    app(prog_name="python -m ops")
