"""`python -m ops rollback STACK`: deploy again what an earlier update deployed.

The program and settings of that update's commit run in a temporary worktree and a process of
their own, with the stack's present secrets and that commit's packages. The engine and its state
are the present ones, so only what differs is touched; running workspaces keep their version.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import typer
from rich.text import Text

from ops import (
    against,
    changes,
    deployed,
    engine,
    git,
    history,
    in_use,
    lone_template,
    namespace_changes,
    network,
    packages,
    project,
    protection,
    recovery,
    removal,
    replaced,
    report,
    rollback_look,
    stacks,
    terminal,
    unrecorded,
)
from ops.assessment import StackPreview
from ops.deployed import Deployed
from ops.history import Record, Update
from ops.hosted import Host, HostAnswer, HostError, hosted
from ops.namespace_changes import Places
from ops.rollback_settings import RollbackError, keep_secrets, switched_off
from ops.state import StackState
from ops.template_changes import Registered
from ops.tokens import WORKSPACE_TEMPLATE
from ops.traffic import InputError
from ops.ways_out import with_way_out

T = TypeVar("T")


def choose(updates: Sequence[Update], to: int | None, stack: str) -> Update:
    """Return the update to go back to: number `to`, or the last that deployed something else.

    After an update that failed, or a destroy, that is the last one that succeeded. Raises
    RollbackError when there is none, or it cannot be had again.
    """
    listed = f"`python -m ops history {stack}` lists what there is"
    if to is not None:
        found = next((each for each in updates if each.number == to), None)
        if found is None:
            raise RollbackError(f"stack {stack} has no update {to}; {listed}")
    else:
        found = _before(updates)
        if found is None:
            raise RollbackError(f"stack {stack} has no earlier update to go back to; {listed}")
    way_out = f"choose another with --to, {listed}"
    if not found.applied:
        what = found.record.command if found.record else found.kind
        raise RollbackError(
            f"update {found.number} is no complete deployment ({what}, {found.result}); {way_out}"
        )
    if found.record and found.record.template:
        raise RollbackError(
            f"update {found.number} put only template {found.record.template} back, so no single "
            f"commit is what was deployed then; roll back to the update before it, then run "
            f"`python -m ops rollback {stack} --to {found.record.rollback_of} "
            f"--template {found.record.template}`"
        )
    if found.commit is None:
        why = f" ({found.record.no_commit})" if found.record and found.record.no_commit else ""
        raise RollbackError(f"update {found.number} recorded no commit{why}; {way_out}")
    if found.dirty:
        raise RollbackError(
            f"update {found.number} was made from {found.commit[: git.SHORT]} with changes that "
            f"were not committed, which are not to be had; {way_out}, or check out that commit, "
            "make the changes again, commit and run `up`"
        )
    return found


def check_commit(update: Update, root: Path) -> None:
    """Raise RollbackError unless the repository at `root` has the commit of `update`."""
    commit = update.commit or ""
    short = commit[: git.SHORT]
    try:
        if not git.has_commit(root, commit):
            raise RollbackError(
                f"commit {short} of update {update.number} is not in this repository; "
                f"{git.fetching(root)}, and try again"
            )
    except git.GitError as error:
        raise RollbackError(f"cannot look for commit {short}: {error}") from None


def _before(updates: Sequence[Update]) -> Update | None:
    applied = [each for each in updates if each.applied]
    last = next((each for each in updates if each.kind in {"update", "destroy"}), None)
    if not applied or last is None:
        return None
    if last is not applied[0]:
        return applied[0]
    return next((each for each in applied[1:] if _source(each) != _source(last)), None)


def _source(update: Update) -> tuple[str | None, bool, str | None]:
    template = update.record.template if update.record else None
    return update.commit, update.dirty, template


@dataclass(frozen=True)
class Earlier:
    """An earlier update, ready to be previewed and deployed again."""

    stack: str
    update: Update
    root: Path
    python: Path
    host: Host
    targets: tuple[str, ...]
    plan: Path
    session: engine.Session | None = None

    def run(self, operation: str, message: str = "") -> HostAnswer:
        """Run `preview` or `up`; raises RollbackError when the program cannot be run at all.

        The preview saves its plan, and the update does exactly what it says.
        """
        try:
            return self.host.run(operation, target=self.targets, message=message, plan=self.plan)
        except HostError as error:
            raise RollbackError(f"the program of update {self.update.number} {error}") from None


@contextmanager
def earlier(
    stack: str,
    update: Update,
    progress: engine.Progress,
    *,
    root: Path = project.ROOT,
    state: Path | None = None,
    template: str | None = None,
) -> Iterator[Earlier]:
    """Check the commit of `update` out and make it ready to run, for as long as this lasts.

    Args:
        stack: name of the stack.
        update: what to go back to, from `choose`.
        progress: told what is being started, line by line.
        root: the present checkout, whose secrets are kept.
        state: state directory of a local environment, as for `engine.session`.
        template: go back for this template alone.

    Raises RollbackError and what `engine.session` raises.
    """
    check_commit(update, root)
    commit = update.commit or ""
    short = commit[: git.SHORT]
    if stack == project.LOCAL and state is None:
        state = root / ".local"
    try:
        with git.worktree(root, commit) as old:
            if not (old / "__main__.py").exists() or stack not in stacks.names(old):
                raise RollbackError(
                    f"commit {short} of update {update.number} has no program or no settings of "
                    f"stack {stack}; choose another update with --to"
                )
            absent = template and lone_template.absent_then(old, stack, update.number, template)
            if absent:
                raise RollbackError(absent)
            if left_out := keep_secrets(old, root, stack):
                progress(
                    f"left out, as the program of then has no such setting: {', '.join(left_out)}"
                )
            python = packages.python_for(old, root, progress)
            with engine.session(stack, progress, root=old, state=state) as ready:
                targets = _targets(ready.stack, stack, template) if template else ()
                with tempfile.TemporaryDirectory(prefix="firewalled-coder-plan-") as folder:
                    plan = Path(folder, "plan.json")
                    with hosted(python, old, ready, stack) as host:
                        yield Earlier(stack, update, old, python, host, targets, plan, ready)
    except git.GitError as error:
        raise RollbackError(f"cannot check commit {short} out: {error}") from None


def _targets(now: Any, stack: str, template: str) -> tuple[str, ...]:
    """Return the URNs of a template's component and of what it holds."""
    resources = (now.export_stack().deployment or {}).get("resources") or []
    tops = [each["urn"] for each in resources if each["type"] == WORKSPACE_TEMPLATE]
    top = next((urn for urn in tops if urn.endswith(f"::{template}")), None)
    if top is None:
        there = [urn.rsplit("::", 1)[1] for urn in tops]
        raise RollbackError(lone_template.gone_now(stack, template, there))
    return (top, *(each["urn"] for each in resources if each.get("parent") == top))


