"""What the catalogue itself demands of a policy whose agents are not to leave their firewall."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from components.boundary.contract import Contract, Expectation
from components.boundary.coverage import Part, Pattern, overlaps_host, parts
from components.boundary.leaving import ANY, DOORS, SECRETS, Door, is_coder
from components.boundary.numbers import address_in
from components.boundary.own import Own
from components.boundary.paths import SOME, by_dots, straight
from components.boundary.policy import Policy
from components.boundary.rule import WILDCARD
from components.boundary.url import UrlError, parse

_PEOPLE: Final = "an agent looks people up"
_DOTS: Final = "dot segments lead nowhere, whatever resolves them between Boundary and Coder"
_GATEWAY: Final = "/api/v2/ai-gateway/anthropic/v1"

# What no rule may let an agent read, and what no rule may let it ask for by dot segments.
_READ: Final = (
    *(
        Door("GET", tuple(f"api/v2/users{end}".split("/")), _PEOPLE)
        for end in ("", "/me", f"/{SOME}")
    ),
    *SECRETS,
)
_ALL: Final = (*DOORS, *_READ)


def _demands() -> tuple[tuple[str, str, str], ...]:
    return (
        *((each.method, _text(each.path).replace(WILDCARD, SOME), each.why) for each in _ALL),
        *(
            ("POST", f"{_GATEWAY}/{'/'.join([dot] * 4)}/users/me/keys/tokens", _DOTS)
            for dot in ("..", "%2e%2e", "%2E.")
        ),
        ("POST", f"{_GATEWAY}/..%2f..%2f..%2f..%2fusers%2fme%2fkeys%2ftokens", _DOTS),
        ("GET", "/api/v2/workspaceagents/me/../../users/me", _DOTS),
        ("GET", "/api/v2/buildinfo/../users/me", _DOTS),
        ("POST", "//api//v2//users//me//keys//tokens", "coderd takes several slashes for one"),
    )


def _text(path: Pattern) -> str:
    return "/" + "/".join(path)


@dataclass(frozen=True)
class Guard:
    """The same demands on every host and address of Coder, in every form that a rule lets through.

    Attributes:
        own: the deployment's own hosts.
        wanted: method and path of what the contract wants allowed.
    """

    own: Own
    wanted: frozenset[tuple[str, str]] = frozenset()

    def against(self, policy: Policy) -> Iterator[Expectation]:
        """Yield requests that must be denied and that a rule of `policy` lets through."""
        found = {
            (part.host, part.method, part.path): part
            for entry in policy
            for part in parts(entry.rule)
        }
        for part in found.values():
            if host := self._host(part.host):
                yield from self._of(part, host)

    def _of(self, part: Part, host: str) -> Iterator[Expectation]:
        path = part.path or ANY
        for each in _READ:
            if part.method in (WILDCARD, each.method):
                asked = straight(path, each.path)
                if asked is not None and not self._is_wanted(each.method, asked):
                    yield Expectation(each.method, f"https://{host}{_text(asked)}", each.why)
        for each in _ALL:
            if part.method in (WILDCARD, each.method):
                asked = by_dots(path, each.path)
                if asked is not None:
                    if not self._is_wanted(each.method, asked):
                        yield Expectation(each.method, f"https://{host}{_text(asked)}", _DOTS)
                    # One is as good as any other.
                    return

    def _is_wanted(self, method: str, path: Pattern) -> bool:
        return (method, _joined(_text(path))) in self.wanted

    def _host(self, pattern: Pattern) -> str:
        """Return a host that a rule matches and that is Coder's, empty without one."""
        lower = tuple(label.lower() for label in pattern)
        if not is_coder(lower, self.own):
            return ""
        # It is sent as the rule has it: Boundary compares letters as they are.
        for labels in self.own.labels:
            if overlaps_host(lower, labels):
                rest = len(labels) - len(pattern)
                ends = zip(pattern, labels[rest:], strict=True)
                named = (there if label == WILDCARD else label for label, there in ends)
                return ".".join((*labels[:rest], *named))
        return address_in(lower, self.own.networks) if WILDCARD in pattern else ".".join(pattern)


@lru_cache(maxsize=64)  # templates share policies
def with_own(contract: Contract, coder_host: str, own: Own | None = None) -> Contract:
    """Return `contract` and what the catalogue itself demands where agents of a Coder are confined.

    What the contract wants allowed is not demanded to be denied: a stack may, and says why.

    Args:
        contract: the stack's.
        coder_host: by which Coder is demanded to be out of reach in words.
        own: other hosts and addresses of Coder, for which the same holds.
    """
    known = Own(frozenset({coder_host})) | (own or Own())
    wanted = frozenset(
        (each.method, path)
        for each in contract.must_allow
        if (path := _path(each.url, known)) is not None
    )
    demanded = tuple(
        Expectation(method, f"https://{coder_host}{path}", why)
        for method, path, why in _demands()
        if (method, _path(f"https://{coder_host}{path}", known)) not in wanted
    )
    return replace(
        contract,
        must_deny=(*contract.must_deny, *demanded),
        guards=(*contract.guards, Guard(known, wanted)),
    )


def ended_by(method: str, url: str, own: Own) -> str:
    """Return which demand of the catalogue ends where a contract wants a request allowed.

    Empty where none does.
    """
    path = _path(url, own)
    if path is None:
        return ""
    segments = tuple(path.strip("/").split("/"))
    for each in _ALL:
        if each.method == method and straight(segments, each.path) is not None:
            return each.why
    return _DOTS if {".", ".."}.intersection(segments) else ""


def _path(url: str, own: Own) -> str | None:
    """Return the path of a request as coderd takes it, None for another's."""
    try:
        target = parse(url)
    except UrlError:
        return None
    host = tuple(target.host.lower().split("."))
    return _joined(target.path) if is_coder(host, own) else None


def _joined(path: str) -> str:
    """Return a path with one slash for several."""
    return "/" + "/".join(filter(None, path.split("/")))
