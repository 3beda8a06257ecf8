"""The evidence of a verification: for people and for machines, whole and signed.

A folder holds `evidence.json`, `evidence.md` made of it, and `SHA256SUMS` over both, which a
signature may stand beside. Whoever has the folder can tell whether it is whole, and with the key of
the signer whose word it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ops.verification.catalogue import CATALOGUE
from ops.verification.model import Exchange, Outcome, Result

FORMAT: Final = 1
DATA: Final = "evidence.json"
PAGE: Final = "evidence.md"
SUMS: Final = "SHA256SUMS"

_MARKS: Final = {
    Outcome.PASSED: "✅",
    Outcome.FAILED: "❌",
    Outcome.NOT_CHECKED: "⚪",
    Outcome.KNOWN_FAULT: "⚠️",
}
# The worst first.
_ORDER: Final = (Outcome.FAILED, Outcome.NOT_CHECKED, Outcome.KNOWN_FAULT, Outcome.PASSED)


class EvidenceError(Exception):
    """Evidence cannot be written or is not whole; the message says why."""


@dataclass(frozen=True)
class Evidence:
    """What a verification proved.

    Attributes:
        stack: name of the stack.
        began: when, UTC.
        ended: when, UTC.
        who: who ran it.
        commit: of the checkout; empty without git.
        dirty: whether the checkout differed from it.
        interrupted: whether the run was cut off.
        coder: URL and release of Coder, and the user whose token asked.
        versions: name, id and digest of the policy of each template's active version.
        tools: releases of what the run was made with and of what it met.
        stood_in: what stood in for a real part, by check; with any this is no evidence.
        results: every check.
    """

    stack: str
    began: str
    ended: str
    who: str
    commit: str
    dirty: bool
    interrupted: bool
    coder: Mapping[str, str]
    versions: Mapping[str, Mapping[str, str]]
    tools: Mapping[str, str]
    stood_in: Mapping[str, str] = field(default_factory=dict)
    results: Sequence[Result] = ()

    @property
    def outcome(self) -> Outcome:
        """What it comes to: the worst of its checks, and not checked where any is missing."""
        every = [result.outcome for result in self.results]
        if not every or self.interrupted or self.stood_in:
            every.append(Outcome.NOT_CHECKED)
        return _worst(every)

    def controls(self) -> dict[str, list[Result]]:
        """Return the results by the control of NIST SP 800-53 that they support."""
        found: dict[str, list[Result]] = {}
        for result in self.results:
            for control in CATALOGUE[result.check].controls:
                found.setdefault(control, []).append(result)
        return dict(sorted(found.items(), key=lambda pair: _order(pair[0])))

    def to_json(self) -> str:
        """Return the data for machines; `from_json` reads it back."""
        controls = {
            control: {
                "outcome": _worst(result.outcome for result in results),
                "checks": sorted({result.check for result in results}),
            }
            for control, results in self.controls().items()
        }
        document = {
            "format": FORMAT,
            **asdict(self),
            "outcome": self.outcome,
            "controls": controls,
            "checks": {check.id: check.title for check in CATALOGUE.values()},
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def to_markdown(self) -> str:
        """Return the page for people."""
        return "\n".join(_page(self)) + "\n"


def from_json(text: str) -> Evidence:
    """Return the evidence that `to_json` wrote; raises EvidenceError."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise EvidenceError(f"{DATA} has format {document['format']}, not {FORMAT}")
        results = [
            Result(
                **{
                    **each,
                    "outcome": Outcome(each["outcome"]),
                    "exchanges": tuple(Exchange(**e) for e in each["exchanges"]),
                }
            )
            for each in document["results"]
        ]
        names = Evidence.__dataclass_fields__.keys() - {"results"}
        return Evidence(**{name: document[name] for name in names}, results=results)
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"{DATA} is no evidence: {type(error).__name__}") from None


def look(folder: Path) -> None:
    """Raise EvidenceError for a folder that holds evidence, before another is made for it."""
    if (folder / SUMS).exists():
        raise EvidenceError(f"{folder} holds evidence already: name another folder")


def write(evidence: Evidence, folder: Path) -> Path:
    """Write the evidence into a folder; returns the file that a signature is over.

    Raises:
        EvidenceError: the folder cannot be written, or holds other evidence.
    """
    files = {DATA: evidence.to_json(), PAGE: evidence.to_markdown()}
    sums = folder / SUMS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        look(folder)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        # Last: without it there is no evidence.
        sums.write_text("".join(f"{_digest(folder / name)}  {name}\n" for name in files))
    except OSError as error:
        raise EvidenceError(f"{folder} cannot be written: {error.strerror}") from None
    return sums


