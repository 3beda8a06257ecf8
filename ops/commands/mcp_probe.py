"""`python -m ops mcp-probe`: ask a stack's MCP servers what Coder will ask them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from components.coder.mcp_headers import READ_ONLY_HEADER, authorization_value
from components.errors import OperatorError
from components.settings.mcp import McpServerSettings
from ops import mcp_probe as probes
from ops import project, stacks, terminal
from ops.verification import plan


def mcp_probe(
    stack: terminal.StackName,
    server: Annotated[
        list[str] | None,
        typer.Option("--server", metavar="SLUG", help="This server alone; may be given again."),
    ] = None,
) -> None:
    """Ask STACK's MCP servers what Coder will ask them, with the stack's own keys.

    Exit status: 0 when Coder will take every one, else 1.
    """
    from ops import engine

    with terminal.reported():
        _servers(stack, server or ())
        with engine.session(stack, terminal.progress) as ready:
            results = [
                _probe(each, ready.stack.get_config(
                    f"{project.PROJECT}:secrets.mcp.{each.slug}", path=True
                ).value)
                for each in _servers(stack, server or ())
            ]  # fmt: skip
    for slug, accepted, said in results:
        word = "[green]passed[/green]" if accepted else "[red]failed[/red]"
        terminal.console.print(f"  {word}      {slug:<26} ", end="")
        terminal.console.print(said, markup=False, soft_wrap=True)
    raise typer.Exit(0 if all(accepted for _, accepted, _ in results) else 1)


def _servers(stack: str, only: Sequence[str]) -> list[McpServerSettings]:
    settings = stacks.settings(stack)
    try:
        servers = plan.mcp_servers(settings, stack, only)
    except plan.PlanError as error:
        raise OperatorError(str(error)) from None
    if not servers:
        raise OperatorError(f"stack {stack} has no MCP servers")
    return servers


def _probe(server: McpServerSettings, key: str) -> tuple[str, bool, str]:
    headers = {"Authorization": authorization_value(key)}
    if server.read_only:
        headers[READ_ONLY_HEADER] = "true"
    try:
        result = probes.probe(server.url, headers)
    except probes.ProbeError as error:
        return server.slug, False, str(error)
    return server.slug, result.accepted, str(result)
