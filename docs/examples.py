"""Runs the examples of a page: `python -m docs.examples PAGE` writes what they print into it.

A block ```console holds commands after `$ ` (`> ` goes on with one) and what they print, ```python
an interactive session, ```yaml a part of a stack's settings. tests/docs holds pages to it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
WIDTH = 80


def blocks(page: str, kind: str) -> list[str]:
    """Return the texts of a page's blocks of one kind."""
    return [found["text"] for found in BLOCK.finditer(page) if found["kind"] == kind]


def tables(page: str, head: str) -> list[tuple[str, ...]]:
    """Return the rows of the tables under the header `| head |`; code marks are taken off."""
    rows = []
    lines = iter(page.splitlines())
    for line in lines:
        if line != f"| {head} |":
            continue
        for row in lines:
            if not row.startswith("|"):
                break
            if not set(row) <= set("|- "):
                cells = row.strip("|").split("|")
                rows.append(tuple(cell.strip().strip("`").strip() for cell in cells))
    return rows


def ran(block: str) -> str:
    """Return a console block with what its commands print now."""
    said = []
    commands = re.findall(r"^\$ (.*\n(?:> .*\n)*)", block, re.MULTILINE)
    for command in commands:
        text = command.replace("\n> ", "\n")
        done = subprocess.run(
            ["bash", "-c", text],
            cwd=ROOT,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "COLUMNS": str(WIDTH),
                "NO_COLOR": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        lines = [line.rstrip() for line in done.stdout.splitlines()]
        said.append("$ " + command + "".join(f"{line}\n" for line in lines))
    return "".join(said)


def main() -> int:
    """Write what the commands of a page print now into it."""
    path = Path(sys.argv[1])
    page = path.read_text(encoding="utf-8")

    def replaced(found: re.Match[str]) -> str:
        text = ran(found["text"]) if found["kind"] == "console" else found["text"]
        return f"```{found['kind']}\n{text}```"

    path.write_text(BLOCK.sub(replaced, page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
