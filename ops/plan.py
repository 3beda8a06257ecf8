"""Plans: what a preview found would be done, kept in a file, so that exactly it can be applied.

A plan file holds the engine's own update plan (`pulumi preview --save-plan`), in which secrets
are encrypted as in the stack's state, and what it rests on: a digest of every file of the
program, of every setting, and of every resource in the state. An update from the plan is refused
when one of them is another by then; the engine, besides, stops at a step that the plan has not.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from components.errors import OperatorError
from components.settings.load import structured
from ops import engine, git, history, project, stack_file
from ops.changes import without_secrets
from ops.state import StackState

FORMAT: Final = 1
_PROGRAM: Final = (
    "__main__.py",
    "Pulumi.yaml",
    "requirements.txt",
    "components",
    "program",
    "sdks",
)
_NOT_PROGRAM: Final = frozenset({"__pycache__", "build"})
# A resource's bookkeeping, which an update touches without changing the resource: the engine
# writes dependencies in any order.
_BOOKKEEPING: Final = frozenset(
    {
        *("created", "modified", "sourcePosition", "stackTrace"),
        *("dependencies", "propertyDependencies"),
    }
)
_NAMED: Final = 5
# What decides which digest a setting or a resource has.
_WAY: Final = (
    Path(__file__),
    Path(__file__).with_name("changes.py"),
    Path(__file__).with_name("stack_file.py"),
    Path(__file__).parents[1] / "components" / "boundary" / "credentials.py",
)


class PlanError(OperatorError):
    """A plan cannot be saved or applied; the message says why. Nothing was applied."""


@dataclass(frozen=True)
class Basis:
    """What a plan rests on.

    Attributes:
        commit: the checkout's commit, None without git.
        dirty: whether the checkout differed from it.
        update: number of the stack's latest update, 0 before the first.
        program: digest by file of the program, paths relative to the checkout.
        settings: digest by key of the stack's settings.
        state: digest by URN of the stack's resources.
        way: digest of the code that makes those of settings and state; empty of earlier releases.
    """

    commit: str | None
    dirty: bool
    update: int
    program: Mapping[str, str]
    settings: Mapping[str, str]
    state: Mapping[str, str]
    way: str = ""


@dataclass(frozen=True)
class SavedPlan:
    """A plan file's content.

    Attributes:
        stack: whose.
        time: when it was saved.
        basis: what it rests on.
        engine_plan: the engine's own.
        warnings: what the preview said must not be overlooked.
    """

    stack: str
    time: datetime
    basis: Basis
    engine_plan: Mapping[str, Any]
    warnings: tuple[str, ...] = ()

    @contextmanager
    def unpacked(self) -> Iterator[Path]:
        """Yield the engine's plan as a file, for as long as the context lasts."""
        with TemporaryDirectory(prefix="firewalled-coder-plan-") as folder:
            file = Path(folder, "plan.json")
            file.write_text(json.dumps(self.engine_plan), encoding="utf-8")
            yield file


def basis(
    session: engine.Session,
    name: str,
    root: Path = project.ROOT,
    held: StackState | None = None,
) -> Basis:
    """Return what a plan of stack `name` rests on now, with the program at `root`.

    `held` is the stack's state, if it was read already.
    """
    found = git.facts(root)
    latest = history.of(session.stack)
    held = StackState(session.stack) if held is None else held
    return Basis(
        commit=found.commit,
        dirty=found.dirty,
        update=latest[0].number if latest else 0,
        program=dict(_program(root)),
        settings=_settings(session.work_dir / "stacks" / f"Pulumi.{name}.yaml"),
        state=state(held.deployment),
        way=_digest([hashlib.sha256(each.read_bytes()).hexdigest() for each in _WAY]),
    )


