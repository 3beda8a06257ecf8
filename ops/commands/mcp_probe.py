"""`python -m ops mcp-probe`: ask a stack's MCP servers what Coder will ask them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

import typer

from components.boundary import shown
from components.errors import OperatorError
from components.settings.mcp import McpServerSettings
from components.syntax import endpoint_problem, is_service_host
from ops import mcp_probe as probes
from ops import project, stacks, terminal
from ops.verification import plan

_WORDS = {
    True: "[green]passed[/green]",
    False: "[red]failed[/red]",
    None: "[yellow]not checked[/yellow]",
}


@dataclass(frozen=True)
class _Outcome:
    """What a server said: whether Coder will take it (None: not asked), and lines to show."""

    slug: str
    passed: bool | None
    lines: tuple[str, ...]


def mcp_probe(
    stack: terminal.StackName,
    server: Annotated[
        list[str] | None,
        typer.Option("--server", metavar="SLUG", help="This server alone; may be given again."),
    ] = None,
    url: Annotated[
        list[str] | None,
        typer.Option(
            "--url",
            metavar="SLUG=URL",
            help="Ask a server there instead, as through kubectl port-forward.",
        ),
    ] = None,
) -> None:
    """Ask STACK's MCP servers what Coder will ask them, and for their tools.

    Exit status: 0 when Coder will take every one and each allowed tool exists, 1 when not, 3 when
    one could not be asked because each person proves who they are.
    """
    from ops import engine

    with terminal.reported():
        servers = _servers(stack, server or (), url or ())
        with engine.session(stack, terminal.progress) as ready:
            results = [
                _ask(stack, settings, elsewhere, ready.stack.get_config(
                    f"{project.PROJECT}:secrets.mcp.{settings.slug}", path=True
                ).value if settings.auth_type == "api_key" else None)
                for settings, elsewhere in servers
            ]  # fmt: skip
    for result in results:
        first, *more = result.lines
        terminal.console.print(
            f"  {_WORDS[result.passed]}      {result.slug:<26} ", markup=False, end=""
        )
        terminal.console.print(first, markup=False, soft_wrap=True)
        for line in more:
            terminal.console.print(f"    {line}", markup=False, soft_wrap=True)
    outcomes = {result.passed for result in results}
    raise typer.Exit(1 if False in outcomes else 3 if None in outcomes else 0)


def _servers(
    stack: str, only: Sequence[str], urls: Sequence[str]
) -> list[tuple[McpServerSettings, str | None]]:
    settings = stacks.settings(stack)
    try:
        servers = plan.mcp_servers(settings, stack, only)
    except plan.SelectionError as error:
        raise OperatorError(str(error)) from None
    if not servers:
        raise OperatorError(f"stack {stack} has no MCP servers")
    elsewhere = _elsewhere(urls, {each.slug: each for each in servers})
    return [(each, elsewhere.get(each.slug)) for each in servers]


def _elsewhere(urls: Sequence[str], servers: Mapping[str, McpServerSettings]) -> Mapping[str, str]:
    found = {}
    for text in urls:
        slug, _, url = text.partition("=")
        if not url or slug not in servers:
            raise OperatorError(
                f"--url {shown(text)}: must be SLUG=URL, with one of {', '.join(sorted(servers))}"
            )
        # As the settings' own: a Service is reached within its cluster alone.
        keyed = bool(servers[slug].headers("key"))
        inside = servers[slug].in_cluster and is_service_host(urlsplit(url).hostname or "")
        if problem := endpoint_problem(url, confidential=keyed and not inside):
            raise OperatorError(f"--url {slug}={shown(url)}: {problem}")
        found[slug] = url
    return found


def _ask(stack: str, server: McpServerSettings, elsewhere: str | None, key: str | None) -> _Outcome:
    if server.personal:
        why = f"each person proves who they are (authType {server.auth_type}): try it in a chat"
        return _Outcome(server.slug, None, (why,))
    url, headers = elsewhere or server.url, server.headers(key)
    try:
        result = probes.probe(url, headers)
        if not result.accepted:
            return _Outcome(server.slug, False, (str(result),))
        there = probes.tools(url, headers)
    except probes.ProbeError as error:
        lead_on = () if elsewhere else _leading_on(stack, server, error)
        return _Outcome(server.slug, False, (str(error), *lead_on))
    missing = [tool for tool in server.tools if tool not in there]
    allowed = [f"allowed: {', '.join(tool for tool in there if tool in server.tools)}"]
    if not server.tools:
        allowed = ["every tool is allowed: mcpServers.tools would name those that agents may call"]
    absent = [f"allowed and not there: {', '.join(missing)}"] if missing else []
    others = [tool for tool in there if tool not in server.tools]
    return _Outcome(
        server.slug,
        not missing,
        (str(result), *absent, *allowed, *([f"others: {', '.join(others)}"] if others else [])),
    )


def _leading_on(stack: str, server: McpServerSettings, error: probes.ProbeError) -> tuple[str, ...]:
    """Return what to do when a server does not answer at its own URL, if that is known."""
    unresolved = isinstance(error, probes.UnresolvedError)
    if unresolved and stack == project.LOCAL:
        return (
            f"nothing serves it for the stack {stack}, which has no MCP servers of its own: run "
            f"this where the host is known, or give --url {server.slug}=URL of one that runs here",
        )
    if server.in_cluster:
        return _port_forward(server)
    if unresolved:
        return (
            "run this where the host is known, as coderd's cluster; or reach the server through "
            f"`kubectl port-forward`, then --url {server.slug}=URL of the forwarded port",
        )
    return ()


def _port_forward(server: McpServerSettings) -> tuple[str]:
    parts = urlsplit(server.url)
    name, namespace = (parts.hostname or "").split(".")[:2]
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return (
        f"it is a Service of the cluster: `kubectl -n {namespace} port-forward service/{name} "
        f"8000:{port}`, then --url {server.slug}={parts.scheme}://127.0.0.1:8000{parts.path}",
    )
