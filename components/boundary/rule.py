"""One rule of Boundary's allowlist: its grammar and what it matches.

The grammar and the semantics are those of coder/boundary v0.9.0, package `rulesengine`.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

WILDCARD = "*"
KEYS = ("method", "domain", "path")

_SPACE = " \t\n"
_LETTERS_DIGITS = frozenset(string.ascii_letters + string.digits)
# RFC 7230, 3.2.6: the characters of a token.
_TOKEN = _LETTERS_DIGITS | frozenset("!#$%&'*+-.^_`|~")
# RFC 3986, 3.3: pchar, without the comma, which separates patterns, and the percent sign.
_PCHAR = _LETTERS_DIGITS | frozenset("-._~!$&'()*+;=:@")
_HEX = frozenset(string.hexdigits)


class RuleError(ValueError):
    """A rule that cannot be used.

    Attributes:
        text: the rule as written.
        position: of the character at fault, from 0.
        problem: what is right.
        taken: whether Boundary takes the rule all the same, as something else than was meant; it
            refuses the whole file otherwise.
    """

    def __init__(self, text: str, position: int, problem: str, *, taken: bool = False) -> None:
        self.text = text
        self.position = position
        self.problem = f"Boundary takes it, {problem}" if taken else problem
        self.taken = taken
        place = repr(text[position]) if position < len(text) else "the end"
        super().__init__(f"rule {text!r}, character {position + 1} ({place}): {self.problem}")


@dataclass(frozen=True)
class Rule:
    """A parsed rule.

    Attributes:
        text: the rule as written, which Boundary reports as `matched_rule`.
        methods: HTTP methods; empty for all.
        labels: labels of the host from left to right, `("*",)` for every host; empty for all.
        paths: patterns as segments; an empty pattern matches every path; empty for all. A percent
            escape stays as written: Boundary decodes the request's path, not the pattern.
    """

    text: str
    methods: tuple[str, ...]
    labels: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Return the rule written as `text`, for a policy to be deployed.

        Raises RuleError for what Boundary refuses, and for what it takes as something else than
        was meant.
        """
        rule, doubts = parsed(text)
        if doubts:
            raise doubts[0]
        return rule

    @classmethod
    def read(cls, text: str) -> Rule:
        """Return the rule written as `text`, of a deployed policy; raises what Boundary refuses."""
        return parsed(text)[0]

    def __str__(self) -> str:
        return self.text

    @property
    def any_method(self) -> bool:
        """Whether every method matches."""
        return not self.methods or WILDCARD in self.methods

    @property
    def any_host(self) -> bool:
        """Whether every host matches."""
        return not self.labels or self.labels == (WILDCARD,)

    @property
    def any_path(self) -> bool:
        """Whether every path matches."""
        return not self.paths or () in self.paths

    @property
    def host(self) -> str:
        """The host pattern as text, `*` for every host."""
        return ".".join(self.labels) if self.labels else WILDCARD

    def matches_method(self, method: str) -> bool:
        """Whether `method` matches, case-sensitively."""
        return self.any_method or method in self.methods

    def matches_host(self, labels: Sequence[str]) -> bool:
        """Whether a host matches, given as its labels; aligned at the right end."""
        if not self.labels:
            return True
        pattern = self.labels
        if len(pattern) > len(labels):
            return False
        if len(labels) > len(pattern) and pattern[0] != WILDCARD:
            return False
        tail = labels[len(labels) - len(pattern) :]
        return all(p in (WILDCARD, label) for p, label in zip(pattern, tail, strict=True))

    def matches_path(self, segments: Sequence[str]) -> bool:
        """Whether a path matches, given as its decoded segments."""
        return not self.paths or any(matches_pattern(pattern, segments) for pattern in self.paths)


# The settings, the program and the engine's outputs hold the same rules, and each reads them.
@lru_cache(maxsize=16_384)
def parsed(text: str) -> tuple[Rule, tuple[RuleError, ...]]:
    """Return the rule as Boundary reads it, one object a text, and what was surely not meant.

    Raises RuleError for what Boundary refuses.
    """
    parser = _Parser(text)
    return parser.rule(), tuple(parser.doubts)


