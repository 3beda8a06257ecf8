"""The page of evidence for people; that of each format there was is still made as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ops.verification.model import Outcome

if TYPE_CHECKING:
    from ops.verification.evidence import Evidence

_MARKS: Final = {
    Outcome.PASSED: "✅",
    Outcome.FAILED: "❌",
    Outcome.NOT_CHECKED: "⚪",
    Outcome.KNOWN_FAULT: "⚠️",
}


def page(evidence: Evidence) -> list[str]:
    """Return the lines of the page."""
    # The first format knew no times of results, and of Coder nothing but versions.
    first = evidence.format == 1
    return [
        *_head(evidence),
        *_templates(evidence, first=first),
        *([] if first else _servers(evidence)),
        *_controls(evidence),
        *_checks(evidence, first=first),
        *_asked(evidence),
    ]


def _head(evidence: Evidence) -> Iterator[str]:
    passed = sum(result.outcome is Outcome.PASSED for result in evidence.results)
    made = "checks that were asked for" if evidence.left_out else "checks"
    yield f"# Evidence: stack {evidence.stack}"
    yield ""
    yield (
        f"{_MARKS[evidence.outcome]} **{evidence.outcome}**: {passed} of "
        f"{len(evidence.results)} {made} passed."
    )
    yield ""
    if evidence.left_out:
        yield f"**A part was asked for. Left out: {_cell(str(evidence.left_out))}.**"
        yield ""
    if evidence.stood_in:
        yield "**No evidence of a deployment: parts of it were stood in for.**"
        yield ""
    if evidence.interrupted:
        yield "**The run was interrupted.**"
        yield ""
    if evidence.resumed:
        yield f"**{_cell(told_resumed(evidence))}.**"
        yield ""
    commit = evidence.commit or "no commit"
    facts = {
        "when": f"{evidence.began} to {evidence.ended}",
        "who": evidence.who,
        "commit": f"{commit}{', with uncommitted changes' if evidence.dirty else ''}",
        **{f"Coder {key}": value for key, value in evidence.coder.items()},
        **evidence.tools,
    }
    yield "| | |"
    yield "|---|---|"
    yield from (f"| {key} | {_cell(value)} |" for key, value in facts.items())
    yield ""


def told_resumed(evidence: Evidence) -> str:
    """Say of evidence of a run that was resumed from when its results are."""
    before = [result.at for result in evidence.results if result.at < evidence.resumed]
    oldest = f", the oldest of {min(before)}" if before else ""
    return (
        f"The run was cut off and resumed at {evidence.resumed}: {len(before)} of "
        f"{len(evidence.results)} results are of before{oldest}"
    )


def _templates(evidence: Evidence, *, first: bool) -> Iterator[str]:
    yield "## Templates"
    yield ""
    yield f"| template | version | policy, sha256 |{'' if first else ' agents_allowed |'}"
    yield f"|---|---|---|{'' if first else '---|'}"
    for name, each in sorted(evidence.versions.items()):
        allowed = "" if first else f" {_cell(each.get('agents_allowed', 'unknown'))} |"
        yield (
            f"| {_cell(name)} | {_cell(each.get('version', ''))} | {each.get('policy', 'none')} |"
            f"{allowed}"
        )
    yield ""


def _servers(evidence: Evidence) -> Iterator[str]:
    yield "## MCP servers"
    yield ""
    if evidence.mcp_servers is None:
        yield "Coder did not list them."
    elif not evidence.mcp_servers:
        yield "Coder has none of the stack."
    else:
        yield "| MCP server | address | tools | login |"
        yield "|---|---|---|---|"
        for slug, each in sorted(evidence.mcp_servers.items()):
            seen = (each.get(key, "unknown") for key in ("url", "tools", "auth_type"))
            yield f"| {_cell(slug)} | {' | '.join(map(_cell, seen))} |"
    yield ""


def _controls(evidence: Evidence) -> Iterator[str]:
    yield "## Controls"
    yield ""
    yield "NIST SP 800-53 Rev. 5; what each check shows supports them."
    yield ""
    yield "| control | | checks |"
    yield "|---|---|---|"
    for control, support in evidence.controls().items():
        made = dict.fromkeys(result.check for result in support.results)
        # Of some templates only.
        parts = [f"`{check}`{' in part' if check in support.left_out else ''}" for check in made]
        left = ", ".join(f"`{check}`" for check in support.left_out if check not in made)
        checks = "; ".join(
            part for part in (", ".join(parts), left and f"left out: {left}") if part
        )
        yield f"| {control} | {_MARKS[support.outcome]} | {checks} |"
    yield ""


def _checks(evidence: Evidence, *, first: bool) -> Iterator[str]:
    yield "## Checks"
    yield ""
    yield f"| | check | what holds | on | seen |{'' if first else ' at |'}"
    yield f"|---|---|---|---|---|{'' if first else '---|'}"
    for result in evidence.results:
        seen = f"{result.detail}; next: {result.next_step}" if result.next_step else result.detail
        at = "" if first else f" {_cell(result.at)} |"
        yield (
            f"| {_MARKS[result.outcome]} | `{result.check}` | "
            f"{evidence.catalogue[result.check].title} | "
            f"{_cell(result.subject)} | {_cell(seen)} |{at}"
        )
    yield ""


def _asked(evidence: Evidence) -> Iterator[str]:
    yield "## What was asked and answered"
    yield ""
    for result in evidence.results:
        if not result.exchanges:
            continue
        on = f", {_cell(result.subject)}" if result.subject else ""
        yield f"### `{result.check}`{on}"
        yield ""
        yield "```"
        for exchange in result.exchanges:
            yield _plain(exchange.request)
            yield f"    {_plain(exchange.answer)}"
        yield "```"
        yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("```", "'''")
