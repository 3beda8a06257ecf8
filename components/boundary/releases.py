"""Which releases of Boundary the answers hold for.

Rules and matching are the files rules.go and engine.go of `rulesengine`, compared by their content
at every release's tag; the URL is read by the net/url of the Go that the release is built of (its
workflow names 1.25) in the mode that its go.mod names. docs/policy.md has the same table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Number = tuple[int, int, int]

LATEST: Final = "latest"
NEWEST: Final = "v0.9.0"
"""The newest release there was on 2026-11-26, for which `latest` is taken."""

_NUMBER = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Releases:
    """Releases that decide alike.

    Attributes:
        first: number of the first.
        last: number of the last.
        difference: what they decide otherwise than is answered here, empty for nothing.
        effect: what that does: hosts below a rule's are let through too, or a rule's form has the
            whole file refused; empty for nothing.
    """

    first: Number
    last: Number
    difference: str
    effect: Literal["", "widens", "refuses"] = ""

    @property
    def title(self) -> str:
        """The releases in words."""
        return f"v{'.'.join(map(str, self.first))} to v{'.'.join(map(str, self.last))}"


RELEASES: Final = (
    Releases((0, 8, 1), (0, 9, 0), ""),
    Releases(
        (0, 5, 5),
        (0, 8, 0),
        "a `*` at the end of a path pattern is refused, with the whole file, where a comma or a "
        "space follows it",
        "refuses",
    ),
    Releases((0, 1, 0), (0, 5, 4), "a `domain` matches every host below it too", "widens"),
)


JAIL_KEY: Final = "jail_type"
"""What every configuration here has, so that an older release starts nothing."""

KEYS_SINCE: Final[dict[str, Number]] = {
    JAIL_KEY: (0, 4, 0),
    "use_real_dns": (0, 7, 0),
    "no_user_namespace": (0, 8, 1),
    "session_correlation_enabled": (0, 9, 1),
    "session_id_inject_targets": (0, 9, 1),
}
"""Keys of the configuration file that not every release reads, with the first that does (cli.go at
each tag). Session correlation is on the main branch after v0.9.0, and in no release seen so far."""


AUDIT_SINCE: Final[Number] = (0, 5, 0)
"""The first release that sends its audit to Coder's agent: audit/socket_auditor.go at its tag.

Before it a request leaves a line in Boundary's own log alone, inside the workspace."""


def has_audit(release: str) -> bool:
    """Whether `release` sends its audit to Coder; one of which nothing is known has."""
    number = _NUMBER.fullmatch(release)
    return number is None or tuple(map(int, number.groups())) >= AUDIT_SINCE


def unaudited(release: str) -> str:
    """Return in words that `release` has no audit."""
    return f"Boundary {release} sends Coder no audit: no request leaves a line"


def key_problem(key: str, release: str) -> str:
    """Return why a release cannot have a key of its configuration file, empty if it can.

    A release that does not know a key ends with an error, so nothing would start.

    Args:
        key: as the file has it.
        release: as v0.9.0, or `latest`, which is taken for NEWEST.
    """
    since = KEYS_SINCE.get(key)
    number = _NUMBER.fullmatch(NEWEST if release == LATEST else release)
    if since is None or number is None or tuple(map(int, number.groups())) >= since:
        return ""
    return f"needs Boundary v{'.'.join(map(str, since))} or newer; this one is {release}"


def releases_of(release: str) -> Releases | None:
    """Return the releases that decide as `release` does, None where nothing is known of it.

    `release` is a release as v0.9.0 or `latest`, which is taken for NEWEST.
    """
    number = _NUMBER.fullmatch(NEWEST if release == LATEST else release)
    if number is None:
        return None
    wanted = (int(number[1]), int(number[2]), int(number[3]))
    return next((each for each in RELEASES if each.first <= wanted <= each.last), None)


def release_doubt(release: str) -> str:
    """Return why the answers may not hold for `release`, empty where they do."""
    if release != LATEST and _NUMBER.fullmatch(release) is None:
        return f"Boundary {release!r} is no release: {_ANSWERED}"
    found = releases_of(release)
    if found is None:
        return f"Boundary {release} is not known here and may decide otherwise: {_ANSWERED}"
    if not found.difference:
        return ""
    return f"Boundary {release} decides otherwise: {found.difference}; {_ANSWERED}"


_ANSWERED: Final = f"the answers are those of {RELEASES[0].title}"
