"""`python -m ops`: the commands."""

from __future__ import annotations

import typer

from ops import (
    adopt,
    comment,
    dashboards,
    explain,
    firewall,
    history,
    preview,
    rollback,
    touched,
    up,
)
from ops.commands import mcp_probe, verify

app = typer.Typer(
    name="ops",
    help="Operate the stacks of firewalled-coder.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(preview.preview)
app.command()(up.up)
app.command()(up.refresh)
app.command()(up.destroy)
app.command()(up.cancel)
app.command()(explain.explain)
app.command()(dashboards.dashboards)
app.command()(history.history)
app.command()(rollback.rollback)
app.command()(firewall.firewall)
app.command()(adopt.adopt)
app.command()(verify.verify)
app.command("mcp-probe")(mcp_probe.command)
app.command("touched")(touched.command)
app.command("comment")(comment.comment)
