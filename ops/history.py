"""`python -m ops history STACK`: what was deployed when, by whom, from which commit.

Every update carries its record in the update's message: a first line for people, and one line
for machines. The message is the one thing that every backend of Pulumi keeps with an update and
shows again; stack tags exist in Pulumi Cloud only, and git's facts are recorded by the engine
only when its working directory lies inside of a repository.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import typer
from rich.table import Table
from rich.text import Text

from components.boundary import Reach, printable
from components.network.reach import NetworkChange, Reached
from ops import engine, git, terminal
from ops.reach import TemplateReach

MARK: Final = "firewalled-coder-update:"
FORMAT: Final = 1
UNCHANGED: Final = "no change"
SUCCEEDED: Final = "succeeded"
UNRECORDED: Final = "not recorded before: "
_SHOWN: Final = 3
_PAGE: Final = 100
_WARNINGS: Final = 1_000
_HEAD: Final = "{:<19}  {:<11}  {}"


@dataclass(frozen=True)
class Record:
    """What an update says of itself.

    Attributes:
        command: `up`, `rollback`, `adopt`, `refresh`, `destroy`, or `recovery` of an update that
            did not finish.
        commit: hash of the commit of the program and settings that ran, None without git.
        dirty: whether the checkout differed from that commit, so that it cannot be had again.
        branch: branch of the checkout, None when detached.
        who: who did it.
        rollback_of: number of the update that a rollback went back to.
        template: the one template that a rollback was limited to.
        firewall: reason, who and last day while the firewall is switched off, else empty.
        policy: what the update changes for agents, in one line.
        no_commit: why there is no commit, else empty.
        warnings: what else of it must not be overlooked, in one line; empty if nothing is known.
        unrecorded: what updates before it did that stand in no record of their own, in one line.
    """

    command: str
    commit: str | None = None
    dirty: bool = True
    branch: str | None = None
    who: str = ""
    rollback_of: int | None = None
    template: str | None = None
    firewall: str = ""
    policy: str = UNCHANGED
    no_commit: str = ""
    warnings: str = ""
    unrecorded: str = ""

    @property
    def title(self) -> str:
        """The update in one line."""
        return self.titled()

    def titled(self, *, done: bool = True) -> str:
        """Return the update in one line; what one that did not succeed wanted is called that."""
        if self.rollback_of is not None:
            what = f"rollback of {self.rollback_of}"
            what += f", template {self.template}" if self.template else ""
        else:
            what = self.command
        why = f" ({self.no_commit})" if self.no_commit else ""
        source = self.commit[: git.SHORT] if self.commit else f"no commit{why}"
        off = f", firewall off{'' if done else ' wanted'}: {self.firewall}" if self.firewall else ""
        return f"{what} at {source}{' (dirty)' if self.dirty else ''}{off}"

    def message(self) -> str:
        """Return the update's message, for the engine's `--message`."""
        data = {"format": FORMAT, **asdict(self)}
        return f"{_line(self.title)}\n\n{MARK} {json.dumps(data, ensure_ascii=True)}"


def parse(message: str) -> Record | None:
    """Return the record in an update's message, None for one that ops did not write."""
    for line in reversed(message.splitlines()):
        if not line.startswith(MARK):
            continue
        try:
            data = json.loads(line.removeprefix(MARK))
            known = {each.name for each in fields(Record)}
            return Record(**{key: value for key, value in data.items() if key in known})
        except (ValueError, TypeError, AttributeError):
            return None
    return None


def record(
    root: Path,
    command: str,
    *,
    policy: str = UNCHANGED,
    firewall: str = "",
    warnings: Iterable[str] = (),
    unrecorded: str = "",
) -> Record:
    """Return the record of an update from the checkout at `root`."""
    found = git.facts(root)
    return Record(
        command,
        found.commit,
        found.dirty,
        found.branch,
        git.who(root),
        firewall=_line(firewall),
        policy=policy,
        no_commit=_line(found.problem),
        warnings=warning_line(warnings),
        unrecorded=_line(unrecorded, _WARNINGS),
    )


def warning_line(warnings: Iterable[str]) -> str:
    """Return a review's warnings in one line."""
    return _line("; ".join(dict.fromkeys(warnings)), _WARNINGS)


def policy_line(reaches: Iterable[TemplateReach]) -> str:
    """Return in one line what agents reach newly and no longer, what opens something first.

    Args:
        reaches: every template's change, as a review has it.
    """
    told: dict[str, list[str]] = {}
    for reach in sorted(reaches, key=lambda each: (each.gravity, each.template)):
        if said := ", ".join(_told(reach)):
            told.setdefault(said, []).append(reach.template)
    said = "; ".join(f"{_some(names)}: {what}" for what, names in told.items())
    return _line(said, 400) or UNCHANGED


