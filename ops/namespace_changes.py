"""To which namespace each template's pods go, and what those lose that stay in the old one.

A policy, Pod Security and a quota hold in their own namespace alone. A workspace keeps its template
version until it is updated, and its home's namespace for good: a claim cannot move.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from components.boundary.credentials import HIDDEN
from ops.changes import Step, every
from ops.markdown import code, some
from ops.reach import TemplateReach
from ops.tokens import LIMIT_RANGE, NAMESPACE_PATCH, RESOURCE_QUOTA, TEMPLATE

_SUFFIX: Final = "-template"
_VARIABLE: Final = "namespace"
_HELD: Final = {
    NAMESPACE_PATCH: "Pod Security",
    RESOURCE_QUOTA: "quota",
    LIMIT_RANGE: "limits",
}


@dataclass(frozen=True)
class Places:
    """The namespace of each template's pods, by its name; one that is not known is left out.

    Attributes:
        old: now.
        new: afterwards.
    """

    old: Mapping[str, str] = field(default_factory=dict)
    new: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Move:
    """Templates whose pods go to another namespace.

    Attributes:
        templates: their names.
        old: the namespace of the workspaces that are there.
        new: that of those to come.
        loses: what the old one loses by it.
    """

    templates: tuple[str, ...]
    old: str
    new: str
    loses: tuple[str, ...]


def of_state(resources: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the namespace of each template in a state."""
    templates = (each for each in resources if each.get("type") == TEMPLATE)
    return _known((str(each["urn"]), each.get("inputs") or {}) for each in templates)


def of_steps(metadata: Iterable[Mapping[str, Any]]) -> Places:
    """Return the namespaces before and after the steps of a preview.

    Args:
        metadata: of `resource_pre_event`, as plain data; of what does not change, too.
    """
    steps = every(metadata, {TEMPLATE})
    return Places(
        _known((step.urn, step.old) for step in steps if step.op != "create"),
        _known((step.urn, step.new) for step in steps if step.op != "delete"),
    )


def _known(templates: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, str]:
    found = {
        urn.rpartition("::")[2].removesuffix(_SUFFIX): _namespace(inputs)
        for urn, inputs in templates
    }
    return {name: namespace for name, namespace in found.items() if namespace}


def _namespace(inputs: Mapping[str, Any]) -> str:
    versions = inputs.get("versions")
    version = versions[-1] if isinstance(versions, list) and versions else None
    pairs = version.get("tfVars") if isinstance(version, Mapping) else None
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, Mapping) and pair.get("name") == _VARIABLE:
            value = pair.get("value")
            # What the engine masks is not known.
            return value if isinstance(value, str) and HIDDEN not in value else ""
    return ""


def moves(reaches: Iterable[TemplateReach], steps: Iterable[Step]) -> tuple[Move, ...]:
    """Return the moves, those from and to the same namespaces as one."""
    lost: dict[str, list[str]] = {}
    for step in steps:
        old, new = _place(step.old), _place(step.new)
        if step.type in _HELD and step.op != "create" and (step.op == "delete" or old != new):
            lost.setdefault(old, []).append(_HELD[step.type])
    found: dict[tuple[str, str, bool], list[str]] = {}
    for reach in reaches:
        if reach.moves:
            places = str(reach.old_namespace), str(reach.new_namespace)
            found.setdefault((*places, reach.leaves_open), []).append(reach.template)
    return tuple(
        Move(
            tuple(sorted(names)),
            old,
            new,
            (*(("network policy",) if is_open else ()), *sorted(lost.get(old, ()))),
        )
        for (old, new, is_open), names in found.items()
    )


def _place(inputs: Mapping[str, Any]) -> str:
    metadata = inputs.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    return str(metadata.get("namespace") or metadata.get("name") or "")


def move_lines(found: Iterable[Move]) -> Iterator[str]:
    """Yield what becomes of workspaces that are there, as lines of Markdown, and what to do."""
    for each in found:
        old = code(each.old)
        yield f"- {some(each.templates, code)}: {old} → {code(each.new)}"
        stay = f"workspaces that are there stay in {old}, running or started again"
        if each.loses:
            yield f"- ⚠️ {stay}, and it **loses {_listed(each.loses)}**"
        else:
            yield f"- ⚠️ {stay}"
        yield (
            "- ⚠️ updated to the new version they **do not start**: a home does not move, and a "
            "pod mounts no claim of another namespace"
        )
        lists = " ".join(
            code(f"coder list --all --search template:{name}") for name in each.templates
        )
        yield (
            "- so **before this** have their owners save what they need and delete them, and make "
            f"new ones afterwards: {lists}, {code('coder delete OWNER/WORKSPACE')}"
        )


def move_warnings(found: Iterable[Move]) -> tuple[str, ...]:
    """Return what the headline says."""
    said = (
        f"workspaces that are there stay in namespace {code(each.old)}, which loses "
        f"{_listed(each.loses)}"
        if each.loses
        else f"workspaces that are there do not start in namespace {code(each.new)}"
        for each in found
    )
    return tuple(dict.fromkeys(said))


def move_json(found: Move) -> dict[str, Any]:
    """Return a move as plain data."""
    return {**asdict(found), "templates": list(found.templates), "loses": list(found.loses)}


def reach_lines(reach: TemplateReach) -> list[str]:
    """Say what workspaces reach that stay in the old namespace, where that is more."""
    if not reach.leaves_open:
        return []
    return [
        f"- workspaces that stay in namespace {code(str(reach.old_namespace))} have **no network "
        "policy** any more: they reach **every address and port**, and everything reaches them"
    ]


def _listed(words: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