def check(folder: Path) -> Evidence:
    """Return the evidence of a folder that is whole.

    Raises:
        EvidenceError: something of it is missing, was changed, or is no evidence.
    """
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except OSError:
        raise EvidenceError(
            f"{folder} has no {SUMS}: it is no evidence, or not all of it"
        ) from None
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if set(sums) != {DATA, PAGE}:
        raise EvidenceError(f"{SUMS} names {', '.join(sorted(sums)) or 'nothing'}")
    for name, digest in sums.items():
        try:
            found = _digest(folder / name)
        except OSError:
            raise EvidenceError(f"{name} is missing") from None
        if found != digest:
            raise EvidenceError(f"{name} was changed: its sha256 is {found}, not {digest}")
    evidence = from_json((folder / DATA).read_text(encoding="utf-8"))
    if evidence.to_markdown() != (folder / PAGE).read_text(encoding="utf-8"):
        raise EvidenceError(f"{PAGE} does not say what {DATA} says")
    return evidence


def compare(before: Evidence, now: Mapping[str, Mapping[str, str]], commit: str) -> list[str]:
    """Return what has changed since, as lines for people.

    Args:
        before: the evidence.
        now: the templates' versions as they are, as in `Evidence.versions`.
        commit: of the checkout.
    """
    changed = []
    if commit != before.commit:
        changed.append(f"the checkout: {before.commit[:12] or 'none'} → {commit[:12] or 'none'}")
    for name in sorted({*before.versions, *now}):
        old, new = before.versions.get(name), now.get(name)
        if old is None or new is None:
            changed.append(f"template {name} is {'gone' if new is None else 'new'}")
            continue
        changed += [
            f"template {name}: {key} {old.get(key, 'none')[:40]} → {new.get(key, 'none')[:40]}"
            for key in sorted({*old, *new})
            if old.get(key) != new.get(key)
        ]
    return changed


def now() -> str:
    """The time as evidence has it: RFC 3339 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _page(evidence: Evidence) -> list[str]:
    passed = sum(result.outcome is Outcome.PASSED for result in evidence.results)
    lines = [
        f"# Evidence: stack {evidence.stack}",
        "",
        f"{_MARKS[evidence.outcome]} **{evidence.outcome}**: {passed} of "
        f"{len(evidence.results)} checks passed.",
        "",
    ]
    if evidence.stood_in:
        lines += ["**No evidence of a deployment: parts of it were stood in for.**", ""]
    if evidence.interrupted:
        lines += ["**The run was interrupted.**", ""]
    commit = evidence.commit or "no commit"
    facts = {
        "when": f"{evidence.began} to {evidence.ended}",
        "who": evidence.who,
        "commit": f"{commit}{', with uncommitted changes' if evidence.dirty else ''}",
        **{f"Coder {key}": value for key, value in evidence.coder.items()},
        **evidence.tools,
    }
    lines += ["| | |", "|---|---|", *(f"| {key} | {_cell(v)} |" for key, v in facts.items()), ""]
    lines += ["## Templates", "", "| template | version | policy, sha256 |", "|---|---|---|"]
    lines += [
        f"| {_cell(name)} | {_cell(each.get('version', ''))} | {each.get('policy', 'none')} |"
        for name, each in sorted(evidence.versions.items())
    ]
    lines += ["", "## Controls", "", "NIST SP 800-53 Rev. 5; what each check shows supports them."]
    lines += ["", "| control | | checks |", "|---|---|---|"]
    for control, results in evidence.controls().items():
        checks = ", ".join(dict.fromkeys(f"`{result.check}`" for result in results))
        lines.append(
            f"| {control} | {_MARKS[_worst(each.outcome for each in results)]} | {checks} |"
        )
    lines += ["", "## Checks", "", "| | check | what holds | on | seen |", "|---|---|---|---|---|"]
    for result in evidence.results:
        seen = f"{result.detail}; next: {result.next_step}" if result.next_step else result.detail
        lines.append(
            f"| {_MARKS[result.outcome]} | `{result.check}` | {CATALOGUE[result.check].title} | "
            f"{_cell(result.subject)} | {_cell(seen)} |"
        )
    lines += ["", "## What was asked and answered", ""]
    for result in evidence.results:
        if result.exchanges:
            on = f", {_cell(result.subject)}" if result.subject else ""
            lines += [f"### `{result.check}`{on}", "", "```"]
            for exchange in result.exchanges:
                lines += [_plain(exchange.request), f"    {_plain(exchange.answer)}"]
            lines += ["```", ""]
    return lines


def _worst(outcomes: Iterable[Outcome]) -> Outcome:
    return min(outcomes, key=_ORDER.index)


def _order(control: str) -> tuple[str, int, str]:
    family, _, number = control.partition("-")
    whole, _, part = number.partition("(")
    return family, int(whole), part


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("```", "'''")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
