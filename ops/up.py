"""`up`, `refresh` and `destroy`: the engine's own operations, for one stack."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pulumi import automation
from rich.console import Console

from components.boundary import Policy
from components.dashboards import CATALOGUE
from components.settings_problems import SettingsError
from ops import deployed, engine, history, protection
from ops import plan as plans
from ops import stacks as stack_files
from ops.conflicts import WAY_OUT, is_conflict

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

# What the engine says of a step that an update plan has not, or has and that did not come.
_STRAY = re.compile(r"resource \S+ violates plan: .*|expected resource operations for .*")

StackName = Annotated[str, typer.Argument(metavar="STACK", help="Name of the stack.")]


def progress(line: str) -> None:
    """Show one line of what is being started or built."""
    errors.print(line, style="dim", markup=False)


def echo(text: str) -> None:
    """Pass the engine's own output on."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def echo_error(text: str) -> None:
    """Pass the engine's own messages on."""
    sys.stderr.write(text if text.endswith("\n") else text + "\n")
    sys.stderr.flush()


def fail(message: str) -> None:
    """Show one error; brackets in it are text, not markup."""
    errors.print("error:", style="red", end=" ")
    errors.print(message, markup=False, soft_wrap=True)


@contextmanager
def reported() -> Iterator[None]:
    """Turn what can go wrong into one clear message and exit status 1."""
    try:
        yield
    except Exception as error:
        message = explained(error)
        if message is None:
            raise
        fail(message)
        raise typer.Exit(1) from None


def explained(error: Exception) -> str | None:
    """Return the message of what can go wrong, None for a mistake in the code."""
    if isinstance(error, SettingsError | engine.EngineError):
        return str(error)
    if isinstance(error, automation.ConcurrentUpdateError):
        return _locked(str(error))
    if isinstance(error, automation.CommandError):
        return said(error)
    if type(error).__module__.split(".")[0] in {"local", "components"}:
        return str(error)
    return None


def said(error: automation.CommandError) -> str:
    """Return what the engine's command line says is wrong."""
    # On its own output the engine has said it already; a failed start says it only here.
    if stray := _STRAY.search(str(error)):
        return (
            f"the program left the plan and was stopped: {stray[0]}; what was done before that "
            "stays. Preview and review again"
        )
    told: list[str] = re.findall(r"^(?: stderr: )?error: (.*)$", str(error), re.MULTILINE)
    message = told[0] if told else "the engine failed; see above"
    return f"{message}\n{WAY_OUT}" if is_conflict(str(error)) else message


def _locked(text: str) -> str:
    holder = re.search(r"created by (\S+) \(pid (\d+)\) at (\S+)", text)
    who = f" by {holder[1]}, process {holder[2]}, since {holder[3]}" if holder else ""
    return (
        f"another update of this stack is running{who}; nothing was applied. Wait for it, or, "
        "when that process is gone, run `python -m ops cancel STACK`"
    )


def recorded(stack: str, now: automation.Stack, root: Path = engine.ROOT) -> history.Record:
    """Return the record of an update of `now` from the settings at `root`."""
    settings = stack_files.settings(stack, root)
    old = deployed.of_stack(now).policies
    new = stack_files.policies_of(settings)
    return history.record(
        root, "up", policy=history.policy_line(old, new), firewall=settings.switched_off
    )


def up(
    stack: StackName,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", help="Apply exactly this plan, saved by preview --save-plan."),
    ] = None,
) -> None:
    """Bring STACK up: preview, apply, and say what there is now."""
    with reported():
        protection.check(stack, stack_files.settings(stack), engine.ROOT, planned=plan is not None)
        reviewed = plans.load(plan, stack) if plan else None
        with engine.session(stack, progress) as ready:
            result, record = apply(ready, stack, reviewed)
            changed = {
                kind: count
                for kind, count in (result.summary.resource_changes or {}).items()
                if kind != "same"
            }
            console.print()
            if changed:
                done = ", ".join(f"{count} {kind}d" for kind, count in sorted(changed.items()))
                console.print(f"[green]stack {stack} is up[/green]: {done}")
            else:
                console.print(f"[green]stack {stack} is up to date[/green]: nothing changed")
            console.print(f"what agents reach: {record.policy}", markup=False, soft_wrap=True)
            _show(stack, result.outputs, stack_files.policies(stack))


