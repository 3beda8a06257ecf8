"""The narrowest rules that would allow what a policy denies, and what they allow besides.

A rule names one method, host and path exactly where Boundary's grammar can. It cannot name every
host and path: then the least that it can name stands there, and a note says what that opens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from components.boundary.coverage import Cover, Part
from components.boundary.names import ascii_host, open_labels
from components.boundary.redaction import HIDDEN_PART, printable, without_tokens
from components.boundary.rule import WILDCARD, Rule, RuleError
from components.boundary.url import UrlError, parse

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
# What can stand in a pattern and is compared as written; a percent escape is not.
_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()+;=:@-]+")


@dataclass(frozen=True)
class Suggestion:
    """A rule, and in `notes` what it opens besides the requests it is for."""

    rule: Rule
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unnamed:
    """A request that no rule short of every host can allow, and the reason."""

    method: str
    url: str
    reason: str


class _CannotNameError(ValueError):
    """No rule can name it; the message is the reason."""


def suggest(
    requests: Iterable[tuple[str, str]],
) -> tuple[tuple[Suggestion, ...], tuple[Unnamed, ...]]:
    """Return the narrowest rules for (method, URL) pairs, and the pairs that no rule can name."""
    wanted: dict[Part, tuple[str, ...]] = {}
    unnamed: list[Unnamed] = []
    for method, url in requests:
        try:
            part, notes = _part(method, url)
        except (UrlError, _CannotNameError) as error:
            unnamed.append(Unnamed(method, url, str(error)))
        else:
            wanted.setdefault(part, notes)
    cover = Cover(wanted)
    needed = {part: n for part, n in wanted.items() if cover.of(part, wider=True) is None}
    return tuple(_joined(needed)), tuple(unnamed)


def _joined(needed: dict[Part, tuple[str, ...]]) -> Iterable[Suggestion]:
    """Join parts to one rule where it allows no more than they do."""
    by_place: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for part in needed:
        by_place.setdefault((part.host, part.path), []).append(part.method)
    rules: dict[tuple[tuple[str, ...], tuple[str, ...]], list[tuple[str, ...]]] = {}
    for (host, path), methods in by_place.items():
        rules.setdefault((host, tuple(sorted(methods))), []).append(path)
    for (host, known), paths in rules.items():
        text = f"method={','.join(known)} domain={'.'.join(host)}"
        if () not in paths:
            text += " path=" + ",".join("/" + "/".join(path) for path in sorted(paths))
        parts = [Part(method, host, path) for path in paths for method in known]
        notes = dict.fromkeys(note for part in parts for note in needed[part])
        yield Suggestion(Rule.parse(text), tuple(notes))


def _part(method: str, url: str) -> tuple[Part, tuple[str, ...]]:
    target = parse(url)
    try:
        if method == WILDCARD:
            raise _CannotNameError("* is no method of a request")
        Rule.parse(f"method={method} domain=a")
    except RuleError:
        raise _CannotNameError(f"no rule can name the method {printable(method)!r}") from None
    host, about_host = _host(target.host)
    path, about_path = _path(target.host, target.segments)
    return Part(method, host, path), (*about_host, *about_path)


def _host(given: str) -> tuple[tuple[str, ...], list[str]]:
    if not given:
        raise _CannotNameError("the URL has no host")
    if given.endswith("."):
        raise _CannotNameError("no rule can name a host with a dot at its end; ask without it")
    host = ascii_host(given)
    labels = tuple(host.split("."))
    if not _LABEL.fullmatch(labels[-1]):
        raise _CannotNameError("no rule can name this host: letters, digits, hyphens and dots only")
    pattern = tuple(label if _LABEL.fullmatch(label) else WILDCARD for label in labels)
    notes = []
    if host != given:
        notes.append(f"clients send {printable(given)!r} so")
    if WILDCARD in pattern:
        if WILDCARD in pattern[-open_labels(host) :]:
            wide = ".".join(pattern)
            raise _CannotNameError(
                f"no rule can name {printable(host)!r}, and {wide} would reach hosts of anyone"
            )
        below = ", and hosts below" if pattern[0] == WILDCARD else ""
        notes.append(f"* is any label{below}: no rule can name {printable(host)!r}")
    if any(label != label.lower() for label in pattern):
        notes.append("case counts: it serves only clients that send the host in this case")
    return pattern, notes


def _path(host: str, segments: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
    if not segments or segments == ("",):
        return (), ["it opens every path of the host: no rule can name / alone"]
    shown = without_tokens(host, segments)
    pattern = tuple(
        given if _SEGMENT.fullmatch(given) and told == given else WILDCARD
        for given, told in zip(segments, shown, strict=True)
    )
    below = ", and all below" if pattern[-1] == WILDCARD else ""
    notes = []
    for given, told, named in zip(segments, shown, pattern, strict=True):
        if named != WILDCARD:
            continue
        if told == HIDDEN_PART:
            notes.append(f"* is any segment{below}: what stood there looks like a credential")
        else:
            what = f"{printable(given)!r}" if given else "an empty segment"
            notes.append(f"* is any segment{below}: no rule can name {what}")
    return pattern, notes
