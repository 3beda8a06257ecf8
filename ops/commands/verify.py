"""`python -m ops verify`: whether what a stack deployed holds, with evidence of it.

Exit status: 0 when every check passed, 1 when one failed, and 3 when none failed but one could not
be made, so that a check that was not made never counts as passed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from components import arguments
from components.coder.api import Coderd
from components.settings import Settings
from ops import engine, stacks, up
from ops.verification import path, plan, services, session
from ops.verification.deployment import Deployment
from ops.verification.mcp import Server
from ops.verification.model import Group, Outcome, Result
from ops.verification.redaction import Redaction
from ops.verification.run import Run, ended_by
from ops.verification.state import State, StateError

NOT_CHECKED: Final = 3
TOKEN: Final = "CODER_SESSION_TOKEN"  # noqa: S105  the name of a variable

_STYLES: Final = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.NOT_CHECKED: "yellow"}


class VerifyError(engine.EngineError):
    """Something was asked for that cannot be verified so; the message says what can."""


@dataclass(frozen=True)
class Access:
    """A stack's settings with the addresses that hold, and its secrets in clear.

    Attributes:
        settings: with the addresses of the stand-ins, for the stack local.
        token: a session token of Coder.
        secrets: the stack's others, as far as they were read.
        stood_in: by check, what stands in for what it asks.
    """

    settings: Settings
    token: str = field(repr=False)
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    stood_in: Mapping[str, str] = field(default_factory=dict)

    def tokens(self, environment: Mapping[str, str]) -> Iterator[str]:
        """Yield every secret that is known here."""
        yield self.token
        for section in ("mcp", "verify"):
            yield from (str(each) for each in self.secrets.get(section, {}).values())
        yield from (environment.get(services.variables(n)[1], "") for n in _SERVICES)


_SERVICES: Final = ("grafana", "loki", "prometheus")


@dataclass(frozen=True)
class _Asked:
    stack: str
    templates: Sequence[str]
    owner: str | None
    parameters: Mapping[str, str]
    minutes: float


def verify(
    stack: up.StackName,
    *,
    template: Annotated[
        list[str] | None,
        typer.Option("--template", help="This template alone; may be given again."),
    ] = None,
    group: Annotated[
        list[Group] | None,
        typer.Option("--group", help="Checks of this group alone; may be given again."),
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
    as_json: Annotated[bool, typer.Option("--json", help="Plain data for machines.")] = False,
) -> None:
    """Prove that STACK's firewall holds: preflight, golden path, jail, audit, MCP.

    Workspaces are built for it and deleted. The token is $CODER_SESSION_TOKEN or, without it, the
    stack's own. Exit status: 0 all passed, 1 one failed, 3 one could not be checked.
    """
    with up.reported(), _named():
        settings = stacks.settings(stack)
        plan.targets(settings, template or ())
        asked = _Asked(stack, template or (), owner, _parameters(parameter or ()), minutes)
        with _access(stack) as access:
            console = up.errors if as_json else up.console
            run = _run(stack, access, console, group or (), resume)
            coderd = Coderd(access.settings.coder.api, access.token)
            with Deployment(coderd, run.redaction) as deployment, ended_by(run):
                if clean:
                    raise typer.Exit(_cleaned(run, deployment, minutes))
                session.verify(run, _context(asked, access, deployment))
            interrupted = run.clock.ending.is_set()
            run.state.close(complete=not interrupted)
    results = run.results
    if as_json:
        up.echo(json.dumps({"stack": stack, "results": [asdict(r) for r in results]}, indent=2))
    console.print(f"stack {stack}: {counted(results)}", markup=False)
    if interrupted:
        console.print(f"interrupted: `python -m ops verify {stack} --resume` goes on")
    raise typer.Exit(status(results))


def line(result: Result) -> Text:
    """Return a result as a person reads it."""
    took = f" ({result.seconds:.0f} s)" if result.seconds >= 1 else ""
    subject = f"{result.subject}: " if result.subject else ""
    text = Text.assemble(
        "  ",
        (f"{result.outcome:<12}", _STYLES[result.outcome]),
        f"{result.check:<18} {subject}{result.detail}{took}",
    )
    if result.next_step and not result.stood_in:
        text.append(f"\n{'':33} next: {result.next_step}", "dim")
    return text


def counted(results: Sequence[Result]) -> str:
    """Return how many checks came to what."""
    every = [result.outcome for result in results]
    text = ", ".join(f"{every.count(outcome)} {outcome}" for outcome in Outcome)
    stood_in = sum(result.stood_in for result in results)
    return f"{text}; of these {stood_in} stood in on this machine" if stood_in else text


def status(results: Sequence[Result]) -> int:
    """Return the exit status; what is a stand-in on this machine cannot be checked on it."""
    every = [result.outcome for result in results if not result.stood_in]
    if Outcome.FAILED in every:
        return 1
    return NOT_CHECKED if Outcome.NOT_CHECKED in every or not every else 0


@contextmanager
def _named() -> Iterator[None]:
    """Say what was asked for wrongly as every command does."""
    try:
        yield
    except (plan.PlanError, StateError) as error:
        raise VerifyError(str(error)) from None


@contextmanager
def _access(stack: str) -> Iterator[Access]:
    """Yield how to reach what is verified, for as long as it is needed."""
    settings = stacks.settings(stack)
    token = os.environ.get(TOKEN, "").strip()
    if token and stack != engine.LOCAL:
        yield Access(settings, token)
        return
    with engine.session(stack, up.progress) as ready:
        # The local stack's settings get the stand-ins' addresses there.
        settings = stacks.settings(stack, ready.work_dir)
        secrets = json.loads(ready.stack.get_config(f"{engine.PROJECT}:secrets").value)
        stood_in: Mapping[str, str] = {}
        if stack == engine.LOCAL:
            from local.verification import STOOD_IN  # noqa: PLC0415  other stacks need none of it

            stood_in = STOOD_IN
        yield Access(settings, secrets["coderToken"], secrets, stood_in)


def _run(stack: str, access: Access, console: Any, groups: Sequence[Group], resume: bool) -> Run:
    redaction = Redaction(access.tokens(os.environ))
    state = State(engine.ROOT, stack, _basis(access.settings))
    if resume:
        console.print(f"{state.resume()} checks passed in the run that is resumed")
    wanted = set(groups)
    return Run(
        state,
        redaction,
        progress=lambda result: console.print(line(result), soft_wrap=True),
        says=lambda text: up.errors.print(text, style="dim", markup=False),
        chosen=lambda check: not wanted or Group(check.partition(".")[0]) in wanted,
        stood_in=access.stood_in,
    )


def _basis(settings: Settings) -> str:
    """Return what the results depend on: the settings, without secrets."""
    return settings.model_dump_json(exclude={"secrets"})


def _context(asked: _Asked, access: Access, deployment: Deployment) -> session.Context:
    settings = access.settings
    keys = access.secrets.get("mcp", {})
    there = services.places(settings, os.environ, access.secrets.get("verify", {}))
    return session.Context(
        settings=settings,
        deployment=deployment,
        templates=plan.chosen(settings.templates, asked.templates),
        targets=plan.targets(
            settings,
            asked.templates,
            owner=asked.owner or settings.verify.owner or "",
            parameters=asked.parameters,
            minutes=asked.minutes,
        ),
        servers=[
            Server(each, keys.get(each.slug)) for each in plan.mcp_servers(settings, asked.stack)
        ],
        services=services.connected(
            there, arguments.dashboards(settings).context, deployment.redaction
        ),
    )


def _cleaned(run: Run, deployment: Deployment, minutes: float) -> int:
    if not run.state.leftovers:
        up.console.print("nothing was left")
    failed = path.clean(run, deployment, minutes * 60)
    for each in failed:
        up.console.print(f"not deleted: {each}", markup=False)
    run.state.close(complete=True)
    return 1 if failed else 0


def _parameters(given: Sequence[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    for name, separator, value in pairs:
        if not name or not separator:
            raise VerifyError(f"--parameter {name}{separator}{value}: must be like cpu=2")
    return {name: value for name, _, value in pairs}
