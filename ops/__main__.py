"""Entry point of `python -m ops`."""

from ops import startup, streams

if __name__ == "__main__":
    startup.prepare()
    from ops.cli import app

    streams.prepare()
    app(prog_name="python -m ops")
