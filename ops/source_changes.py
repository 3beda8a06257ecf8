"""What a preview changes of the files that templates are made of.

Whether a workspace has walls at all is written there, and no report can read it: it says which
files are others, so that somebody reads their diff.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from components.workspace_template.source import SOURCE
from ops.markdown import code, some
from ops.template_changes import Registered

_WARNING: Final = "the source of templates is edited: read its diff"


@dataclass(frozen=True)
class SourceChange:
    """The files of templates' source that differ, by name.

    Attributes:
        templates: whose.
        edited: files with other content.
        added: files that come.
        removed: files that go.
    """

    templates: tuple[str, ...]
    edited: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def source_changes(
    old: Mapping[str, Registered], new: Mapping[str, Registered]
) -> tuple[SourceChange, ...]:
    """Return the templates whose source differs, each kind of difference once.

    Templates that are new, and those whose source the deployed stack does not record, have nothing
    to be compared with.
    """
    alike: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for name, registered in new.items():
        now, before = registered.source, old[name].source if name in old else {}
        if not before or not now or before == now:
            continue
        edited = tuple(sorted(x for x in now if x in before and now[x] != before[x]))
        added, removed = sorted(now.keys() - before.keys()), sorted(before.keys() - now.keys())
        alike.setdefault((edited, tuple(added), tuple(removed)), []).append(name)
    return tuple(SourceChange(tuple(names), *files) for files, names in alike.items())


def source_warnings(changes: Iterable[SourceChange]) -> tuple[str, ...]:
    """Return what the headline says."""
    return (_WARNING,) if tuple(changes) else ()


def source_lines(changes: Iterable[SourceChange]) -> list[str]:
    """Return a line of Markdown for each."""
    lines = []
    for each in changes:
        said = "; ".join(
            f"{word} {some(names, code)}"
            for word, names in (
                ("edited", each.edited),
                ("new", each.added),
                ("gone", each.removed),
            )
            if names
        )
        lines.append(
            f"- ⚠️ {some(each.templates, code)}: source in "
            f"{code('/'.join(SOURCE.parts[-3:]))} {said}: **what that opens, only its diff tells**"
        )
    return lines