def preview(ready: Earlier, present: Deployed, template: str | None) -> tuple[StackPreview, Record]:
    """Preview going back; return what it changes, and the record that the update will carry.

    `present` is what is deployed now. Raises RollbackError when the preview fails.
    """
    answer = ready.run("preview")
    number = ready.update.number
    if answer.error:
        raise RollbackError(
            f"update {number} cannot be deployed again, its preview fails; nothing was applied:\n"  # noqa: S608
            f"{with_way_out(answer.error.strip(), stack=ready.stack)}\n"
            "Choose another with --to, or set right what is named."
        )
    try:
        then = deployed.of(
            answer.outputs,
            lambda: against.of_checkout(ready.stack, ready.root, ready.python).policies,
        )
    except InputError as error:
        raise RollbackError(f"the policies of update {number} cannot be read: {error}") from None
    wanted = then.policies
    if template is not None and template not in wanted:
        raise RollbackError(lone_template.had_none(ready.stack, number, template, wanted))
    found = _assessed(ready, answer.steps, present, then, template)
    if ready.session:
        found = replace(
            found, in_use=removal.going_in_preview(ready.session, ready.stack, found.steps)
        )
    record = Record(
        "rollback",
        ready.update.commit,
        dirty=False,
        who=git.who(project.ROOT),
        rollback_of=number,
        template=template,
        firewall=found.switched_off,
        policy=history.policy_line(found.reaches),
        warnings=history.warning_line(found.warnings),
    )
    return found, record


def _replacing(ready: Earlier) -> StackState | None:
    """Return the state if it has what the next update deletes, whatever else that changes."""
    state = StackState(ready.session.stack) if ready.session else None
    return state if state and replaced.waiting(state) else None


