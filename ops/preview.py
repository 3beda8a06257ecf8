"""`python -m ops preview STACK...`: what an update would change, as one report.

Exit status: 0 when every preview worked, 1 when one failed, and with `--exit-code` 2 when all
worked and something would change, so that a nightly job can tell drift from no drift.
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import typer

from components.errors import OperatorError
from components.settings import network as settings_network
from ops import (
    deployed,
    diagnostics,
    drift,
    engine,
    gateway_drift,
    live_network,
    plan,
    project,
    provider_inputs,
    removal,
    report,
    report_json,
    terminal,
    unrecorded,
)
from ops import stacks as stack_files
from ops.assessment import StackPreview
from ops.headline import headline
from ops.heard import Heard

CHANGED: Final = 2


def assess(
    session: engine.Session,
    name: str,
    *,
    refresh: bool = False,
    save: Path | None = None,
    root: Path | None = None,
) -> StackPreview:
    """Run the preview of stack `name` and return what it means; nothing is applied.

    Args:
        session: the stack, ready to run.
        name: its name.
        refresh: read back what is there first, so that drift shows as a change.
        save: where the engine's own plan is saved, if given.
        root: where the settings stand; the session's working directory if not given.

    Raises SettingsError for wrong settings; a preview that fails is a `failure` in the result.
    """
    settings = stack_files.settings(name, root or session.work_dir)
    heard = Heard()
    try:
        # Reading back asks by what the state has; all else by what the program says.
        run = functools.partial(provider_inputs.run, ready=session, stack=name)
        (run if refresh else diagnostics.run)(
            session.stack.preview,
            on_event=heard.on_event,
            refresh=refresh or None,
            plan=str(save) if save else None,
            color="never",
            suppress_outputs=True,
        )
    except diagnostics.RunError as error:
        said = str(error)
        live = live_network.in_preview(
            settings, heard.looked_at, heard.events, refresh=refresh, failure=said
        )
        return StackPreview(name, failure=said, live=live)
    found = heard.preview(
        name,
        lambda: deployed.of_stack(session.stack).policies,
        lambda: stack_files.policies_of(settings),
        lambda: deployed.of_stack(session.stack).suspended,
        lambda: stack_files.suspended_of(settings),
        doubts=tuple(map(str, settings.findings())),
        floating=settings.floating(),
        own=settings.own,
        deleted=drift.deleted(heard.looked_at),
        written=gateway_drift.written(heard.looked_at),
        live=live_network.in_preview(settings, heard.looked_at, heard.events, refresh=refresh),
        switched_off=settings.switched_off,
        without_network_policy=settings_network.without_policy(settings),
        unrecorded=unrecorded.lines(unrecorded.in_preview(session.stack), name),
    )
    return replace(found, in_use=removal.going_in_preview(session, name, found.steps))


def planned(
    session: engine.Session, name: str, file: Path, root: Path = project.ROOT
) -> StackPreview:
    """Assess stack `name` and save the plan to `file`, unless the preview fails.

    Raises PlanError when the file cannot be written.
    """
    # Read first: what moves from here on, moves after the plan.
    rests_on = plan.basis(session, name, root)
    with TemporaryDirectory(prefix="firewalled-coder-plan-") as folder:
        inner = Path(folder, "plan.json")
        found = assess(session, name, save=inner)
        if not found.failure:
            plan.save(file, name, rests_on, inner, found.warnings)
    return found


def _assessed(stack: str, refresh: bool, save: Path | None) -> StackPreview:
    """Return what a stack's preview means; whatever can go wrong becomes its failure."""
    try:
        # What is wrong with them is said before anything is started.
        stack_files.settings(stack)
        with engine.session(stack, terminal.progress) as ready:
            terminal.progress(f"previewing {stack}")
            return planned(ready, stack, save) if save else assess(ready, stack, refresh=refresh)
    except Exception as error:
        message = terminal.explained(error)
        if message is None:
            raise
        return StackPreview(stack, failure=message)


def preview(
    stacks: list[str],
    *,
    as_json: bool = False,
    out: Path | None = None,
    refresh: bool = False,
    save_plan: Path | None = None,
    exit_code: bool = False,
) -> None:
    """Report what `up` would change in each STACK; nothing is applied."""
    with terminal.reported():
        names = list(dict.fromkeys(stacks))
        if save_plan and len(names) > 1:
            raise plan.PlanError("a plan is of one stack; run one preview for each")
        if save_plan and refresh:
            raise plan.PlanError(
                f"a plan rests on the state as it is: run `python -m ops refresh {names[0]}` "
                "first, then save the plan without --refresh"
            )
        for file in (save_plan, out):
            # Before a preview that may take minutes.
            if file and not file.parent.is_dir():
                raise OperatorError(f"cannot write {file}: there is no folder {file.parent}")
        found = [_assessed(name, refresh, save_plan) for name in names]
        text = (
            json.dumps(report.to_json(found), indent=2, ensure_ascii=False) + "\n"
            if as_json
            else report.to_markdown(found)
        )
        if out is None:
            terminal.echo(text)
        else:
            try:
                # As JSON escapes it, what is no UTF-8 in a name.
                out.write_text(text, encoding="utf-8", errors="backslashreplace")
            except OSError as error:
                raise OperatorError(f"cannot write {out}: {error.strerror}") from None
            terminal.progress(f"wrote {out}: {headline(found)}")
    said = report_json.verdict(found)
    if said == "fails":
        raise typer.Exit(1)
    if exit_code and said != "same":
        raise typer.Exit(CHANGED)