def _told(reach: TemplateReach) -> Iterator[str]:
    """Yield what changes of a template; what opens most, which is never long, first."""
    yield from _firewall(reach)
    if not reach.after:
        return
    hosts, off, network = reach.comparison, reach.while_off, reach.network
    agents = reach.agents_reach if reach.agents_reach.before else NetworkChange()
    wider = network.opened if network.before and network.after else ()
    for holds, words in (
        (reach.release.doubt, reach.release.doubt),
        (reach.lets_agents_in, "CODER'S OWN AGENTS LET IN"),
        (reach.frees_agents, "NETWORK POLICY OF CODER'S OWN AGENTS REMOVED"),
        (network.removed, "NETWORK POLICY REMOVED"),
        (reach.leaves_open, f"NO NETWORK POLICY IN {reach.old_namespace} FOR WORKSPACES THERE"),
        (reach.before and hosts.opened, f"opens {_hosts(hosts.opened)}"),
        (wider, f"network opens {_places(wider)}"),
        (agents.opened, f"network opens to Coder's own agents {_places(agents.opened)}"),
        (reach.before and hosts.closed, f"closes {_closed(hosts.closed, reach)}"),
        (off.opened, f"rules of the firewall that was off open {_hosts(off.opened)}"),
        (off.closed, f"rules of the firewall that was off close {_closed(off.closed, reach)}"),
        (reach.off_unknown, "rules of a firewall that was off are not known"),
        (network.closed, f"network closes {_places(network.closed)}"),
        (agents.closed, f"network closes to Coder's own agents {_places(agents.closed)}"),
        (network.after and not network.before, "network policy from now on"),
        (reach.isolates_agents, "Coder's own agents in their own pod"),
        (reach.keeps_agents_out, "Coder's own agents kept out"),
        (reach.moves, f"namespace {reach.old_namespace} -> {reach.new_namespace}"),
        (reach.drops_projects, "claims of ~/project deleted"),
    ):
        if holds:
            yield words


def _firewall(reach: TemplateReach) -> Iterator[str]:
    before, after = reach.old, reach.new
    if not reach.after:
        yield "template removed"
    elif not reach.before:
        yield "new, without a firewall" if after is None else f"new, confined by {len(after)} rules"
    elif after is None:
        if before is not None:
            yield "FIREWALL REMOVED"
    elif before is None:
        yield f"confined by {len(after)} rules"
    elif not reach.changed and before.texts != after.texts:
        yield "rules reworded, same reach"


def _hosts(entries: Iterable[Reach]) -> str:
    return _some(["every host" if each.host == "*" else each.host for each in entries])


def _closed(entries: Iterable[Reach], reach: TemplateReach) -> str:
    return _some([f"{'part of ' * bool(reach.stays(x))}{_hosts([x])}" for x in entries])


def _places(entries: Iterable[Reached]) -> str:
    return _some(
        [f"{'in from ' if each.incoming else ''}{each.where}: {each.ports}" for each in entries]
    )


def _some(values: Sequence[str]) -> str:
    unique = list(dict.fromkeys(values))
    more = f" and {len(unique) - _SHOWN} more" if len(unique) > _SHOWN else ""
    return ", ".join(unique[:_SHOWN]) + more


def _line(text: str, limit: int = 300) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else f"{line[: limit - 4]} ..."


class Summary(Protocol):
    """What the Automation API tells of an update (automation.UpdateSummary)."""

    kind: str
    start_time: datetime
    end_time: datetime | None
    message: str
    environment: Mapping[str, str]
    result: str
    version: int | None
    resource_changes: Any


@dataclass(frozen=True)
class Update:
    """One update of a stack.

    Attributes:
        number: counts from 1, the oldest; a backend's own number where it has one.
        kind: the engine's word: update, refresh, destroy, import, preview.
        time: when it started, UTC.
        result: the engine's word: succeeded, failed, in-progress.
        changes: resources by what was done to them, unchanged ones left out.
        record: what the update says of itself; None when ops did not make it.
        commit: the record's commit, else the one that the engine saw.
        dirty: whether that commit was not all of it.
        who: the record's, else the author that the engine saw.
        title: one line for people.
    """

    number: int
    kind: str
    time: datetime
    result: str
    changes: Mapping[str, int]
    record: Record | None
    commit: str | None
    dirty: bool
    who: str
    title: str

    @property
    def applied(self) -> bool:
        """Whether all of a program was deployed by it; an adoption deploys nothing."""
        adopted = self.record is not None and self.record.command == "adopt"
        return self.kind == "update" and self.result == SUCCEEDED and not adopted

    @property
    def policy(self) -> str:
        """What it changed for agents; empty for one that did not succeed, of which nobody knows."""
        return self.record.policy if self.record and self.result == SUCCEEDED else ""

    @property
    def wanted(self) -> str:
        """What one that did not succeed would have changed for agents."""
        return self.record.policy if self.record and self.result != SUCCEEDED else ""

    @property
    def warnings(self) -> str:
        """What else of it must not be overlooked, whether it succeeded or not."""
        return self.record.warnings if self.record else ""