def state(deployment: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of every resource of an exported state, by URN."""
    found: dict[str, str] = {}
    for resource in deployment.get("resources") or ():
        content = _content(resource)
        # Of a replacement that was cut off, two resources have one URN.
        found[resource["urn"]] = _digest(found.get(resource["urn"]), content)
    for operation in deployment.get("pending_operations") or ():
        urn = operation["resource"]["urn"]
        found[urn] = _digest(found.get(urn), operation["type"])
    return found


def _content(resource: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        # Every update encrypts anew, so a ciphertext says nothing; a secret that changes makes a
        # new rotation id beside it (components/rotation.py).
        key: without_secrets(each)
        for key, each in resource.items()
        if key not in _BOOKKEEPING
    }
    if str(resource["type"]).startswith("pulumi:providers:"):
        # Of a parameterized package it is the base provider's or its own, by the engine's whim.
        for side in ("inputs", "outputs"):
            found[side] = {k: v for k, v in (found.get(side) or {}).items() if k != "version"}
    return found


def save(
    path: Path, stack: str, rests_on: Basis, engine_plan: Path, warnings: Iterable[str] = ()
) -> None:
    """Write the plan file, readable by its owner alone; raises PlanError."""
    document = {
        "format": FORMAT,
        "stack": stack,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "basis": asdict(rests_on),
        "warnings": list(warnings),
        "plan": json.loads(engine_plan.read_text(encoding="utf-8")),
    }
    new = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({**document, "digest": _digest(document)}, file)
        new.replace(path)
    except OSError as error:
        raise PlanError(f"cannot write the plan {path}: {error.strerror}") from None


def load(path: Path, stack: str) -> SavedPlan:
    """Return the plan in `path`; raises PlanError when it is none, or another stack's."""
    again = f"save one: python -m ops preview {stack} --save-plan {path}"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"cannot read the plan {path}: {error.strerror}; {again}") from None
    except ValueError:
        raise PlanError(f"{path} is no plan of ops; {again}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise PlanError(f"{path} is no plan of this version of ops; {again}")
    digest = document.pop("digest", None)
    if digest != _digest(document):
        raise PlanError(f"the plan {path} is damaged or was edited; {again}")
    if document["stack"] != stack:
        raise PlanError(f"{path} is a plan of stack {document['stack']}, not of {stack}; {again}")
    return SavedPlan(
        stack,
        datetime.fromisoformat(document["time"]),
        Basis(
            **{
                x.name: document["basis"][x.name]
                for x in fields(Basis)
                if x.name in document["basis"]
            }
        ),
        document["plan"],
        tuple(document.get("warnings", ())),
    )


def check(plan: SavedPlan, now: Basis, since: Sequence[history.Update] = ()) -> None:
    """Raise PlanError, naming every difference, unless `plan` rests on what is there now.

    Args:
        plan: the plan to be applied.
        now: what is there.
        since: the stack's updates, the latest first, to say which came after the plan.
    """
    then = plan.basis
    problems = []
    if files := _differing(then.program, now.program):
        moved = (
            f" (planned from {_commit(then)}, now {_commit(now)})"
            if (then.commit, then.dirty) != (now.commit, now.dirty)
            else ""
        )
        problems.append(f"program: {_listed(files)}{moved}")
    keys, urns = _differing(then.settings, now.settings), _differing(then.state, now.state)
    if (keys or urns) and then.way != now.way:
        # The same ones have other digests then.
        problems.append(
            "settings and state: the plan is of another release of ops, which compares them "
            "otherwise; whether they changed is not known"
        )
        keys, urns = [], []
    if keys:
        problems.append(f"settings: {_listed(keys)}")
    if urns:
        later = [each for each in since if each.number > then.update]
        made = "; ".join(
            f"update {each.number} by {each.who or 'unknown'}: {each.title}" for each in later[:3]
        )
        names = [f"{urn.rsplit('::', 1)[-1]} {word}" for urn, word in urns]
        problems.append(f"state: {_listed([(each, '') for each in names])}{made and f' ({made})'}")
    if problems:
        raise PlanError(
            f"the plan of {plan.time:%Y-%m-%d %H:%M} UTC no longer holds for stack {plan.stack}, "
            "nothing was applied\n"
            + "\n".join(f"  {problem}" for problem in problems)
            + f"\nreview again: python -m ops preview {plan.stack} --save-plan FILE"
        )


def check_order(plan: SavedPlan, since: Sequence[history.Update], root: Path) -> None:
    """Raise PlanError if a later commit than the plan's has been deployed after it was made.

    What the two differ in may be nothing that the state shows: a change that was taken back before
    it was deployed leaves all as it was, and its plan would bring it after all.

    Args:
        plan: the plan to be applied.
        since: the stack's updates, the latest first.
        root: the checkout, by whose git commits are known.
    """
    mine = plan.basis.commit
    for update in since:
        if update.number <= plan.basis.update or not update.applied:
            continue
        if mine is None or update.commit in (None, mine):
            continue
        later = git.comes_after(root, str(update.commit), mine)
        if later is False:
            continue
        short = str(update.commit)[: git.SHORT]
        why = (
            f"commit {short}, which comes after the plan's {mine[: git.SHORT]}"
            if later
            else f"commit {short}, which git does not know here: {git.fetching(root)}"
        )
        raise PlanError(
            f"the plan of {plan.time:%Y-%m-%d %H:%M} UTC is out of date for stack {plan.stack}, "
            f"nothing was applied\n  update {update.number} by {update.who or 'unknown'} deployed "
            f"{why}\nreview again: python -m ops preview {plan.stack} --save-plan FILE"
        )


def _differing(then: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str]]:
    found = []
    for key in sorted({*then, *now}):
        if then.get(key) != now.get(key):
            word = "is new" if key not in then else "is gone" if key not in now else "changed"
            found.append((key, word))
    return found


def _listed(found: Sequence[tuple[str, str]]) -> str:
    shown = ", ".join(f"{key} {word}".strip() for key, word in found[:_NAMED])
    return shown + (f" and {len(found) - _NAMED} more" if len(found) > _NAMED else "")


def _commit(rests_on: Basis) -> str:
    if rests_on.commit is None:
        return "no commit"
    return rests_on.commit[: git.SHORT] + (" with changes" if rests_on.dirty else "")


def _program(root: Path) -> Iterable[tuple[str, str]]:
    for name in _PROGRAM:
        top = root / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            inner = path.relative_to(root)
            generated = _NOT_PROGRAM & set(inner.parts) or path.suffix == ".pyc"
            if path.is_file() and not generated and ".egg-info" not in str(inner):
                yield str(inner), hashlib.sha256(path.read_bytes()).hexdigest()


def _settings(path: Path) -> dict[str, str]:
    config = stack_file.completed(path.read_bytes())["config"]
    # The engine writes `true` anew as the text of it when it sets another value of the file.
    return {key: _digest(structured(value)) for key, value in sorted(config.items())}


def _digest(*values: Any) -> str:
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
