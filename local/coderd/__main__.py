"""Serves the stand-in in the foreground: `python -m local.coderd --state-dir DIR --port PORT`."""

import argparse
import sqlite3
import sys
from pathlib import Path

import uvicorn

from local.coderd import TOKEN_FILE, parse_login
from local.coderd.app import application, seed
from local.coderd.store import Store


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m local.coderd", description=__doc__)
    parser.add_argument("--state-dir", type=Path, required=True, help="directory of the state")
    parser.add_argument("--port", type=int, required=True, help="port of 127.0.0.1")
    parser.add_argument(
        "--external-auth",
        type=parse_login,
        action="append",
        default=[],
        metavar="ID[=USER,...]",
        help="an external login that is configured, and who has logged in to it",
    )
    parser.add_argument("--unlicensed", action="store_true", help="a deployment without licence")
    parser.add_argument("--workspace-url", default="", help="URL by which workspaces know it")
    arguments = parser.parse_args()
    directory: Path = arguments.state_dir
    try:
        token = (directory / TOKEN_FILE).read_text().strip()
        store = Store(directory / "coderd.db")
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")
    except sqlite3.DatabaseError as error:
        sys.exit(f"{directory / 'coderd.db'} cannot be read ({error}): remove it to start anew")
    seed(store, token, dict(arguments.external_auth), not arguments.unlicensed)
    uvicorn.run(
        application(
            store,
            f"http://127.0.0.1:{arguments.port}",
            directory / "workspaces",
            arguments.workspace_url,
        ),
        host="127.0.0.1",
        port=arguments.port,
        log_level="warning",
        access_log=False,
        # As coderd, which ends no idle connection.
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
