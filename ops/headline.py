"""The first line of a preview's report: the gravest verdict, and what must not be overlooked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ops.assessment import StackPreview, Verdict
from ops.markdown import plain, some
from ops.report_json import verdict

_WORDS: Final[Mapping[Verdict, str]] = {
    "fails": "⛔ the preview fails; nothing can be applied",
    "opens": "⚠️ agents reach more than they do now",
    "destroys": "⚠️ resources are deleted or replaced",
    "changes": "changes; agents reach nothing new, and nothing is lost",
    "same": "✅ no change",
}


def _changes(every: Iterable[StackPreview]) -> str:
    """Return what changes are that open, delete and warn of nothing, as far as is known."""
    found = list(every)
    reaches = [reach for preview in found for reach in preview.reaches]
    unknown = any(preview.not_known for preview in found)
    if unknown or any(reach.off_unknown for reach in reaches):
        return "changes; not all that is compared is recorded, so not all that is new is known"
    if any(reach.comes_on for reach in reaches):
        return "changes; a firewall confines agents who reach every host now"
    return _WORDS["changes"]


def headline(previews: Iterable[StackPreview]) -> str:
    """Return the gravest verdict in words, with what else must not be overlooked."""
    every = list(previews)
    gravest = verdict(every)
    failed = [preview for preview in every if preview.failure]
    if failed and len(failed) < len(every):
        # What one stack's failure says nothing of.
        others = headline(preview for preview in every if not preview.failure)
        live = dict.fromkeys(word for preview in failed for word in preview.live.warnings)
        names = some([preview.name for preview in failed], plain)
        return "; ".join((f"⛔ the preview of {names} fails", *live, f"of the others: {others}"))
    warnings = dict.fromkeys(
        word
        for preview in every
        for word in (preview.live.warnings if gravest == "fails" else preview.warnings)
    )
    if not warnings:
        return _changes(every) if gravest == "changes" else _WORDS[gravest]
    told = "; ".join(warnings)
    return f"⚠️ {told}" if gravest in {"changes", "same"} else f"{_WORDS[gravest]}; {told}"
