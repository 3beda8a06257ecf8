"""`python -m ops verify`: whether what a stack deployed holds, with evidence of it.

Exit status: 0 when every check passed, 1 when one failed, and 3 when none failed but one could not
be made, so that a check that was not made never counts as passed. A known fault of a real part is
told, and fails nobody's deployment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from components.coder.api import CoderdAccess, CoderdError
from components.errors import OperatorError
from ops import project, stacks, terminal
from ops.verification import evidence, path, plan, record, session, signature, since
from ops.verification.access import Access, VerifyOptions, access, context
from ops.verification.deployment import CoderDeployment
from ops.verification.evidence_page import told_resumed
from ops.verification.left_out import left_out
from ops.verification.model import SIGNING_KEY, CheckGroup, Failed, Outcome, Result, stamp
from ops.verification.redaction import Redaction
from ops.verification.run import Run, ended_by
from ops.verification.state import RunState, StateError

NOT_CHECKED: Final = 3
_STYLES: Final = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "red",
    Outcome.NOT_CHECKED: "yellow",
    Outcome.KNOWN_FAULT: "magenta",
}


class VerifyError(OperatorError):
    """Something was asked for that cannot be verified so; the message says what can."""


def verify(
    stack: str | None = None,
    *,
    template: list[str] | None = None,
    group: list[CheckGroup] | None = None,
    owner: str | None = None,
    parameter: list[str] | None = None,
    minutes: float = 10.0,
    resume: bool = False,
    clean: bool = False,
    folder: Path | None = None,
    sign: str | None = None,
    check: Path | None = None,
    signer: str | None = None,
    as_json: bool = False,
) -> None:
    """Prove that STACK's firewall holds: preflight, golden path, jail, agents, audit, MCP.

    Workspaces are built for it and deleted. The token is $CODER_SESSION_TOKEN or, without it and
    for the stack local, the stack's own. Exit status: 0 all passed, 1 one failed, 3 one could not
    be checked.
    """
    with terminal.reported(), _named():
        if check is not None:
            raise typer.Exit(_checked(check, signer, as_json=as_json))
        if signer:
            raise VerifyError("--signer needs --check DIR, the evidence that was signed")
        if stack is None:
            raise VerifyError(f"name a stack; there are {', '.join(stacks.names())}")
        if sign and folder is None:
            raise VerifyError("--sign needs --evidence DIR, which it signs")
        key = sign or os.environ.get(SIGNING_KEY, "")
        asked = VerifyOptions(stack, template or (), owner, _parameters(parameter or ()), minutes)
        plan.targets(stacks.settings(stack), asked.templates)
        if folder is not None:
            # What would be refused at the end of a run is refused before it.
            if key:
                signature.look(key)
            evidence.look(folder)
        console = terminal.errors if as_json else terminal.console
        with access(stack, terminal.progress) as reached:
            run = _run(stack, reached, console, group or (), resume)
            coderd = CoderdAccess(reached.settings.coder.api, reached.token)
            with CoderDeployment(coderd, run.redaction) as deployment, ended_by(run):
                if clean:
                    raise typer.Exit(_cleaned(stack, run, deployment, minutes, as_json=as_json))
                began = evidence.now()
                session.verify(run, context(asked, reached, deployment))
                if folder is not None:
                    templates = plan.chosen(reached.settings.templates, asked.templates)
                    made = partial(
                        record.evidence,
                        run,
                        deployment,
                        stack,
                        reached.settings,
                        templates,
                        root=project.ROOT,
                        stood_in=reached.stood_in,
                        left=left_out(
                            reached.settings,
                            chosen(group or ()),
                            [each.name for each in templates],
                        ),
                    )
                    _written(folder, key, lambda times: made(times=times), began)
            interrupted = run.clock.ending.is_set()
            run.state.close(complete=not interrupted)
    results = run.results
    if as_json:
        terminal.echo(
            json.dumps({"stack": stack, "results": [asdict(r) for r in results]}, indent=2)
        )
    console.print(f"stack {stack}: {counted(results)}", markup=False, soft_wrap=True)
    if interrupted:
        console.print(f"interrupted: `python -m ops verify {stack} --resume` goes on", markup=False)
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
        text.append(f"\n{'':33}next: {result.next_step}", "dim")
    return text


def counted(results: Sequence[Result]) -> str:
    """Return how many checks came to what."""
    every = [result.outcome for result in results]
    told = [each for each in Outcome if each is not Outcome.KNOWN_FAULT or each in every]
    text = ", ".join(f"{every.count(outcome)} {outcome}" for outcome in told)
    stood_in = sum(result.stood_in for result in results)
    return f"{text}; of these {stood_in} stood in on this machine" if stood_in else text


def status(results: Sequence[Result]) -> int:
    """Return the exit status; what is a stand-in on this machine cannot be checked on it."""
    every = [result.outcome for result in results if not result.stood_in]
    if Outcome.FAILED in every:
        return 1
    return NOT_CHECKED if Outcome.NOT_CHECKED in every or not every else 0


def chosen(groups: Sequence[CheckGroup]) -> frozenset[CheckGroup]:
    """Return the groups whose checks are made: those named, or all, with what they need."""
    named = frozenset(groups or CheckGroup)
    # The path makes the workspace that these look into.
    return named | {CheckGroup.PATH} if named & {CheckGroup.JAIL, CheckGroup.AGENTS} else named


@contextmanager
def _named() -> Iterator[None]:
    """Say what was asked for wrongly as every command does."""
    try:
        yield
    except (
        plan.SelectionError,
        StateError,
        evidence.EvidenceError,
        signature.SignatureError,
    ) as error:
        raise VerifyError(str(error)) from None


def _run(
    stack: str, reached: Access, console: Console, groups: Sequence[CheckGroup], resume: bool
) -> Run:
    # What the results depend on: the settings, without secrets.
    state = RunState(project.ROOT, stack, reached.settings.model_dump_json(exclude={"secrets"}))
    if resume:
        passed = state.resume()
        console.print(
            f"{passed} checks passed in the run that is resumed, which began {stamp(state.began)}",
            markup=False,
        )
    wanted = chosen(groups)
    return Run(
        state,
        Redaction(reached.every_secret),
        progress=lambda result: console.print(line(result), soft_wrap=True),
        says=lambda text: terminal.errors.print(text, style="dim", markup=False, soft_wrap=True),
        chosen=lambda check: CheckGroup(check.partition(".")[0]) in wanted,
        stood_in=reached.stood_in,
    )


def _cleaned(
    stack: str, run: Run, deployment: CoderDeployment, minutes: float, *, as_json: bool
) -> int:
    say = _say(as_json)
    before = run.state.leftovers
    if not before:
        say("nothing was left")
    failed = path.clean(run, deployment, minutes * 60)
    for each in failed:
        say(f"not deleted: {each}")
    if as_json:
        deleted = [str(each) for each in before if each not in run.state.leftovers]
        terminal.echo(
            json.dumps({"stack": stack, "deleted": deleted, "not_deleted": failed}, indent=2)
        )
    if run.clock.ending.is_set() and failed:
        say(f"interrupted: `python -m ops verify {stack} --clean` goes on")
        return terminal.INTERRUPTED
    run.state.close(complete=True)
    return 1 if failed else 0


def _written(
    folder: Path, key: str, made: Callable[[tuple[str, str]], evidence.Evidence], began: str
) -> None:
    try:
        found = made((began, evidence.now()))
    except (CoderdError, Failed) as error:
        raise VerifyError(f"no evidence: {error}") from None
    signed = evidence.write(found, folder)
    terminal.errors.print(f"evidence in {folder}", markup=False)
    if key:
        terminal.errors.print(f"signed: {signature.sign(signed, key)}", markup=False)


def _say(as_json: bool) -> Callable[[str], None]:
    """Return what tells people; beside data, which have the output for themselves."""
    console = terminal.errors if as_json else terminal.console
    return partial(console.print, markup=False, soft_wrap=True)


def _checked(folder: Path, signer: str | None, *, as_json: bool) -> int:
    """Say whether evidence is whole, whose it is and what has changed since."""
    if signer:
        signature.look_at_signer(signer)
    found = evidence.check(folder)
    say = _say(as_json)
    say(f"whole: stack {found.stack}, {found.outcome}, ended {found.ended} by {found.who}")
    if found.left_out:
        say(f"of a part of the stack; left out: {found.left_out}")
    if found.resumed:
        say(told_resumed(found))
    signed = signature.verify(folder / evidence.SUMS, signer)
    say(signed)
    compared, not_known = since.Since(), ""
    try:
        with access(found.stack, terminal.progress) as reached:
            coderd = CoderdAccess(reached.settings.coder.api, reached.token)
            with CoderDeployment(coderd, Redaction(reached.every_secret)) as deployment:
                now = record.now(deployment, reached.settings, found, project.ROOT)
    except (CoderdError, Failed, OperatorError) as error:
        not_known = str(error)
        say(f"what has changed since is not known: {error}")
    else:
        compared = since.compare(found, now)
        for each in compared.lines:
            say(each)
    if as_json:
        data = {
            "stack": found.stack,
            "outcome": found.outcome,
            "ended": found.ended,
            "who": found.who,
            "left_out": asdict(found.left_out),
            "resumed": found.resumed,
            "signature": signed,
            **asdict(compared),
            "not_known": not_known,
        }
        terminal.echo(json.dumps(data, indent=2))
    return NOT_CHECKED if compared.changed or not_known else 0


def _parameters(given: Sequence[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    for name, separator, value in pairs:
        if not name or not separator:
            raise VerifyError(f"--parameter {name}{separator}{value}: must be like cpu=2")
    return {name: value for name, _, value in pairs}
