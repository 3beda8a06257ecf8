"""`python -m ops verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops.verification.model import SIGNING_KEY, CheckGroup


def verify(
    stack: Annotated[str | None, typer.Argument(metavar="STACK", help="Name of the stack.")] = None,
    *,
    template: Annotated[
        list[str] | None,
        typer.Option("--template", help="This template alone; may be given again."),
    ] = None,
    group: Annotated[
        list[CheckGroup] | None,
        typer.Option(
            "--group", help="Checks of this group, with the path that it needs; may be given again."
        ),
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="Another user for whom a workspace is made, too.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="NAME=VALUE", help="Of the builds, such as cpu=2."),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="Longest that a build, start or deletion may take.")
    ] = 10.0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was interrupted.")
    ] = False,
    clean: Annotated[
        bool, typer.Option("--clean", help="Delete what a killed run left, and nothing else.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--evidence", metavar="DIR", help="Write the evidence there."),
    ] = None,
    sign: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help=f"Sign it: file of an ssh key, or cosign:KEY. Without it, ${SIGNING_KEY} if set.",
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Say whether that evidence is whole, and what changed."),
    ] = None,
    signer: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="With --check: allowed signers of ssh, or cosign:KEY."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Plain data for machines.")] = False,
) -> None:
    """Prove that STACK's firewall holds: preflight, golden path, jail, agents, audit, MCP.

    Workspaces are built for it and deleted. The token is $CODER_SESSION_TOKEN or, without it and
    for the stack local, the stack's own. Exit status: 0 all passed, 1 one failed, 3 one could not
    be checked.
    """
    from ops.verification import command

    command.verify(
        stack,
        template=template,
        group=group,
        owner=owner,
        parameter=parameter,
        minutes=minutes,
        resume=resume,
        clean=clean,
        folder=folder,
        sign=sign,
        check=check,
        signer=signer,
        as_json=as_json,
    )
