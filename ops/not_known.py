"""What a review cannot compare of a template, since an older release does not record it.

That a side says nothing is no change, and no promise either: it is said, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ops.changes import Step
from ops.markdown import code, some
from ops.template_changes import Registered

_PARTS: Final[tuple[tuple[str, Callable[[Registered], Mapping[str, str]]], ...]] = (
    ("which files of their source are others", lambda each: each.source),
    ("which releases move", lambda each: each.pins),
)


@dataclass(frozen=True)
class NotKnown:
    """What of some templates one side does not record.

    Attributes:
        templates: whose.
        what: what cannot be compared, in words.
        before: whether the deployed stack is the side; else it is what comes.
    """

    templates: tuple[str, ...]
    what: tuple[str, ...]
    before: bool


def not_known(
    steps: Iterable[Step], old: Mapping[str, Registered], new: Mapping[str, Registered]
) -> tuple[NotKnown, ...]:
    """Return what cannot be compared of the templates that change.

    Args:
        steps: the engine's, on templates.
        old: what each template registered at the last update.
        new: the same by the settings.
    """
    changed = {str(step.new.get("name") or "") for step in steps if step.op not in {"delete"}}
    alike: dict[tuple[tuple[str, ...], bool], list[str]] = {}
    for name in new:
        if name not in old or name not in changed:
            continue
        for before in (True, False):
            lacks, has = (old[name], new[name]) if before else (new[name], old[name])
            what = tuple(words for words, of in _PARTS if of(has) and not of(lacks))
            if what:
                alike.setdefault((what, before), []).append(name)
    return tuple(NotKnown(tuple(names), *found) for found, names in alike.items())


def not_known_lines(found: Iterable[NotKnown]) -> list[str]:
    """Return a line of Markdown for each."""
    return [
        f"- {some(each.templates, code)}: {' and '.join(each.what)} is **not known**: "
        + (
            "the deployed stack does not record it; it does from the next update on"
            if each.before
            else "what comes is of a release that does not record it"
        )
        for each in found
    ]
