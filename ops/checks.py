"""`python -m ops verify` and `mcp-probe`: whether what a stack deployed works.

Exit status of both: 0 when every check passed, 1 when one failed, and 3 when none failed but one
could not be made, so that a check that was not made never counts as passed.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.text import Text

from components.coder.api import Coderd
from components.coder.mcp_headers import READ_ONLY_HEADER, authorization_value
from components.settings import McpServerSettings, Settings, Template
from ops import engine, mcp_probe, stacks, up
from ops import verify as golden
from ops.verify import CheckResult, GoldenPath, Outcome

NOT_CHECKED: Final = 3
TOKEN: Final = "CODER_SESSION_TOKEN"  # noqa: S105  the name of a variable
_STYLES: Final = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.NOT_CHECKED: "yellow"}


class CheckError(engine.EngineError):
    """A check was asked for that this stack does not have; the message says which it has."""


def golden_paths(
    settings: Settings,
    only: Sequence[str] = (),
    *,
    owner: str = "me",
    parameters: Mapping[str, str] | None = None,
    minutes: float = 10.0,
    keep: bool = False,
) -> list[GoldenPath]:
    """Return what to verify of a stack: one path for each template, by its settings.

    Args:
        settings: the stack's settings.
        only: names of templates; all of the stack's if empty.
        owner: user name of the workspaces' owner, `me` for the token's own.
        parameters: rich parameters of the builds.
        minutes: how long each of a build, an agent's start and a deletion may take.
        keep: leave the workspaces there.

    Raises CheckError for a template that the stack does not have.
    """
    return [
        GoldenPath(
            template.name,
            # Coder keeps the name of a deleted workspace in its audit log.
            f"verify-{secrets.token_hex(4)}",
            organization=settings.coder.organization,
            owner=owner,
            external_auth_id=template.gitlab or settings.external_auth.providers[0].id,
            parameters=dict(parameters or {}),
            contract=(
                settings.policy_settings_of(template).contract
                if settings.firewall_of(template)
                else None
            ),
            access_url=settings.coder.access_url,
            seconds=minutes * 60,
            keep=keep,
        )
        for template in _chosen(settings.templates, only)
    ]


def _chosen(templates: Sequence[Template], only: Sequence[str]) -> list[Template]:
    by_name = {template.name: template for template in templates}
    for name in only:
        if name not in by_name:
            raise CheckError(f"no template {name!r}; there are {', '.join(sorted(by_name))}")
    return [by_name[name] for name in dict.fromkeys(only)] or list(templates)


def verify(
    stack: up.StackName,
    *,
    template: Annotated[
        list[str] | None,
        typer.Option("--template", help="This template alone; may be given again."),
    ] = None,
    owner: Annotated[str, typer.Option(help="Owner of the workspaces made for it.")] = "me",
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="NAME=VALUE", help="Of the build, such as cpu=2."),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="Longest that a build, start or deletion may take.")
    ] = 10.0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the workspaces there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Plain data for machines.")] = False,
) -> None:
    """Walk the golden path of STACK's templates on its Coder: a workspace is built and deleted.

    The token is $CODER_SESSION_TOKEN or, without it, the stack's own. Exit status: 0 all passed,
    1 one failed, 3 one could not be checked.
    """
    with up.reported():
        _chosen(stacks.settings(stack).templates, template or ())
        settings, token = _coder(stack)
        paths = golden_paths(
            settings,
            template or (),
            owner=owner,
            parameters=_parameters(parameter or ()),
            minutes=minutes,
            keep=keep,
        )
        coderd = Coderd(settings.coder.api, token)
        found: dict[str, list[CheckResult]] = {}
        console = up.errors if as_json else up.console
        for path in paths:
            console.print(f"{path.template}, workspace {path.workspace}", markup=False)
            found[path.template] = golden.verify(
                coderd,
                path,
                execute=golden.coder_ssh(coderd),
                progress=lambda result: console.print(_line(result), soft_wrap=True),
            )
    if as_json:
        plain = {name: [asdict(each) for each in results] for name, results in found.items()}
        up.echo(json.dumps({"stack": stack, "templates": plain}, indent=2))
    every = [result.outcome for results in found.values() for result in results]
    console.print(f"stack {stack}: {_counted(every)}")
    raise typer.Exit(_status(every))


def _coder(stack: str) -> tuple[Settings, str]:
    """Return the settings of `stack` with the address of its coderd, and a session token."""
    settings = stacks.settings(stack)
    token = os.environ.get(TOKEN, "").strip()
    if token and stack != engine.LOCAL:
        return settings, token
    with engine.session(stack, up.progress) as ready:
        # The local stack's settings get the stand-in's address there.
        return stacks.settings(stack, ready.work_dir), _secret(ready, "coderToken")


def _secret(ready: engine.Session, path: str) -> str:
    return ready.stack.get_config(f"{engine.PROJECT}:secrets.{path}", path=True).value


def _parameters(given: Sequence[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    for name, separator, value in pairs:
        if not name or not separator:
            raise CheckError(f"--parameter {name}{separator}{value}: must be like cpu=2")
    return {name: value for name, _, value in pairs}


def mcp_command(
    stack: up.StackName,
    server: Annotated[
        list[str] | None,
        typer.Option("--server", metavar="SLUG", help="This server alone; may be given again."),
    ] = None,
) -> None:
    """Ask STACK's MCP servers what Coder will ask them, with the stack's own keys.

    Exit status: 0 when Coder will take every one, else 1.
    """
    with up.reported():
        _servers(stacks.settings(stack), stack, server or ())
        with engine.session(stack, up.progress) as ready:
            servers = _servers(stacks.settings(stack, ready.work_dir), stack, server or ())
            keys = {each.slug: _secret(ready, f"mcp.{each.slug}") for each in servers}
        every = [_probe(each, keys[each.slug]) for each in servers]
        for result in every:
            up.console.print(_line(result), soft_wrap=True)
    raise typer.Exit(_status([result.outcome for result in every]))


def _servers(settings: Settings, stack: str, only: Sequence[str]) -> list[McpServerSettings]:
    by_slug = {server.slug: server for server in settings.mcp_servers}
    if not by_slug:
        raise CheckError(f"stack {stack} has no MCP servers")
    for slug in only:
        if slug not in by_slug:
            raise CheckError(f"no MCP server {slug!r}; there are {', '.join(sorted(by_slug))}")
    return [by_slug[slug] for slug in dict.fromkeys(only)] or settings.mcp_servers


def _probe(server: McpServerSettings, key: str) -> CheckResult:
    headers = {"Authorization": authorization_value(key)}
    if server.read_only:
        headers[READ_ONLY_HEADER] = "true"
    try:
        result = mcp_probe.probe(server.url, headers)
    except mcp_probe.ProbeError as error:
        return CheckResult(server.slug, Outcome.FAILED, str(error), 0.0)
    outcome = Outcome.PASSED if result.accepted else Outcome.FAILED
    return CheckResult(server.slug, outcome, str(result), 0.0)


def _line(result: CheckResult) -> Text:
    took = f" ({result.seconds:.1f} s)" if result.seconds >= 1 else ""
    return Text.assemble(
        "  ",
        (f"{result.outcome:<12}", _STYLES[result.outcome]),
        f"{result.name:<26} {result.detail}{took}",
    )


def _counted(every: Sequence[Outcome]) -> str:
    return ", ".join(f"{every.count(outcome)} {outcome}" for outcome in Outcome)


def _status(every: Sequence[Outcome]) -> int:
    if Outcome.FAILED in every:
        return 1
    return NOT_CHECKED if Outcome.NOT_CHECKED in every else 0
