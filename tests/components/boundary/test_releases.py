from itertools import pairwise

import pytest

from components.boundary import releases


@pytest.mark.parametrize("release", ["v0.9.0", "0.9.0", "v0.8.1", "0.8.3", "latest"])
def test_releases_that_are_answered_for_raise_no_doubt(release: str) -> None:
    assert releases.release_doubt(release) == ""


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ("v0.8.0", "Boundary v0.8.0 decides otherwise: a `*` at the end of a path pattern is"),
        ("0.5.5", "decides otherwise: a `*` at the end"),
        ("v0.5.4", "decides otherwise: a `domain` matches every host below it too"),
        ("v0.9.1", "Boundary v0.9.1 is not known here and may decide otherwise"),
        ("v1.0.0", "is not known here"),
        ("v0.10.0", "is not known here"),
        ("main", "'main' is no release"),
    ],
)
def test_another_release_is_told_with_what_it_decides_otherwise(release: str, said: str) -> None:
    doubt = releases.release_doubt(release)
    assert said in doubt
    assert doubt.endswith("the answers are those of v0.8.1 to v0.9.0")


def test_the_ranges_neither_overlap_nor_leave_a_hole_in_what_is_known() -> None:
    ordered = sorted(releases.RELEASES, key=lambda each: each.first)
    for one, two in pairwise(ordered):
        assert one.first <= one.last < two.first <= two.last
