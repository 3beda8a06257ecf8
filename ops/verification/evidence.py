"""The evidence of a verification: for people and for machines, whole and signed.

A folder holds `evidence.json`, `evidence.md` made of it, and `SHA256SUMS` over both, which a
signature may stand beside. Whoever has the folder can tell whether it is whole, and with the key of
the signer whose word it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

from pydantic import TypeAdapter

from ops.verification import evidence_page
from ops.verification.catalogue import CATALOGUE
from ops.verification.left_out import LeftOut
from ops.verification.model import Check, Outcome, Result, stamp

FORMAT: Final = 2
_FORMATS: Final = (1, FORMAT)
"""Those that are read: of the first, nothing is known of what came with the second."""
DATA: Final = "evidence.json"
PAGE: Final = "evidence.md"
SUMS: Final = "SHA256SUMS"
# The worst first.
_ORDER: Final = (Outcome.FAILED, Outcome.NOT_CHECKED, Outcome.KNOWN_FAULT, Outcome.PASSED)
_SINCE_SECOND: Final = frozenset({"left_out", "resumed", "mcp_servers", "catalogue"})


class EvidenceError(Exception):
    """Evidence cannot be written or is not whole; the message says why."""


@dataclass(frozen=True)
class Support:
    """What a control of NIST SP 800-53 rests on.

    Attributes:
        results: of the checks that support it.
        left_out: ids of such checks that were not asked for, or not on every template.
    """

    results: Sequence[Result] = ()
    left_out: Sequence[str] = ()

    @property
    def outcome(self) -> Outcome:
        """What it comes to: the worst of its checks, and not checked where any is left out."""
        left = [Outcome.NOT_CHECKED] if self.left_out else []
        return _worst([*(result.outcome for result in self.results), *left])


@dataclass(frozen=True)
class Evidence:
    """What a verification proved.

    Attributes:
        stack: name of the stack.
        began: when, UTC; of a run that was resumed, when it began and not when it was resumed.
        ended: when, UTC.
        who: who ran it.
        commit: of the checkout; empty without git.
        dirty: whether the checkout differed from it.
        interrupted: whether the run was cut off.
        coder: URL and release of Coder, and the user whose token asked.
        versions: name, id and digest of the policy of each template's active version, and whether
            Coder's own agents may use the template.
        tools: releases of what the run was made with and of what it met.
        stood_in: what stood in for a real part, by check; with any this is no evidence.
        results: every check.
        left_out: what was not asked for.
        resumed: when the run was resumed; empty for one that was not.
        mcp_servers: what Coder has of each MCP server of the stack; None where it is not known.
        format: of the data.
        catalogue: the checks there were.
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
    left_out: LeftOut = field(default_factory=LeftOut)
    resumed: str = ""
    mcp_servers: Mapping[str, Mapping[str, str]] | None = None
    format: int = FORMAT
    catalogue: Mapping[str, Check] = field(
        default_factory=lambda: dict(CATALOGUE), compare=False, repr=False
    )

    @property
    def outcome(self) -> Outcome:
        """What it comes to: the worst of its checks, and not checked where any is missing."""
        every = [result.outcome for result in self.results]
        if not every or self.interrupted or self.stood_in or self.left_out:
            every.append(Outcome.NOT_CHECKED)
        return _worst(every)

    def controls(self) -> dict[str, Support]:
        """Return what was seen by the control of NIST SP 800-53 that it supports."""
        found: dict[str, Support] = {}
        for result in self.results:
            for control in self.catalogue[result.check].controls:
                before = found.get(control, Support())
                found[control] = replace(before, results=[*before.results, result])
        for check in self.left_out.checks:
            for control in self.catalogue[check].controls:
                before = found.get(control, Support())
                found[control] = replace(before, left_out=[*before.left_out, check])
        return dict(sorted(found.items(), key=lambda pair: _order(pair[0])))

    def to_json(self) -> str:
        """Return the data for machines; `from_json` reads it back."""
        facts = asdict(replace(self, catalogue={}))
        del facts["catalogue"], facts["format"]
        document = {
            "format": self.format,
            **facts,
            **_conclusions(self),
            "checks": {check.id: check.title for check in self.catalogue.values()},
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def to_markdown(self) -> str:
        """Return the page for people."""
        return "\n".join(evidence_page.page(self)) + "\n"


def from_json(text: str) -> Evidence:
    """Return the evidence that `to_json` wrote; raises EvidenceError."""
    try:
        document = json.loads(text)
        if document["format"] not in _FORMATS:
            known = " or ".join(map(str, _FORMATS))
            raise EvidenceError(f"{DATA} has format {document['format']}, not {known}")
        catalogue = _catalogue(document)
        since = _SINCE_SECOND if document["format"] == 1 else frozenset({"catalogue"})
        if missing := Evidence.__dataclass_fields__.keys() - since - document.keys():
            raise KeyError(*missing)
        found = TypeAdapter(Evidence).validate_python({**document, "catalogue": catalogue})
        used = {*(result.check for result in found.results), *found.left_out.checks}
        if unknown := sorted(used - catalogue.keys()):
            raise EvidenceError(f"{DATA} does not say what the check {unknown[0]!r} is")
        concluded = json.loads(json.dumps(_conclusions(found)))
        if any(document[name] != value for name, value in concluded.items()):
            raise EvidenceError(f"{DATA} does not say what its results come to")
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise EvidenceError(f"{DATA} is no evidence: {type(error).__name__}") from None
    return found


def _conclusions(evidence: Evidence) -> dict[str, Any]:
    """Return what the results come to, as the data have it."""
    controls = {
        control: {
            "outcome": support.outcome,
            "checks": sorted({result.check for result in support.results}),
            **({} if evidence.format == 1 else {"left_out": sorted(support.left_out)}),
        }
        for control, support in evidence.controls().items()
    }
    return {"outcome": evidence.outcome, "controls": controls}


def _catalogue(document: Mapping[str, Any]) -> dict[str, Check]:
    """Return the checks as the data have them: another release had others."""
    controls: dict[str, list[str]] = {}
    for control, support in document["controls"].items():
        for check in (*support["checks"], *support.get("left_out", ())):
            controls.setdefault(check, []).append(control)
    return {
        check: Check(check, title, tuple(dict.fromkeys(controls.get(check, ()))))
        for check, title in document["checks"].items()
    }


def look(folder: Path) -> None:
    """Look whether evidence may be written to a folder, before it is made; leaves it as it is.

    Raises:
        EvidenceError: it holds evidence, or cannot be written.
    """
    missing: list[Path] = []
    try:
        _look(folder)
        missing += [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        # What a user may write is known by writing alone: a file system may be read-only.
        with TemporaryFile(dir=folder) as file:
            file.write(b"evidence")
    except OSError as error:
        raise EvidenceError(f"{folder} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            for each in missing:
                each.rmdir()


def _look(folder: Path) -> None:
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
        _look(folder)
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
        lines = _text(folder, SUMS).splitlines()
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
    evidence = from_json(_text(folder, DATA))
    if evidence.to_markdown() != _text(folder, PAGE):
        raise EvidenceError(f"{PAGE} does not say what {DATA} says")
    return evidence


def _text(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise EvidenceError(f"{name} is no text in UTF-8") from None


def now() -> str:
    """The time as evidence has it."""
    return stamp()


def _worst(outcomes: Iterable[Outcome]) -> Outcome:
    return min(outcomes, key=_ORDER.index)


def _order(control: str) -> tuple[str, int, str]:
    family, _, number = control.partition("-")
    whole, _, part = number.partition("(")
    return family, int(whole), part


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