def _assessed(
    ready: Earlier,
    steps: Sequence[Mapping[str, Any]],
    present: Deployed,
    then: Deployed,
    template: str | None,
) -> StackPreview:
    """Return what going back changes, of everything or of one template alone."""
    # As the events have it, like what comes: the engine masks both sides alike there.
    before = {
        each["urn"].rpartition("::")[2]: Registered.of(each["old"]["outputs"] or {})
        for each in steps
        if each["type"] == WORKSPACE_TEMPLATE and each["old"]
    }
    variables = then.agent_env or {}
    policies, places = changes.every(steps, network.KINDS), namespace_changes.of_steps(steps)
    if template is not None:
        # What is not gone back for stays, whatever that commit's program says of it.
        policies = tuple(
            changes.Step("same", urn, deployed.type_of(urn), each, each)
            for urn, each in present.network.items()
        )
        now = present.namespaces
        places = Places(now, {**now, **_only(places.new, template)})
    return StackPreview(
        ready.stack,
        present.policies,
        then.policies
        if template is None
        else {**present.policies, template: then.policies[template]},
        steps=changes.steps(steps),
        policies=policies,
        old_variables=present.agent_env,
        new_variables=_only(variables, template),
        old_templates=_only(before, template),
        new_templates=_only(then.templates, template),
        old_coderd=present.coderd,
        new_coderd=then.coderd,
        **(deployed.of_both(present, then) if template is None else {}),
        switched_off=switched_off(ready.root, ready.stack),
        places=places,
    )


def _only(by_template: Mapping[str, T], template: str | None) -> dict[str, T]:
    return {name: each for name, each in by_template.items() if template in {None, name}}


def apply(ready: Earlier, record: Record, steps: Iterable[changes.Step] = ()) -> None:
    """Deploy the earlier update again.

    Args:
        ready: the update.
        record: what the history keeps of it.
        steps: what its preview does: where an update that was killed replaced an object, the one
            stays that the earlier program declares.

    Raises RollbackError, with what the engine said, and ChangedStateError.
    """
    error = ""
    if (state := _replacing(ready)) is not None:
        wanted = ((each.urn, each.type, each.new) for each in steps if each.new)
        if replaced.settle(state, replaced.declared(wanted)):
            # The update does what the latest preview did, and nothing else.
            error = ready.run("preview").error
    error = error or ready.run("up", record.message()).error
    if error:
        only = f" --template {record.template}" if record.template else ""
        told = with_way_out(error.strip(), stack=ready.stack)
        raise RollbackError(
            f"the rollback failed on the way: {told}\n"
            f"What was done stays; run `python -m ops rollback {ready.stack} --to "
            f"{ready.update.number}{only}` again to finish (after `python -m ops cancel "
            f"{ready.stack}` when the stack is locked), or "
            f"`python -m ops up {ready.stack}` to go forward"
        )


def _tell_live(found: StackPreview, ready: Earlier) -> None:
    for line in rollback_look.told(found, ready.root):
        terminal.console.print(line, markup=False, soft_wrap=True)


def rollback(
    stack: str,
    to: int | None = None,
    yes: bool = False,
    template: str | None = None,
) -> None:
    """Deploy again what an earlier update of STACK deployed; shows what changes, and asks."""
    with terminal.reported():
        with engine.session(stack, terminal.progress) as now:
            if template:
                _targets(now.stack, stack, template)
            chosen = choose(history.of(now.stack), to, stack)
            if stacks.protected(stack):
                settings, commit = stacks.settings(stack), chosen.commit or ""
                protection.check_commit(stack, settings, project.ROOT, commit)
            check_commit(chosen, project.ROOT)
            if not yes:
                terminal.can_ask()
            held = recovery.go_on(now, stack, next_here=False)
            present, missing = deployed.of_state(held), unrecorded.line(now.stack, held)
        if missing:
            terminal.progress(f"{history.UNRECORDED}{missing}")
        what = f"update {chosen.number} of {chosen.time:%Y-%m-%d %H:%M} UTC: {chosen.title}"
        part = f"template {template} of stack {stack}" if template else f"stack {stack}"
        alone = f" with template {template} alone" if template else ""
        terminal.progress(f"going back{alone} to {what}")
        with earlier(stack, chosen, terminal.progress, template=template) as ready:
            found, record = preview(ready, present, template)
            record = replace(record, unrecorded=missing)
            typer.echo(report.to_markdown([found]))
            if found.in_use:
                again = f"python -m ops rollback {stack} --to {chosen.number}"
                raise removal.InUseError(in_use.refusal(found.in_use, again))
            if found.verdict == "same" and not _replacing(ready):
                terminal.console.print(f"{part} is as update {chosen.number} left it", markup=False)
                _tell_live(found, ready)
                return
            if not yes and not terminal.agreed(f"Go back{alone} to update {chosen.number}?"):
                raise typer.Exit(1)
            apply(ready, record, found.steps)
            _tell_live(found, ready)
        revert = "revert the commits since then in git as well, or the next up deploys them again"
        if template:
            revert = (
                "everything else stays as it was; revert in git as well what the commits since "
                "then change of that template, or the next up deploys it again"
            )
        back = f"{part} is back at update {chosen.number}"
        terminal.console.print(Text.assemble((back, "green"), f"; {revert}"))