def apply(
    ready: engine.Session, stack: str, plan: plans.Plan | None = None, root: Path = engine.ROOT
) -> tuple[automation.UpResult, history.Record]:
    """Bring `stack` up, exactly as in `plan` if given, and record it in the stack's history.

    Raises PlanError when the plan does not hold any more, and automation.CommandError.
    """
    if plan is None:
        return _up(ready, stack, None, root)
    plans.check(plan, plans.basis(ready, stack, root), history.of(ready.stack))
    with plan.unpacked() as file:
        return _up(ready, stack, file, root)


def _up(
    ready: engine.Session, stack: str, plan: Path | None, root: Path
) -> tuple[automation.UpResult, history.Record]:
    record = recorded(stack, ready.stack, root)
    result = ready.stack.up(
        message=record.message(),
        plan=str(plan) if plan else None,
        on_output=echo,
        on_error=echo_error,
        color=_color(),
        # What matters of the outputs is said at the end.
        suppress_outputs=True,
    )
    return result, record


def refresh(stack: StackName) -> None:
    """Read back what STACK made and show what someone else changed; the state learns it."""
    with reported(), engine.session(stack, progress) as ready:
        ready.stack.refresh(
            on_output=echo, on_error=echo_error, color=_color(), suppress_outputs=True
        )


def destroy(
    stack: StackName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove what STACK made; Coder, Grafana and GitLab stay as they were."""
    with reported():
        protection.check_destroy(stack, engine.ROOT)
    if not yes and not typer.confirm(f"Remove everything that stack {stack} made?"):
        raise typer.Exit(1)
    with reported(), engine.session(stack, progress) as ready:
        ready.stack.destroy(
            on_output=echo, on_error=echo_error, color=_color(), suppress_outputs=True
        )


def cancel(stack: StackName) -> None:
    """Release STACK from an update that was killed; the next up goes on from its state."""
    with reported(), engine.session(stack, progress) as ready:
        ready.stack.cancel()
        console.print(f"stack {stack} is free again")


def _color() -> str:
    return "always" if sys.stdout.isatty() else "never"


def _show(
    stack: str, outputs: Mapping[str, automation.OutputValue], policies: Mapping[str, Policy]
) -> None:
    """Say what was made, where to look, and what to try next."""
    values: dict[str, Any] = {key: output.value for key, output in outputs.items()}
    console.print("\n[bold]Templates[/bold]")
    for name, template in sorted(values.get("templates", {}).items()):
        walls = f"{len(policies[name])} allow rules" if name in policies else "no firewall"
        console.print(f"  {name:<20} {walls:<16} version {template['versionName']}")
    console.print("\n[bold]Log in with GitLab[/bold]  register this callback in GitLab")
    for identifier, url in values.get("callbackUrls", {}).items():
        console.print(f"  {identifier:<20} {url}", soft_wrap=True)
    console.print("\n[bold]Dashboards[/bold]")
    for uid in values.get("dashboards", []):
        title = CATALOGUE[uid].title if uid in CATALOGUE else ""
        console.print(f"  {uid:<20} {title}", markup=False)
    alerts = [name for names in values.get("alerts", {}).values() for name in names]
    if alerts:
        console.print("\n[bold]Alerts[/bold]")
        console.print(f"  {', '.join(alerts)}")
    if values.get("mcpServers"):
        console.print("\n[bold]MCP servers[/bold]")
        console.print(f"  {', '.join(sorted(values['mcpServers']))}")
    console.print("\n[bold]Try next[/bold]")
    console.print(f"  python -m ops preview {stack}")
    console.print(f"  python -m ops explain {stack} https://registry.npmjs.org/")
    console.print(f"  python -m ops dashboards {stack} --open-dir build/dashboards")
