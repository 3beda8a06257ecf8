"""Entry point of `python -m ops`."""

import sys

from ops import startup, streams

if __name__ == "__main__":
    startup.prepare()
    try:
        from ops.cli import app
    except ModuleNotFoundError as error:
        sys.exit(startup.missing(error))

    streams.prepare()
    with streams.written():
        app(prog_name="python -m ops")
