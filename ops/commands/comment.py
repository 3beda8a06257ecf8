"""`python -m ops comment`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ops import project, stacks, terminal, touched
from ops.comment import (
    KEY,
    UNKNOWN,
    commit_of,
    expected,
    of_removed,
    place_of,
    read,
    run_url,
    without_report,
    write,
)
from ops.forge import ForgeError, ForgeKind


def comment(
    forge: Annotated[ForgeKind, typer.Option("--forge", help="The forge.")],
    body: Annotated[
        list[Path],
        typer.Option("--body", help="Markdown file, or folder of them; may be given again."),
    ],
    *,
    expect: Annotated[
        str | None,
        typer.Option(
            "--stacks",
            metavar="JSON",
            help="Stacks of which a report has to be there, as `ops touched --json` prints them; "
            "the comment says which have none. Empty: nobody knows which.",
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="BASE",
            help="As of `ops touched`: the comment names stacks whose settings went since.",
        ),
    ] = None,
    key: Annotated[str, typer.Option("--key", help="Name of the comment.")] = "preview",
    number: Annotated[
        int | None,
        typer.Option("--number", min=1, help="Of the request or issue; the CI job's if not given."),
    ] = None,
    issue: Annotated[
        bool, typer.Option("--issue", help="On an issue, whose --number must be given.")
    ] = False,
) -> None:
    """Write reports as a comment, or bring the one that is there up to date.

    The token is $GITHUB_TOKEN or $GITLAB_TOKEN.
    """
    try:
        if not KEY.match(key):
            raise ForgeError(f"--key {key!r}: takes a-z and 0-9 in groups joined by hyphens")
        place = place_of(forge, os.environ, number, issue=issue)
        bodies = read(body)
        if expect is not None and not expect.strip():
            bodies = [UNKNOWN, *bodies]
        elif expect is not None:
            bodies = [*without_report(body, expected(expect)), *bodies]
        if base is not None:
            paths = touched.changed(project.ROOT, base) or ()
            bodies = [*of_removed(touched.removed(paths, stacks.names(project.ROOT))), *bodies]
        run, commit = run_url(os.environ), commit_of(os.environ)
        written = write(place, key, bodies, run=run, commit=commit)
    except (ForgeError, touched.ChangeError) as error:
        terminal.fail(str(error))
        raise typer.Exit(1) from None
    where = f"{place.project} {'issue' if issue else 'request'} {place.number}"
    terminal.console.print(f"comment {key} on {where}: {written}", markup=False, soft_wrap=True)