def matches_pattern(pattern: Sequence[str], segments: Sequence[str]) -> bool:
    """Whether one path pattern matches the decoded segments of a path."""
    if not pattern:
        return True
    if len(pattern) > len(segments):
        return False
    if len(pattern) < len(segments) and pattern[-1] != WILDCARD:
        return False
    return all(p in (WILDCARD, s) for p, s in zip(pattern, segments, strict=False))


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.doubts: list[RuleError] = []

    def rule(self) -> Rule:
        methods: tuple[str, ...] = ()
        labels: tuple[str, ...] = ()
        paths: tuple[tuple[str, ...], ...] = ()
        if self.text.startswith(tuple(_SPACE)):
            raise self._error("expected method=, domain= or path= at the start, without space")
        while self.at < len(self.text):
            start = self.at
            key = self._key()
            if key == "method":
                methods += self._methods()
            elif key == "path":
                paths += self._paths()
            else:
                if labels:
                    self._doubt("joined with the first domain to one host; name one", start)
                labels += self._domain()
            if self.at < len(self.text) and self.text[self.at] not in _SPACE:
                if not self.text.startswith(tuple(f"{key}=" for key in KEYS), self.at):
                    raise self._error(f"cannot stand in a {key}; separate keys by spaces")
                self._doubt("as the next key; separate keys by spaces", self.at)
            self._space()
        return Rule(self.text, methods, labels, paths)

    def _space(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1

    def _error(self, problem: str, at: int | None = None) -> RuleError:
        return RuleError(self.text, self.at if at is None else at, problem)

    def _doubt(self, problem: str, at: int) -> None:
        self.doubts.append(RuleError(self.text, at, problem, taken=True))

    def _run(self, allowed: frozenset[str]) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] in allowed:
            self.at += 1
        return self.text[start : self.at]

    def _take(self, character: str) -> bool:
        if self.text.startswith(character, self.at):
            self.at += 1
            return True
        return False

    def _key(self) -> str:
        start = self.at
        end = start
        while end < len(self.text) and self.text[end] not in _SPACE + "=":
            end += 1
        key = self.text[start:end]
        if key not in KEYS or end == len(self.text) or self.text[end] != "=":
            raise self._error("expected method=, domain= or path=, in lower case")
        self.at = end + 1
        return key

    def _methods(self) -> tuple[str, ...]:
        methods = []
        while True:
            start = self.at
            method = self._run(_TOKEN)
            if not method:
                if self.at == len(self.text):
                    raise self._error("expected an HTTP method such as GET, or *")
                self._doubt("as an empty method, which no request has; name one or *", start)
            methods.append(method)
            if not self._take(","):
                return tuple(methods)

    def _domain(self) -> tuple[str, ...]:
        labels = []
        while True:
            start = self.at
            if self._take(WILDCARD):
                labels.append(WILDCARD)
            else:
                label = self._run(_LETTERS_DIGITS | {"-"})
                if not label:
                    raise self._error("expected a label of letters, digits and hyphens, or *")
                if label.startswith("-"):
                    raise self._error("a label may not start with a hyphen", start)
                if label.endswith("-"):
                    raise self._error("a label may not end with a hyphen", self.at - 1)
                labels.append(label)
            if not self._take("."):
                break
        if labels[-1] == WILDCARD and len(labels) > 1:
            raise self._error("the last label may not be *", start)
        return tuple(labels)

    def _paths(self) -> tuple[tuple[str, ...], ...]:
        patterns = [self._pattern()]
        while self._take(","):
            patterns.append(self._pattern())
        return tuple(patterns)

    def _pattern(self) -> tuple[str, ...]:
        self._take("/")
        segments: list[str] = []
        while segment := self._segment():
            segments.append(segment)
            if not self._take("/"):
                return tuple(segments)
        if self.text.startswith("/", self.at):
            raise self._error("Boundary reads no two slashes in a row; use * for an empty segment")
        # `path=` and `path=/` hold no segment, and Boundary drops a slash at the end.
        return tuple(segments)

    def _segment(self) -> str:
        start = self.at
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == "%":
                digits = self.text[self.at + 1 : self.at + 3]
                if len(digits) < 2 or not set(digits) <= _HEX:
                    raise self._error("expected a percent escape such as %2F")
                self.at += 3
            elif character in _PCHAR:
                self.at += 1
            else:
                break
        raw = self.text[start : self.at]
        if raw != WILDCARD and raw.startswith(WILDCARD):
            raise self._error("* must be a whole segment", start)
        if raw != WILDCARD and WILDCARD in raw:
            at = start + raw.index(WILDCARD)
            self._doubt("as a * in the path itself; * stands for a whole segment only", at)
        return raw
