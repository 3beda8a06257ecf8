"""`up`, `refresh` and `destroy`: the engine's own operations, for one stack."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer
from pulumi import automation
from rich.text import Text

from components.boundary import Policy
from ops import (
    changes,
    deleted_network,
    deployed,
    diagnostics,
    drift,
    engine,
    gateway_drift,
    gateway_places,
    history,
    live_lines,
    live_network,
    locks,
    project,
    protection,
    provider_inputs,
    recovery,
    removal,
    unrecorded,
)
from ops import plan as plans
from ops import stacks as stack_files
from ops.heard import Heard
from ops.mcp_changes import terminal_lines
from ops.stack_reach import StackReach, compared, of_settings
from ops.state import StackState
from ops.terminal import (
    agreed,
    can_ask,
    color,
    console,
    echo,
    echo_error,
    progress,
    reported,
)
from ops.tokens import WORKSPACE_TEMPLATE


def recorded(
    stack: str,
    now: automation.Stack,
    root: Path = project.ROOT,
    held: StackState | None = None,
    warnings: Iterable[str] | None = None,
) -> history.Record:
    """Return the record of an update of `now` from the settings at `root`.

    `held` is the stack's state, if it was read already, and `warnings` are those of a review.
    """
    # With the program, and all that declares resources: a refresh needs none of it.
    from ops import foreseen  # noqa: PLC0415

    settings = stack_files.settings(stack, root)
    before = deployed.of_stack(now) if held is None else deployed.of_state(held)
    found = compared(before.reach, of_settings(settings), settings.own)
    if warnings is None:
        warnings = () if held is None else foreseen.warnings(stack, settings, held, root)
    record = history.record(
        root,
        "up",
        policy=history.policy_line(found),
        firewall=settings.switched_off,
        warnings=warnings,
        unrecorded="" if held is None else unrecorded.line(now, held),
    )
    if record.commit is None:
        progress(
            f"this update records no commit, so no rollback can go back to it: {record.no_commit}"
        )
    return record


def up(
    stack: str,
    plan: Path | None = None,
) -> None:
    """Bring STACK up: preview, apply, and say what there is now."""
    with reported():
        protection.check(stack, stack_files.settings(stack), project.ROOT, planned=plan is not None)
        reviewed = plans.load(plan, stack) if plan else None
        with engine.session(stack, progress) as ready:
            heard = Heard()
            _, record = apply(ready, stack, reviewed, project.ROOT, heard)
            changed = {kind: count for kind, count in heard.counted.items() if kind != "same"}
            console.print()
            if changed:
                done = ", ".join(f"{count} {kind}d" for kind, count in sorted(changed.items()))
                console.print(Text.assemble((f"stack {stack} is up", "green"), f": {done}"))
            else:
                console.print(
                    Text.assemble((f"stack {stack} is up to date", "green"), ": nothing changed")
                )
            console.print(f"what agents reach: {record.policy}", markup=False, soft_wrap=True)
            if record.unrecorded:
                said = f"{history.UNRECORDED}{record.unrecorded}"
                console.print(said, markup=False, soft_wrap=True)
            for line in _warned(stack, record, heard):
                console.print(line, markup=False, soft_wrap=True)
            settings = stack_files.settings(stack)
            live = live_network.against(settings)
            gone = deleted_network.told(live, settings, stack)
            for line in (*gone, *live_lines.told(live, stack)):
                console.print(line, markup=False, soft_wrap=True)
            _show(stack, heard.outputs, stack_files.policies(stack))


def apply(
    ready: engine.Session,
    stack: str,
    plan: plans.SavedPlan | None = None,
    root: Path = project.ROOT,
    heard: Heard | None = None,
) -> tuple[automation.UpResult, history.Record]:
    """Bring `stack` up, exactly as in `plan` if given, and record it in the stack's history.

    What the last update left half-done is finished first; `heard` hears the engine's events.

    Raises PlanError when the plan does not hold any more, InUseError when a template goes that
    people have workspaces of, RecoveryError and diagnostics.RunError.
    """
    held = recovery.go_on(ready, stack)
    removal.check_going(ready, stack, held)
    if plan is None:
        return _up(ready, None, recorded(stack, ready.stack, root, held), heard)
    now = plans.basis(ready, stack, root, held)
    since = history.of(ready.stack) if now.update != plan.basis.update else ()
    plans.check(plan, now, since)
    plans.check_order(plan, since, root)
    record = recorded(stack, ready.stack, root, held, plan.warnings)
    with plan.unpacked() as file:
        return _up(ready, file, record, heard)


def _up(
    ready: engine.Session,
    plan: Path | None,
    record: history.Record,
    heard: Heard | None,
) -> tuple[automation.UpResult, history.Record]:
    result = diagnostics.run(
        ready.stack.up,
        on_event=heard and heard.on_event,
        message=record.message(),
        plan=str(plan) if plan else None,
        on_output=echo,
        on_error=echo_error,
        color=color(),
        # What matters of the outputs is said at the end.
        suppress_outputs=True,
    )
    return result, record


def _warned(stack: str, record: history.Record, heard: Heard) -> list[str]:
    """Say what a review of the update would have had in its headline, and what Coder keeps."""
    # Policies in which the engine masked a part say nothing here that the record does not.
    found = heard.preview(stack, dict, dict)
    told = [each for each in found.warnings if each not in record.policy]
    said = record.warnings if not told else history.warning_line(told)
    kept = gateway_places.left((*found.steps, *found.kept))
    servers = terminal_lines(found.servers)
    return [*([f"warnings: {said}"] if said else []), *servers, *kept]


def refresh(stack: str) -> None:
    """Read back what STACK made and show what someone else changed; the state learns it.

    What an update left half-done is finished first, without applying anything.
    """
    with reported(), engine.session(stack, progress) as ready:
        for line in differing(ready, stack):
            console.print(line, markup=False, soft_wrap=True)


def differing(ready: engine.Session, stack: str) -> tuple[str, ...]:
    """Have the state learn what is there, and return what differed and what to do as lines.

    Raises RecoveryError and diagnostics.RunError.
    """
    held = recovery.go_on(ready, stack, next_here=False)
    declared = deployed.of_state(held).network.values()
    looked_at: list[Mapping[str, Any]] = []
    found = read_back(ready, stack, held, looked_at)
    # Of what was declared before: what the engine saw of an edit, the state has learned.
    live = live_network.against(stack_files.settings(stack, ready.work_dir), declared)
    written = gateway_drift.told(gateway_drift.written(looked_at))
    return (*written, *drift.told(found, stack), *live_lines.told(live, stack))


def read_back(
    ready: engine.Session,
    stack: str,
    held: StackState | None = None,
    looked_at: list[Mapping[str, Any]] | None = None,
) -> tuple[drift.Drift, ...]:
    """Have the state learn what is there, and return what differed; raises diagnostics.RunError.

    `looked_at` gets what was read back, as plain data.
    """
    looked_at = [] if looked_at is None else looked_at
    missing = unrecorded.line(ready.stack, held)

    def on_event(event: automation.EngineEvent) -> None:
        if event.res_outputs_event:
            looked_at.append(changes.plain(event.res_outputs_event.metadata))

    provider_inputs.run(
        ready.stack.refresh,
        ready,
        stack,
        held,
        message=history.record(project.ROOT, "refresh", unrecorded=missing).message(),
        on_event=on_event,
        on_output=echo,
        on_error=echo_error,
        color=color(),
        suppress_outputs=True,
    )
    return drift.refreshed(looked_at)


def destroy(
    stack: str,
    yes: bool = False,
) -> None:
    """Remove what STACK made; Coder, Grafana and GitLab stay as they were."""
    with reported():
        protection.check_destroy(stack, project.ROOT)
        if not yes:
            can_ask()
            if not agreed(f"Remove everything that stack {stack} made?"):
                raise typer.Exit(1)
    with reported(), engine.session(stack, progress) as ready:
        remove(ready, stack)


def remove(ready: engine.Session, stack: str) -> None:
    """Remove what a stack made, and what its last update left half-done.

    Raises InUseError when people have workspaces of its templates, RecoveryError and
    diagnostics.RunError.
    """
    state = recovery.go_on(ready, stack, removing=True)
    removal.check_stack(ready, stack, state)
    # Their names do: a policy in the state that cannot be read is no reason to keep a stack.
    templates = (each["urn"].rpartition("::")[2] for each in state.of_type(WORKSPACE_TEMPLATE))
    removed = history.policy_line(compared(StackReach(dict.fromkeys(templates)), StackReach({})))
    missing = unrecorded.line(ready.stack, state)
    record = history.record(project.ROOT, "destroy", policy=removed, unrecorded=missing)
    provider_inputs.run(
        ready.stack.destroy,
        ready,
        stack,
        state,
        removes=True,
        message=record.message(),
        on_output=echo,
        on_error=echo_error,
        color=color(),
        suppress_outputs=True,
    )


def cancel(stack: str) -> None:
    """Release STACK from an update that was killed; the next up goes on from its state."""
    with reported(), engine.session(stack, progress) as ready:
        held = locks.held(ready.stack)
        ready.stack.cancel()
        said = {
            True: f"stack {stack} is free again",
            False: f"nothing held stack {stack}: no update is running, and none left a lock",
            None: f"stack {stack} is free; its backend does not tell whether an update held it",
        }
        console.print(said[held], markup=False, soft_wrap=True)


def _show(stack: str, values: Mapping[str, Any], policies: Mapping[str, Policy]) -> None:
    """Say what was made, where to look, and what to try next; `values` are the stack's outputs."""
    from components.dashboards.catalogue import CATALOGUE  # noqa: PLC0415  needs Grafana's SDK

    if templates := values.get("templates"):
        console.print("\n[bold]Templates[/bold]")
    for name, template in sorted((templates or {}).items()):
        walls = f"{len(policies[name])} allow rules" if name in policies else "no firewall"
        console.print(f"  {name:<20} {walls:<16} version {template['versionName']}", markup=False)
    if callbacks := values.get("callbackUrls"):
        console.print("\n[bold]Log in with GitLab[/bold]  register this callback in GitLab")
        for identifier, url in callbacks.items():
            console.print(f"  {identifier:<20} {url}", markup=False, soft_wrap=True)
    if boards := values.get("dashboards"):
        console.print("\n[bold]Dashboards[/bold]")
    for uid in boards or ():
        title = CATALOGUE[uid].title if uid in CATALOGUE else ""
        console.print(f"  {uid:<20} {title}", markup=False)
    alerts = [name for names in values.get("alerts", {}).values() for name in names]
    if alerts:
        console.print("\n[bold]Alerts[/bold]")
        console.print(f"  {', '.join(alerts)}", markup=False)
    if values.get("mcpServers"):
        console.print("\n[bold]MCP servers[/bold]")
        console.print(f"  {', '.join(sorted(values['mcpServers']))}", markup=False)
    if values.get("aiProviders"):
        console.print("\n[bold]AI Gateway[/bold]")
        console.print(f"  {', '.join(sorted(values['aiProviders']))}", markup=False)
    console.print("\n[bold]Try next[/bold]")
    if "VIRTUAL_ENV" not in os.environ and Path(sys.prefix) == project.ROOT / ".venv":
        console.print("  . .venv/bin/activate")
    console.print(f"  python -m ops preview {stack}", markup=False)
    console.print(f"  python -m ops explain {stack} https://registry.npmjs.org/", markup=False)
    console.print(f"  python -m ops dashboards {stack} --open-dir build/dashboards", markup=False)
