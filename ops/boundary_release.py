"""What it means for agents that a template's Boundary moves to a release that decides otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.boundary import Policy
from components.boundary.releases import LATEST, NEWEST, has_audit, releases_of, unaudited
from ops.markdown import code

PIN: Final = "Boundary"
"""What a template registers its release of Boundary as."""

_FLOATS: Final = "Boundary is whatever release is newest when a workspace starts"

# What v0.5.5 to v0.8.0 refuse: a `*` that ends a pattern, with a comma or a space behind it.
_REFUSED: Final = re.compile(r"(?:^|\s)path=\S*\*[,\s]")


@dataclass(frozen=True)
class ReleaseChange:
    """The release of Boundary that confines a template before and after.

    Attributes:
        old: before; None without a firewall, or where it is not recorded.
        new: the same afterwards.
        doubt: why the new one does not decide as is answered here, or that it has no audit, in
            words for the headline; empty where that is no news.
    """

    old: str | None = None
    new: str | None = None
    doubt: str = ""

    def lines(self) -> list[str]:
        """Return the doubt as lines of Markdown."""
        moves = self.old and self.old != self.new
        moved = f"{code(self.old or '')} → " * bool(moves) + code(self.new or "")
        return [f"- ⚠️ Boundary {moved}: **{self.doubt}**"] if self.doubt else []

    def to_json(self) -> dict[str, Any]:
        """Return the change as plain data."""
        return {"before": self.old, "after": self.new, "doubt": self.doubt}


def release_change(
    old: str | None, new: str | None, *, was: Policy | None, policy: Policy | None
) -> ReleaseChange:
    """Return what a move from `old` to `new` is.

    Args:
        old: the release before; with a policy before, None is one that is not recorded.
        new: the release afterwards.
        was: the policy before, None without a firewall.
        policy: the policy afterwards, None without a firewall.
    """
    if policy is None or new is None:
        return ReleaseChange(old, new)
    doubts = [_decides_otherwise(old, new, was, policy)]
    audited = was is None or (old is not None and has_audit(old))
    if audited and not has_audit(new):
        doubts.append(unaudited(new))
    return ReleaseChange(old, new, "; ".join(filter(None, doubts)))


def _decides_otherwise(old: str | None, new: str, was: Policy | None, policy: Policy) -> str:
    """Return why the new release does not decide as answered here, empty where that is no news."""
    doubt = doubt_of(new, policy)
    if was is None:
        return doubt
    if _is_unknown(new) and was.texts != policy.texts:
        # What other rules open there is not known either.
        return doubt
    if old is None:
        return ""
    if _decide_alike(old, new):
        # Of one release or of two alike: only a policy that it newly refuses is news.
        return doubt if _refuses(new, policy) and not _refuses(old, was) else ""
    return doubt


def _decide_alike(old: str, new: str) -> bool:
    before, after = releases_of(old), releases_of(new)
    # One unknown release is not another.
    return old == new or (before is not None and before == after and new != LATEST)


def _is_unknown(release: str) -> bool:
    return release == LATEST or releases_of(release) is None


def _refuses(release: str, policy: Policy) -> bool:
    found = releases_of(release)
    refuses = found is not None and found.effect == "refuses"
    return refuses and any(map(_REFUSED.search, policy.texts))


def doubt_of(release: str, policy: Policy) -> str:
    """Return why a release does not decide as NEWEST does on a policy, empty where it does.

    `latest` may be NEWEST today, and is not known of the day on which a workspace starts.
    """
    if release == LATEST:
        return _FLOATS
    found = releases_of(release)
    if found is None:
        return f"nothing is known of how Boundary {release} decides"
    if found.effect == "widens":
        return f"Boundary {release} takes `domain=` for every host below it"
    if _refuses(release, policy):
        return f"Boundary {release} refuses the policy's file, so no agent starts"
    return ""


@dataclass(frozen=True)
class Answered:
    """By which release a policy's answers are, where the stack's is another or decides otherwise.

    Attributes:
        release: the stack's.
        by: that by which they are.
        doubt: why the stack's may answer otherwise, empty where it does not.
        words: both for the head of the answers, empty where there is nothing to say.
    """

    release: str
    by: str
    doubt: str = ""
    words: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the same as plain data."""
        return {"release": self.release, "answeredAs": self.by, "doubt": self.doubt}


def answered(release: str, policy: Policy) -> Answered:
    """Return by which release the answers of `policy` are, decided by `as_decided`."""
    doubt = doubt_of(release, policy)
    found = releases_of(release)
    if found is not None and found.effect == "widens":
        return Answered(
            release, release, words=f"as {doubt.replace(' takes', ' decides: it takes')}"
        )
    if doubt:
        return Answered(release, NEWEST, doubt, f"as Boundary {NEWEST} decides: {doubt}")
    return Answered(release, NEWEST if release == LATEST else release)


def registered(pins: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the release of each template that registered one, by the pins of each."""
    return {name: each[PIN] for name, each in pins.items() if PIN in each}
