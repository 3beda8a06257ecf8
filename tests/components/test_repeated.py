"""Values that must differ."""

import pytest

from components.repeated import repeated


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([], []),
        (["a", "b"], []),
        (["a", "b", "a", "a", "b"], [2, 3, 4]),
        ([None, "a", None, "a"], [3]),
    ],
)
def test_a_repeated_value_is_named_by_its_place(
    values: list[str | None], places: list[int]
) -> None:
    assert list(repeated(values)) == places