def updates(summaries: Iterable[Summary]) -> tuple[Update, ...]:
    """Return a stack's updates, the latest first, as the engine's history lists them."""
    newest_first = list(summaries)
    return tuple(
        # A backend of files keeps every update and gives none a number: its place is one.
        _update(each, each.version or len(newest_first) - place)
        for place, each in enumerate(newest_first)
        if each.kind != "preview"
    )


def of(stack: Any) -> tuple[Update, ...]:
    """Return the updates of an Automation API stack, the latest first; no secret is asked for."""
    found: list[Summary] = []
    # Without a page size the engine lists the latest ten alone.
    for page in itertools.count(1):
        part = stack.history(page_size=_PAGE, page=page, show_secrets=False)
        found += part
        if len(part) < _PAGE:
            break
    return updates(found)


def _update(summary: Summary, number: int) -> Update:
    found = parse(summary.message or "")
    seen = summary.environment or {}
    started = summary.start_time
    lines = (summary.message or "").strip().splitlines()
    return Update(
        number=number,
        kind=summary.kind,
        time=started if started.tzinfo else started.replace(tzinfo=UTC),
        result=summary.result,
        changes={
            str(getattr(kind, "value", kind)): int(count)
            for kind, count in (summary.resource_changes or {}).items()
            if str(getattr(kind, "value", kind)) != "same"
        },
        record=found,
        commit=found.commit if found else seen.get("git.head"),
        dirty=found.dirty if found else seen.get("git.dirty", "true") != "false",
        who=found.who if found else seen.get("git.author", ""),
        title=found.titled(done=summary.result == SUCCEEDED)
        if found
        else _line(lines[0])
        if lines
        else summary.kind,
    )


def to_json(found: Iterable[Update]) -> list[dict[str, Any]]:
    """Return updates as plain data."""
    return [
        {
            "number": each.number,
            "kind": each.kind,
            "time": each.time.astimezone(UTC).isoformat(),
            "result": each.result,
            "changes": dict(each.changes),
            "commit": each.commit,
            "dirty": each.dirty,
            "who": each.who,
            "title": each.title,
            "policy": each.policy,
            "wanted": each.wanted,
            "warnings": each.warnings,
            "unrecorded": each.record.unrecorded if each.record else "",
            "rollbackOf": each.record.rollback_of if each.record else None,
            "template": each.record.template if each.record else None,
            "firewall": each.record.firewall if each.record else "",
        }
        for each in found
    ]


def table(found: Iterable[Update]) -> Table:
    """Return updates as a table that fits 80 columns, the latest first."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("Update", justify="right", no_wrap=True)
    shown.add_column(_HEAD.format("Time (UTC)", "Result", "Who"), overflow="fold", ratio=1)
    for each in found:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(each.changes.items()))
        moment = each.time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        lines = [_HEAD.format(moment, each.result, each.who).rstrip(), each.title]
        lines.append(f"resources: {counts or 'none'}")
        if each.policy not in {"", UNCHANGED}:
            lines.append(f"policy: {each.policy}")
        if each.wanted not in {"", UNCHANGED}:
            lines.append(f"wanted: {each.wanted}")
        if each.warnings:
            lines.append(
                f"{'warnings' if each.result == SUCCEEDED else 'warnings wanted'}: {each.warnings}"
            )
        if each.record and each.record.unrecorded:
            lines.append(f"{UNRECORDED}{each.record.unrecorded}")
        shown.add_row(str(each.number), Text("\n".join(map(printable, lines))))
    return shown


def history(stack: str, as_json: bool = False) -> None:
    """List what was deployed to STACK: when, by whom, from which commit, and what it changed."""

    with terminal.reported(), engine.session(stack, terminal.progress) as ready:
        found = of(ready.stack)
        if as_json:
            typer.echo(json.dumps(to_json(found), indent=2))
        elif found:
            terminal.console.print(table(found))
        else:
            terminal.console.print(f"stack {stack} has no updates yet", markup=False)
