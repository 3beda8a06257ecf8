"""Requests by which a pattern leads to a route of Coder."""

import itertools

import pytest

from components.boundary.paths import SOME, by_dots, straight
from components.boundary.rule import matches_pattern

KEY = "/api/v2/workspaceagents/me/gitsshkey"


def split(path: str) -> tuple[str, ...]:
    return tuple(path.strip("/").split("/"))


def resolved(segments: tuple[str, ...]) -> tuple[str, ...]:
    """What is left of a path when slashes are joined and dots resolved (RFC 3986, 5.2.4)."""
    left: list[str] = []
    for each in segments:
        if each == "..":
            left = left[:-1]
        elif each not in ("", "."):
            left.append(each)
    return tuple(left)


@pytest.mark.parametrize(
    ("pattern", "request_"),
    [
        (KEY, KEY),
        (f"/*{KEY}", f"/{KEY}"),
        ("/*/*/*/*/*", KEY),
        ("/api/*/v2/*/me/*", "/api//v2/workspaceagents/me/gitsshkey"),
        ("/api/*", KEY),
        ("/api/v2/workspaceagents/me/gitsshkey/*", f"{KEY}/"),
    ],
)
def test_a_request_for_a_route_is_made_of_the_pattern(pattern: str, request_: str) -> None:
    made = straight(split(pattern), split(KEY))
    assert made is not None
    assert "/" + "/".join(made) == request_
    assert matches_pattern(split(pattern), made)


def test_an_id_of_a_rule_stays_and_any_other_is_made_up() -> None:
    state = split("/api/v2/workspacebuilds/*/state")
    assert straight(split("/api/v2/workspacebuilds/7/state"), state) == (
        *("api", "v2", "workspacebuilds", "7", "state"),
    )
    assert straight(split("/api/v2/workspacebuilds/*/*"), state) == (
        *("api", "v2", "workspacebuilds", SOME, "state"),
    )
    assert straight(split("/api/v2/workspacebuilds/*/logs"), state) is None


def test_dot_segments_lead_exactly_where_resolving_them_does() -> None:
    """Held to trying every request of a pattern of few segments."""
    route = ("a", "b")
    words = ("a", "b", "..", ".", "", "x")
    for length in (1, 2, 3, 4):
        # At the end a `*` is more than one segment.
        for pattern in itertools.product(("a", "b", "c", "*", ".."), repeat=length):
            if pattern[-1] == "*":
                continue
            places = [words if each == "*" else (each,) for each in pattern]
            reached = any(resolved(each) == route for each in itertools.product(*places))
            made = straight(pattern, route) or by_dots(pattern, route)
            assert (made is not None) is reached, pattern
            assert made is None or (resolved(made) == route and matches_pattern(pattern, made))


@pytest.mark.parametrize(
    "pattern", ["/api/v2/aibridge/*", "/x/*", "/api/v2/workspaceagents/me/*", "/a/*/c/*"]
)
def test_below_a_pattern_with_an_open_end_dot_segments_lead_everywhere(pattern: str) -> None:
    route = split("/api/v2/users/me/keys/tokens")
    made = by_dots(split(pattern), route)
    assert made is not None
    assert resolved(made) == route
    assert matches_pattern(split(pattern), made)


def test_a_pattern_of_many_wildcards_is_answered_at_once() -> None:
    assert by_dots(("x", *["*"] * 40, "y"), split(KEY)) is None
