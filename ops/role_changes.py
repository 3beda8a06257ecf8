"""What a preview changes of the role with which Grafana reads Coder's database, and of its Job.

Whoever may view a dashboard can send SQL of their own as that role, and its Job has the credentials
of the tables' owner. To run the Job once more, with another password or script, loses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ops.changes import UNKNOWN, Step
from ops.markdown import code, some, turned
from ops.program_changes import JOB_KIND, container_images, place_of
from ops.tokens import GRAFANA_ROLE
from ops.told import Told

_MORE: Final = "Grafana reads more of Coder's database"
_RIGHTS: Final = "Grafana's database role is made with other rights"
_IMAGE: Final = (
    "a Job with the credentials of the database's owner runs an image from another place"
)
_SECRET: Final = "a Job takes the credentials of the database's owner from another Secret"  # noqa: S105
_COMES: Final = "a Job gets the credentials of the database's owner"
_GRANT: Final = re.compile(r"\bGRANT SELECT(?: ?\(([^)]*)\))? ON (?:TABLE )?(\S+?) TO (\w+)", re.I)
_READ: Final = "(read above)"
_ROLE: Final = "ROLE_NAME"
# A grant, and one of a table that not every Coder has.
_READS: Final = re.compile(
    r"\(read above\);?|SELECT '\(read above\)' WHERE to_regclass\('[\w.]+'\) IS NOT NULL \\gexec"
)
# Of what else the script does, that which makes rights.
_OF_RIGHTS: Final = re.compile(r"\b(?:GRANT|REVOKE|ROLE|USER|OWNER|POLICY|PRIVILEGES)\b", re.I)
_NAME: Final = re.compile(r"\bALTER ROLE (\w+)", re.I)

Reads = Mapping[str, frozenset[str] | None]
"""By table, the columns that may be read; None: all of it."""


def runs_again(step: Step) -> bool:
    """Whether a step runs the role's Job once more: its pods never change in place."""
    return step.op == "replace" and _is_of_role(step, JOB_KIND)


def role_changes(steps: Iterable[Step]) -> tuple[Told, ...]:
    """Return what differs; of a role that is new there is nothing to compare."""
    found: list[Told] = []
    every = tuple(step for step in steps if step.parent.endswith(GRAFANA_ROLE))
    old, new = ("\n".join(_scripts(every, side)) for side in ("old", "new"))
    if old and new:
        found += _of_script(old, new)
    for step in every:
        if _is_of_role(step, JOB_KIND) and step.new and (step.old or old or not new):
            found += _of_job(step.old, step.new)
    return tuple(found)


def role_warnings(changes: Iterable[Told]) -> tuple[str, ...]:
    """Return what the headline says, each once."""
    return tuple(dict.fromkeys(each.warning for each in changes if each.warning))


def _is_of_role(step: Step, kind: str) -> bool:
    return step.type == kind and step.parent.endswith(GRAFANA_ROLE)


def _scripts(steps: Iterable[Step], side: str) -> Iterator[str]:
    for step in steps:
        data = getattr(step, side).get("data")
        if isinstance(data, Mapping):
            yield from map(str, data.values())


def _of_script(old: str, new: str) -> Iterator[Told]:
    before, after = _reads(old), _reads(new)
    for table in sorted(after.keys() - before.keys()):
        yield Told(f"newly read: {_what(table, after[table])}", _MORE)
    for table in sorted(after.keys() & before.keys()):
        was, now = before[table], after[table]
        if was is not None and now is None:
            yield Told(f"newly read: {_what(table, None)}; {_only(was)} before", _MORE)
        elif was is not None and now is not None and now - was:
            yield Told(f"newly read: {_what(table, now - was)}", _MORE)
        if now is not None and (was is None or was - now):
            rest = f" but {_only(now)}" if was is None else ""
            yield Told(f"no longer read: {_what(table, was and was - now)}{rest}")
    for table in sorted(before.keys() - after.keys()):
        yield Told(f"no longer read: {_what(table, before[table])}")
    said, says = _statements(old), _statements(new)
    for words, lines in (
        ("its script newly says", [each for each in says if each not in said]),
        ("its script no longer says", [each for each in said if each not in says]),
    ):
        rights = [each for each in lines if _OF_RIGHTS.search(each)]
        others = [each for each in lines if each not in rights]
        for listed, warning in ((rights, _RIGHTS), (others, "")):
            if listed:
                yield Told(f"{words}: {some(listed, code)}", warning)


def _reads(script: str) -> Reads:
    found: dict[str, frozenset[str] | None] = {}
    for columns, table, role in _GRANT.findall(script):
        if role != _role(script):
            continue
        named = frozenset(each.strip() for each in columns.split(",") if each.strip())
        there = found.get(table, frozenset())
        found[table] = None if not named or there is None else there | named
    return found


def _statements(script: str) -> list[str]:
    """Return the lines that neither let the role read a table nor are comments."""
    name = _role(script)
    # Another prefix gives another name in each line.
    same = re.sub(rf"\b{name}\b", _ROLE, script) if name else script
    lines = (_GRANT.sub(_unless_others, " ".join(line.split())) for line in same.splitlines())
    return [line for line in lines if line and line[:2] != "--" and not _READS.fullmatch(line)]


def _role(script: str) -> str:
    """Return the role that a script makes."""
    name = _NAME.search(script)
    return name[1] if name else ""


def _unless_others(grant: re.Match[str]) -> str:
    """Return that a grant is told of already; one to somebody else is not, and stays."""
    return _READ if grant[3] == _ROLE else grant[0]


def _what(table: str, columns: frozenset[str] | None) -> str:
    return f"{_only(columns)} of {code(table)}"


def _only(columns: frozenset[str] | None) -> str:
    return "**all**" if columns is None else some(sorted(columns), code)


def _of_job(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Told]:
    secrets, images = _secrets(new), container_images(new)
    if not old:
        what = f"from {some(sorted(secrets), code)}, by the image {some(sorted(images), code)}"
        yield Told(f"a Job makes it from now on, with credentials {what}", _COMES)
        return
    before, was = _secrets(old), container_images(old)
    if images != was:
        elsewhere = not set(map(place_of, images)) <= set(map(place_of, was))
        turn = turned(_joined(was), _joined(images))
        yield Told(f"image of its Job: {turn}", _IMAGE if elsewhere else "")
    if secrets != before:
        turn = turned(_joined(before), _joined(secrets))
        yield Told(f"Secrets of its Job: {turn}", _SECRET if secrets - before else "")


def _joined(values: Iterable[str]) -> str | None:
    return ", ".join(sorted(values)) or None


def _secrets(job: Mapping[str, Any]) -> frozenset[str]:
    """Return the Secrets that a Job's pods get, by namespace, name and key where one is named."""
    namespace = (job.get("metadata") or {}).get("namespace", "")
    return frozenset(f"{namespace}/{each}" for each in _named(job.get("spec")))


def _named(part: Any) -> Iterator[str]:
    """Yield the Secrets in a part of a pod, each by its name and key."""
    if isinstance(part, list):
        for each in part:
            yield from _named(each)
    if not isinstance(part, Mapping):
        return
    for key, value in part.items():
        if key in {"secretKeyRef", "secretRef", "secret"} and isinstance(value, Mapping):
            name = str(value.get("name") or value.get("secretName"))
            # One whose name is made with it is this stack's own.
            if name != UNKNOWN:
                yield f"{name} ({value['key']})" if "key" in value else name
        else:
            yield from _named(value)
